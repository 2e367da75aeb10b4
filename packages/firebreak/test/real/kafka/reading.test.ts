import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Admin, Producer as ClientProducer, ProduceAcks } from '@platformatic/kafka'
import type { Cursor, Log, LogEntry } from '../../../src/contracts/log.ts'
import type { KafkaOptions } from '../../../src/kafka/cluster/kafka-options.ts'
import { after, record, rejectsWith, take, texts } from '../../../src/testing/conformance/log-scene.ts'
import { brokers, mortalLog, noKafka, unique, until } from './scene.ts'

const client = { clientId: 'operator', bootstrapBrokers: [...brokers] }

const kafkaTest = (
  name: string,
  play: (scene: { log: Log; topic: string; admin: Admin }) => Promise<void>,
  options: Partial<KafkaOptions> = {},
): void => {
  test(`kafka reading: ${name}`, { skip: noKafka, timeout: 60_000 }, async () => {
    const { log } = mortalLog(options)
    const admin = new Admin(client)
    try {
      await play({ log, topic: unique('orders'), admin })
    } finally {
      await log.close()
      await admin.close()
    }
  })
}

async function collect(cursor: Cursor, count: number): Promise<LogEntry[]> {
  const entries: LogEntry[] = []
  await until(`${count} records have come`, async () => {
    entries.push(...(await take(cursor)))
    return entries.length >= count
  })
  return entries
}

/** One transaction after the other, by a foreign producer. */
async function transact(
  topic: string,
  steps: readonly { values: readonly string[]; commit: boolean }[],
): Promise<void> {
  // -1: the client sends 0 by default, which a broker takes for another producer of this name.
  const identity = { producerId: -1n, producerEpoch: -1, transactionalId: unique('transaction') }
  const producer = new ClientProducer({
    ...client,
    ...identity,
    idempotent: true,
    acks: ProduceAcks.ALL,
    timeout: 60_000,
  })
  for (const { values, commit } of steps) {
    const transaction = await producer.beginTransaction()
    for (const value of values) {
      const message = { topic, partition: 0, key: Buffer.from('k'), value: Buffer.from(value) }
      await transaction.send({ messages: [message] as never })
    }
    await (commit ? transaction.commit() : transaction.abort())
  }
  await producer.close()
}

const aborted = (name: string, count: number): { values: string[]; commit: false } => ({
  values: Array.from({ length: count }, (_, i) => `${name}-${i}-${'x'.repeat(500)}`),
  commit: false,
})

kafkaTest(
  'aborted records are not read, however the fetches cut the transactions',
  async ({ log, topic }) => {
    await log.ensureTopics([{ name: topic, partitions: 1 }])
    await transact(topic, [
      aborted('first', 8),
      { values: ['a'], commit: true },
      aborted('second', 2),
      aborted('third', 8),
      { values: ['b', 'c'], commit: true },
    ])
    await log.append([record(topic, 'k', 'plain')])
    const cursor = await log.open(unique('readers'), [topic])
    const got = await collect(cursor, 4)
    assert.deepEqual(texts(got), ['a', 'b', 'c', 'plain'])
    const rest = await log.inspect().read({ topic, partition: 0, offset: 0 }, 100)
    assert.deepEqual(texts(rest), ['a', 'b', 'c', 'plain'])
  },
  { fetch: { partitionBytes: 1024 } },
)

kafkaTest(
  'a transaction that is open holds the partition, and its records come when it commits',
  async ({ log, topic }) => {
    await log.ensureTopics([{ name: topic, partitions: 1 }])
    const identity = { producerId: -1n, producerEpoch: -1, transactionalId: unique('transaction') }
    const producer = new ClientProducer({
      ...client,
      ...identity,
      idempotent: true,
      acks: ProduceAcks.ALL,
      timeout: 60_000,
    })
    const transaction = await producer.beginTransaction()
    await transaction.send({ messages: [{ topic, partition: 0, value: Buffer.from('inside') }] as never })
    await log.append([record(topic, 'k', 'behind')])
    const cursor = await log.open(unique('readers'), [topic])
    assert.deepEqual(await take(cursor, 10, 200), [])
    await transaction.commit()
    assert.deepEqual(texts(await collect(cursor, 2)), ['inside', 'behind'])
    await producer.close()
  },
)

