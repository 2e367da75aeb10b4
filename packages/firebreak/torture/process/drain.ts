import { partitionId } from '../../src/contracts/log.ts'
import { followedTopic, ordersTopic } from '../history/events.ts'
import type { ServiceName } from './services.ts'
import type { Stores } from './stores.ts'

const topicOf: Readonly<Record<ServiceName, string>> = { first: ordersTopic, second: followedTopic }

/** What is not finished yet, in words, upstream first; empty when everything has come to rest. */
export async function unfinished(stores: Stores): Promise<readonly string[]> {
  const found: string[] = []
  for (const name of ['producer-1', 'producer-2']) found.push(...(await rowsLeft(stores, name, 'fb_outbox')))
  for (const name of ['first', 'second'] as const) {
    found.push(...(await rowsLeft(stores, name, 'fb_parked')))
    found.push(...(await positionsLeft(stores, name)))
    found.push(...(await rowsLeft(stores, name, 'fb_outbox')))
  }
  return found
}

async function rowsLeft({ databases }: Stores, name: string, table: string): Promise<string[]> {
  const rows = await databases.get(name)?.query<{ n: number }>(`SELECT count(*) AS n FROM ${table}`)
  const count = rows?.[0]?.n ?? 0
  return count === 0 ? [] : [`${name}: ${count} rows in ${table}`]
}

interface PartitionRow {
  readonly part: number
  readonly next_position: number | null
  readonly above: string
  readonly holder: string | null
}

async function positionsLeft({ log, databases }: Stores, name: ServiceName): Promise<string[]> {
  const topic = topicOf[name]
  const sql = 'SELECT part, next_position, above, holder FROM fb_partitions WHERE topic = $1'
  const rows = (await databases.get(name)?.query<PartitionRow>(sql, [topic])) ?? []
  const committed = new Map((await log.inspect().committed(name)).map((at) => [partitionId(at), at.offset]))
  const ends = (await log.inspect().topics()).find((info) => info.name === topic)?.ends ?? []
  return ends.flatMap(({ partition, next }) => {
    const row = rows.find(({ part }) => part === partition)
    const known = committed.get(partitionId({ topic, partition })) ?? 0
    if ((row?.next_position ?? 0) >= next && known >= next) return []
    const above = row?.above ? ` (and ${row.above})` : ''
    return [
      `${name}: ${topic}/${partition} at ${row?.next_position ?? 'none'}${above} of ${next}, log at ${known}, held by ${row?.holder ?? 'nobody'}`,
    ]
  })
}
