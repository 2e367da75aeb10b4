import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type KafkaCluster, startKafka } from '../../../../../scripts/infra/kafka-cluster.ts'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import type { Cursor, Log, LogEntry } from '../../../src/contracts/log.ts'
import type { KafkaOptions } from '../../../src/kafka/cluster/kafka-options.ts'
import { record, take, texts } from '../../../src/testing/conformance/log-scene.ts'
import { mortalLog, noJava, soonGone, unique, until } from './scene.ts'

let cluster: KafkaCluster | undefined
const folder = mkdtempSync(join(tmpdir(), 'firebreak-kafka-'))
after(async () => {
  await cluster?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const kafkaTest = (
  name: string,
  play: (scene: { cluster: KafkaCluster; log: Log; topic: string }) => Promise<void>,
  options: Partial<KafkaOptions> = {},
): void => {
  test(`kafka brokers: ${name}`, { skip: noJava, timeout: 240_000 }, async () => {
    cluster ??= await startKafka({ folder, nodes: 3, settings: soonGone })
    const { log } = mortalLog({ brokers: cluster.brokers, ...options })
    try {
      await play({ cluster, log, topic: unique('orders') })
    } finally {
      await log.close()
    }
  })
}

async function readInto(cursor: Cursor, entries: LogEntry[]): Promise<void> {
  const got = await take(cursor).catch((error) => {
    if (!isFirebreakError(error, 'FB_LOG_UNAVAILABLE')) throw error
    return []
  })
  entries.push(...got)
}

/** Values of one partition as the log has them, each once. */
async function stored(log: Log, topic: string, partition: number): Promise<string[]> {
  return texts(await log.inspect().read({ topic, partition, offset: 0 }, 100_000))
}

kafkaTest(
  'too few replicas: appends end as unknown, and when the brokers are back nothing is doubled or turned round',
  async ({ cluster, log, topic }) => {
    await log.ensureTopics([{ name: topic, partitions: 1 }])
    await log.append([record(topic, 'k', '0')])
    const [, second, third] = cluster.nodes
    assert.ok(second !== undefined && third !== undefined)
    await Promise.all([second.kill(), third.kill()])
    const lost = await Promise.allSettled(['1', '2'].map((value) => log.append([record(topic, 'k', value)])))
    for (const outcome of lost)
      assert.ok(outcome.status === 'rejected' && isFirebreakError(outcome.reason, 'FB_LOG_UNAVAILABLE'))
    await Promise.all([second.start(), third.start()])
    await cluster.ready()
    await log.append([record(topic, 'k', '3')])
    await log.append([record(topic, 'k', '4')])
    const found = await stored(log, topic, 0)
    assert.deepEqual(found, [...new Set(found)].sort())
    assert.deepEqual(
      found.filter((value) => value !== '1' && value !== '2'),
      ['0', '3', '4'],
    )
  },
  { appendTimeoutMs: 6000 },
)

kafkaTest('a leader is killed while records flow: each is stored once, in order, and read', async (scene) => {
  const { cluster, log, topic } = scene
  const partitions = [0, 1, 2]
  await log.ensureTopics([{ name: topic, partitions: 3 }])
  const cursor = await log.open(unique('readers'), [topic])
  const sent = [0, 0, 0]
  let isOver = false
  const writing = partitions.map(async (partition) => {
    for (let i = 0; !isOver; i++) {
      await log.append([record(topic, 'k', String(i), partition)])
      sent[partition] = i + 1
    }
  })
  const entries: LogEntry[] = []
  const flows = (): Promise<void> => {
    const before = [...sent]
    const seen = entries.length
    return until('every partition is written to and something is read', async () => {
      await readInto(cursor, entries)
      return partitions.every((p) => (sent[p] ?? 0) > (before[p] ?? 0) + 20) && entries.length > seen + 20
    })
  }
  await flows()
  // Each of three brokers leads one of three partitions.
  await cluster.nodes[0]?.kill()
  await flows()
  isOver = true
  await Promise.all(writing)
  const all = partitions.map((partition) => Array.from({ length: sent[partition] ?? 0 }, (_, i) => String(i)))
  for (const partition of partitions) assert.deepEqual(await stored(log, topic, partition), all[partition])
  const distinct = (partition: number): string[] => [
    ...new Set(texts(entries.filter((entry) => entry.partition === partition))),
  ]
  await until('the last of each is read', async () => {
    await readInto(cursor, entries)
    const last = (partition: number): boolean =>
      entries.some((entry) => entry.partition === partition && texts([entry])[0] === all[partition]?.at(-1))
    return partitions.every(last)
  })
  for (const partition of partitions) assert.deepEqual(distinct(partition), all[partition])
})