kafkaTest(
  'a group below the oldest record goes on there, and its other partitions are not disturbed',
  async (scene) => {
    const { log, topic, admin } = scene
    await log.ensureTopics([{ name: topic, partitions: 2 }])
    await log.append(Array.from({ length: 20 }, (_, i) => record(topic, 'k', `${i % 2}-${Math.floor(i / 2)}`, i % 2)))
    const group = unique('readers')
    const first = await log.open(group, [topic])
    await first.commit(after((await collect(first, 20)).filter((entry) => entry.offset < 2)))
    await first.close()
    await admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: 7n }] }] })
    const again = await log.open(group, [topic])
    const got = await collect(again, 11)
    const of = (partition: number): number[] =>
      got.filter((one) => one.partition === partition).map((one) => one.offset)
    assert.deepEqual(of(0), [7, 8, 9])
    assert.deepEqual(of(1), [2, 3, 4, 5, 6, 7, 8, 9])
  },
)

kafkaTest('a reader that records are deleted under goes on at the oldest', async ({ log, topic, admin }) => {
  await log.ensureTopics([{ name: topic, partitions: 1 }])
  const cursor = await log.open(unique('readers'), [topic])
  cursor.pause([{ topic, partition: 0 }])
  await take(cursor)
  await log.append(Array.from({ length: 5 }, (_, i) => record(topic, 'k', String(i))))
  await admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: 4n }] }] })
  cursor.pause([])
  assert.equal(texts(await collect(cursor, 1)).at(-1), '4')
})

kafkaTest('a position beyond the end is an error and not silence', async ({ log, topic }) => {
  await log.ensureTopics([{ name: topic, partitions: 1 }])
  await log.append([record(topic, 'k', 'only')])
  const group = unique('readers')
  const cursor = await log.open(group, [topic])
  await cursor.commit([{ topic, partition: 0, offset: 50 }])
  await cursor.close()
  const again = await log.open(group, [topic])
  await rejectsWith(
    again.poll({ recordsMax: 1, waitMs: 20_000, signal: new AbortController().signal }),
    'FB_LOG_TRUNCATED',
  )
})

kafkaTest('a topic that is created anew under a reader is an error, and a new member starts clean', async (scene) => {
  const { log, topic, admin } = scene
  await log.ensureTopics([{ name: topic, partitions: 1 }])
  await log.append([record(topic, 'k', 'old'), record(topic, 'k', 'old too')])
  const group = unique('readers')
  const cursor = await log.open(group, [topic])
  await cursor.commit(after(await collect(cursor, 2)))
  await admin.deleteTopics({ topics: [topic] })
  await admin.createTopics({ topics: [topic], partitions: 1, replicas: 1 })
  await log.append([record(topic, 'k', 'new')])
  await rejectsWith(collect(cursor, 1), 'FB_LOG_TRUNCATED')
  await cursor.close()
  const again = await log.open(group, [topic])
  assert.deepEqual(texts(await collect(again, 1)), ['new'])
})

kafkaTest('a topic that is deleted under a reader is an error', async ({ log, topic, admin }) => {
  await log.ensureTopics([{ name: topic, partitions: 1 }])
  const cursor = await log.open(unique('readers'), [topic])
  await admin.deleteTopics({ topics: [topic] })
  await rejectsWith(
    cursor.poll({ recordsMax: 1, waitMs: 40_000, signal: new AbortController().signal }),
    'FB_TOPIC_UNKNOWN',
  )
})

kafkaTest(
  'a batch that is larger than what a partition may fetch ahead still comes',
  async ({ log, topic }) => {
    await log.ensureTopics([{ name: topic, partitions: 3 }])
    const large = 'x'.repeat(200_000)
    await log.append([0, 1, 2].map((partition) => record(topic, 'k', `${partition}${large}`, partition)))
    const got = await collect(await log.open(unique('readers'), [topic]), 3)
    assert.deepEqual(
      texts(got)
        .map((one) => one[0])
        .sort(),
      ['0', '1', '2'],
    )
  },
  { fetch: { partitionBytes: 1024, totalBytes: 2048 } },
)

for (const compression of ['gzip', 'snappy', 'lz4', 'zstd'] as const) {
  kafkaTest(
    `the broker takes batches that were compressed with ${compression}`,
    async ({ log, topic }) => {
      await log.ensureTopics([{ name: topic, partitions: 1 }])
      const sent = Array.from({ length: 50 }, (_, i) => record(topic, `key-${i}`, `${i}-${'y'.repeat(100)}`))
      await log.append(sent)
      const got = await collect(await log.open(unique('readers'), [topic]), 50)
      assert.deepEqual(
        got.map(({ key }) => key),
        sent.map(({ key }) => key),
      )
    },
    { compression },
  )
}
