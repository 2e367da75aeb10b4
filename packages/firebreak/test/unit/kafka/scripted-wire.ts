/** What the scripted and the simulated group share: the client's requests and answers, without a socket. */
import { Reader, type Writer } from '@platformatic/kafka'
import type { Position } from '../../../src/contracts/log.ts'
import type { Connections } from '../../../src/kafka/cluster/kafka-connections.ts'
import { type KafkaOptions, settingsOf } from '../../../src/kafka/cluster/kafka-options.ts'
import { decodeSubscription, type Subscription } from '../../../src/kafka/group/group-codec.ts'

export interface Join extends Subscription {
  readonly memberId: string
  readonly metadata: Buffer
}

export interface Commit {
  readonly memberId: string
  readonly generation: number
  readonly positions: readonly Position[]
}

export interface Request {
  readonly name: string
  readonly channel: string
  readonly body: Writer
}

/** The arguments of the client's `Connection.send`. */
type Sent = [
  key: number,
  version: number,
  body: () => Writer,
  parse: unknown,
  requestTags: unknown,
  responseTags: unknown,
  done: Callback,
]
type Callback = (error: Error | null, answer?: unknown) => void

const node = { nodeId: 1, host: 'node', port: 1 }
const names: Readonly<Record<number, string>> = {
  1: 'fetch',
  2: 'ends',
  3: 'metadata',
  8: 'commit',
  9: 'positions',
  10: 'coordinator',
  11: 'join',
  12: 'beat',
  13: 'leave',
  14: 'sync',
  18: 'versions',
  42: 'remove',
}

/** Connections whose requests `answer` answers; an `Error` is a connection that ends. `opened` has the channels of those there are. */
export function scriptedConnections(
  answer: (request: Request) => Promise<unknown>,
  options: Partial<KafkaOptions>,
  opened: Set<string> = new Set(),
): Connections {
  const waiting = new Map<Callback, string>()
  const get = async (_to: unknown, channel: string): Promise<unknown> => {
    opened.add(channel)
    const send = (...[key, , body, , , , done]: Sent): void => {
      const finish: Callback = (error, response) => {
        if (waiting.delete(finish)) done(error, response)
      }
      waiting.set(finish, channel)
      answer({ name: names[key] ?? String(key), channel, body: body() }).then(
        (said) => (said instanceof Error ? finish(said) : finish(null, said)),
        (error) => finish(error),
      )
    }
    return { send }
  }
  const drop = async (channel: string): Promise<void> => {
    opened.delete(channel)
    for (const [done, of] of waiting) if (of === channel) done(new Error('the connection was closed'))
  }
  const settings = settingsOf({ brokers: ['node:1'], ...options })
  return { settings, get, drop, close: async () => undefined } as unknown as Connections
}

export const versionsAnswer = (): unknown => ({
  apiKeys: Array.from({ length: 100 }, (_, apiKey) => ({ apiKey, minVersion: 0, maxVersion: 99 })),
})

export const coordinatorAnswer = (errorCode: number): unknown => ({ coordinators: [{ ...node, errorCode }] })

export function metadataAnswer(known: ReadonlyMap<string, number>, asked: readonly string[]): unknown {
  const topics = asked.map((name) => {
    const partitions = Array.from({ length: known.get(name) ?? 0 }, (_, partitionIndex) => ({
      partitionIndex,
      leaderId: 1,
      leaderEpoch: 0,
    }))
    return { name, topicId: name, errorCode: known.has(name) ? 0 : 3, isInternal: false, partitions }
  })
  return { brokers: [node], topics }
}

export function endsAnswer(known: ReadonlyMap<string, number>): unknown {
  const topics = [...known].map(([name, count]) => ({
    name,
    partitions: Array.from({ length: count }, (_, partitionIndex) => ({ partitionIndex, errorCode: 0, offset: 0n })),
  }))
  return { topics }
}

export function readTopics(body: Writer): readonly string[] {
  return Reader.from(body).readArray((topic) => {
    topic.readUUID()
    return topic.readString()
  })
}

export function readJoin(body: Writer): Join {
  const reader = Reader.from(body)
  reader.readString()
  reader.readInt32()
  reader.readInt32()
  const memberId = reader.readString()
  reader.readNullableString()
  reader.readString()
  const [metadata = Buffer.alloc(0)] = reader.readArray((protocol) => {
    protocol.readString()
    return Buffer.from(protocol.readBytes())
  })
  return { memberId, metadata, ...decodeSubscription(metadata) }
}

export function readCommit(body: Writer): Commit {
  const reader = Reader.from(body)
  reader.readString()
  const generation = reader.readInt32()
  const memberId = reader.readString()
  reader.readNullableString()
  const positions: Position[] = []
  reader.readArray((topics) => {
    const topic = topics.readString()
    topics.readArray((partitions) => {
      const partition = partitions.readInt32()
      positions.push({ topic, partition, offset: Number(partitions.readInt64()) })
      partitions.readInt32()
      partitions.readNullableString()
    })
  })
  return { memberId, generation, positions }
}

export function readBeat(body: Writer): { memberId: string; generation: number } {
  const reader = Reader.from(body)
  reader.readString()
  const generation = reader.readInt32()
  return { generation, memberId: reader.readString() }
}

export interface Sync {
  readonly memberId: string
  readonly generation: number
  /** Of the leader; empty from others. */
  readonly assignments: ReadonlyMap<string, Buffer>
}

export function readSync(body: Writer): Sync {
  const reader = Reader.from(body)
  reader.readString()
  const generation = reader.readInt32()
  const memberId = reader.readString()
  reader.readNullableString()
  reader.readNullableString()
  reader.readNullableString()
  const assignments = reader.readArray((one) => [one.readString(), Buffer.from(one.readBytes())] as const)
  return { memberId, generation, assignments: new Map(assignments) }
}

export function readLeave(body: Writer): readonly string[] {
  const reader = Reader.from(body)
  reader.readString()
  return reader.readArray((member) => {
    const memberId = member.readString()
    member.readNullableString()
    member.readNullableString()
    return memberId
  })
}
