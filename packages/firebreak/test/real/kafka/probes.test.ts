/**
 * What a broker and the client do, where the adapter depends on it. ADR 0013 has a table of what each has decided. P5 and P6
 * are in kafka/brokers.test.ts, P8 is in unit/kafka/partitioner.test.ts.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  Producer as ClientProducer,
  type Connection,
  Consumer,
  encodeConsumerProtocolAssignment,
  encodeConsumerProtocolSubscription,
  FetchIsolationLevels,
  fetchV13,
  findCoordinatorV4,
  heartbeatV4,
  initProducerIdV4,
  joinGroupV9,
  offsetCommitV8,
  offsetFetchV8,
  ProduceAcks,
  syncGroupV5,
} from '@platformatic/kafka'
import type { Log } from '../../../src/contracts/log.ts'
import { Cluster, type TopicMeta } from '../../../src/kafka/cluster/kafka-cluster.ts'
import { ask, Connections } from '../../../src/kafka/cluster/kafka-connections.ts'
import { settingsOf } from '../../../src/kafka/cluster/kafka-options.ts'
import { systemClock } from '../../../src/node/clock.ts'
import { record } from '../../../src/testing/conformance/log-scene.ts'
import { brokers, mortalLog, noKafka, unique, until } from './scene.ts'

interface Scene {
  readonly log: Log
  readonly topic: string
  readonly cluster: Cluster
  /** To the broker that coordinates groups and transactions, and leads: in these tests there is one. */
  connect(channel: string): Promise<Connection>
}

const probe = (name: string, play: (scene: Scene) => Promise<void>): void => {
  test(name, { skip: noKafka, timeout: 60_000 }, async () => {
    const { log } = mortalLog()
    const connections = new Connections(settingsOf({ brokers }))
    const cluster = new Cluster(connections, systemClock)
    const topic = unique('probe')
    try {
      await log.ensureTopics([{ name: topic, partitions: 2 }])
      await cluster.learn([topic])
      await play({
        log,
        topic,
        cluster,
        connect: async (channel) => connections.get(await cluster.coordinator(topic), channel, 20_000),
      })
    } finally {
      await connections.close()
      await log.close()
    }
  })
}

probe(
  'P1: metadata of a commit comes back, 4096 characters of any alphabet, and one more is refused',
  async (scene) => {
    const { topic } = scene
    const connection = await scene.connect('a')
    const commit = async (committedMetadata: string): Promise<number | undefined> => {
      const partitions = [{ partitionIndex: 0, committedOffset: 1n, committedLeaderEpoch: -1, committedMetadata }]
      const answer = await ask(connection, offsetCommitV8.api, topic, -1, '', null, [{ name: topic, partitions }])
      return answer.topics[0]?.partitions[0]?.errorCode
    }
    const text = 'é漢'.repeat(2048)
    assert.equal(await commit(text), 0)
    assert.equal(await commit(`${text}x`), 12)
    const topics = [{ name: topic, partitionIndexes: [0] }]
    const answer = await ask(connection, offsetFetchV8.api, [{ groupId: topic, topics }] as never, true)
    assert.equal(answer.groups[0]?.topics[0]?.partitions[0]?.metadata, text)
  },
)

probe(
  'P2: the client sends no heartbeat while its revoke hook waits, so a slow drain costs the membership',
  async (scene) => {
    const { log, topic } = scene
    // The client asks the hook before every try to join; only what comes after the first join is held up.
    let isArmed = false
    let isWaiting = false
    const gate = Promise.withResolvers<void>()
    const member = (protocolsMetadata: () => Promise<Buffer>): Consumer =>
      new Consumer({
        clientId: 'probe',
        groupId: topic,
        bootstrapBrokers: [...brokers],
        protocols: [{ name: 'cooperative-sticky', version: 2 }],
        protocolsMetadata,
        sessionTimeout: 1500,
        rebalanceTimeout: 5000,
        heartbeatInterval: 100,
        retries: 0,
      } as never)
    const nothing = Buffer.alloc(0)
    const first = member(async () => {
      isWaiting = isArmed
      if (isArmed) await gate.promise
      return nothing
    })
    const second = member(async () => nothing)
    try {
      for (const consumer of [first, second]) {
        consumer.on('error', () => undefined)
        await consumer.topics.trackAll(topic)
      }
      await first.joinGroup({})
      isArmed = true
      const mine = first.memberId ?? ''
      const isMember = async (): Promise<boolean> => (await log.inspect().members(topic)).some(({ id }) => id === mine)
      assert.ok(await isMember())
      second.joinGroup({}).catch(() => undefined)
      await until('the hook waits', () => isWaiting)
      await until('the broker has given the member up', async () => !(await isMember()))
    } finally {
      gate.resolve()
      for (const consumer of [first, second]) await consumer.close(true).catch(() => undefined)
    }
  },
)

probe('P3: a transactional id goes on after a restart with -1/-1, and is fenced with 0/0', async (scene) => {
  const connection = await scene.connect('a')
  const begin = (
    id: bigint,
    epoch: number,
  ): Promise<{ errorCode: number; producerId: bigint; producerEpoch: number }> =>
    ask(connection, initProducerIdV4.api, scene.topic, 60_000, id, epoch)
  const passing = new Set([14, 15, 16, 51])
  let first = await begin(-1n, -1)
  await until('the coordinator is there', async () => {
    // To be asked for it makes a new broker create the topic of its transactions; to be asked for an id does not.
    await ask(connection, findCoordinatorV4.api, 1, [scene.topic])
    if (passing.has(first.errorCode)) first = await begin(-1n, -1)
    return first.errorCode === 0
  })
  const again = await begin(-1n, -1)
  assert.deepEqual(
    [again.errorCode, again.producerId, again.producerEpoch],
    [0, first.producerId, first.producerEpoch + 1],
  )
  assert.equal((await begin(0n, 0)).errorCode, 90)
})

probe('P4: the client hands out aborted records when their end is in another fetch', async ({ log, topic }) => {
  const identity = { producerId: -1n, producerEpoch: -1, transactionalId: topic, timeout: 60_000 }
  const client = { clientId: 'probe', bootstrapBrokers: [...brokers] }
  const producer = new ClientProducer({ ...client, ...identity, idempotent: true, acks: ProduceAcks.ALL })
  const transaction = await producer.beginTransaction()
  for (let i = 0; i < 8; i++) {
    const value = Buffer.from(`aborted ${i} ${'x'.repeat(500)}`)
    await transaction.send({ messages: [{ topic, partition: 0, value }] as never })
  }
  await transaction.abort()
  await producer.close()
  await log.append([record(topic, 'k', 'plain', 0)])
  const consumer = new Consumer({
    ...client,
    groupId: topic,
    maxBytes: 1024,
    isolationLevel: 'READ_COMMITTED',
  } as never)
  const stream = await consumer.consume({
    topics: [topic],
    mode: 'earliest',
    autocommit: false,
    maxBytes: 1024,
    maxWaitTime: 100,
    isolationLevel: FetchIsolationLevels.READ_COMMITTED,
  } as never)
  const seen: string[] = []
  for await (const message of stream) {
    seen.push(String(message.value))
    if (seen.at(-1) === 'plain') break
  }
  await consumer.close(true)
  assert.ok(seen.filter((value) => value.startsWith('aborted')).length > 0)
  const ours = await log.inspect().read({ topic, partition: 0, offset: 0 }, 100)
  assert.deepEqual(
    ours.map(({ value }) => String(value)),
    ['plain'],
  )
})

probe(
  'P7: a broker answers the requests of one connection in turn: behind a fetch that waits, all wait',
  async (scene) => {
    const { log, topic, cluster } = scene
    await log.append([record(topic, 'k', 'so that both are led', 0), record(topic, 'k', 'by now', 1)])
    const order: string[] = []
    const beat = async (channel: string): Promise<void> => {
      await ask(await scene.connect(channel), heartbeatV4.api, topic, 1, 'nobody')
      order.push(channel)
    }
    await scene.connect('b')
    const fetching = fetch(await scene.connect('a'), cluster.topic(topic), [1n, 1n], 1000)
    const all = [fetching.then(() => order.push('fetch')), beat('a'), beat('b')]
    await Promise.all(all)
    assert.deepEqual(order, ['b', 'fetch', 'a'])
  },
)

probe(
  'P9: an offset out of range is the error of its partition alone, and the others bring their records',
  async (scene) => {
    const { log, topic, cluster } = scene
    await log.append([record(topic, 'k', 'here', 0), record(topic, 'k', 'here', 1)])
    const answer = await fetch(await scene.connect('a'), cluster.topic(topic), [77n, 0n], 0)
    const partitions = answer.responses[0]?.partitions ?? []
    const byIndex = (index: number): (typeof partitions)[number] | undefined =>
      partitions.find(({ partitionIndex }) => partitionIndex === index)
    assert.equal(byIndex(0)?.errorCode, 1)
    assert.equal(byIndex(1)?.errorCode, 0)
    assert.equal(byIndex(1)?.records?.length, 1)
  },
)

probe('P10: a second member with the same instance id fences the first, in heartbeats and commits', async (scene) => {
  const { topic } = scene
  const connection = await scene.connect('a')
  const metadata = encodeConsumerProtocolSubscription({ version: 1, topics: [topic] } as never)
  const protocols = [{ name: 'cooperative-sticky', metadata }]
  const join = (): ReturnType<typeof joinGroupV9.api.async> =>
    ask(connection, joinGroupV9.api, topic, 6000, 6000, '', 'instance', 'consumer', protocols, null)
  const first = await join()
  const assignment = encodeConsumerProtocolAssignment({ version: 1, assignedPartitions: [] } as never)
  const { memberId, generationId } = first
  const assignments = [{ memberId, assignment }]
  await ask(
    connection,
    syncGroupV5.api,
    topic,
    generationId,
    memberId,
    'instance',
    'consumer',
    'cooperative-sticky',
    assignments,
  )
  const second = await join()
  assert.notEqual(second.memberId, memberId)
  const beat = await ask(connection, heartbeatV4.api, topic, generationId, memberId, 'instance')
  assert.equal(beat.errorCode, 82)
  const partitions = [{ partitionIndex: 0, committedOffset: 1n, committedLeaderEpoch: -1, committedMetadata: null }]
  const topics = [{ name: topic, partitions }]
  const commit = await ask(connection, offsetCommitV8.api, topic, generationId, memberId, 'instance', topics)
  assert.equal(commit.topics[0]?.partitions[0]?.errorCode, 82)
})

type Fetched = Awaited<ReturnType<typeof fetchV13.api.async>>

function fetch(
  connection: Connection,
  topic: TopicMeta | undefined,
  at: readonly bigint[],
  waitMs: number,
): Promise<Fetched> {
  const partitions = at.map((fetchOffset, partition) => ({
    partition,
    fetchOffset,
    currentLeaderEpoch: -1,
    lastFetchedEpoch: -1,
    partitionMaxBytes: 1_048_576,
  }))
  const topics = [{ topicId: topic?.id ?? '', partitions }]
  return ask(connection, fetchV13.api, waitMs, 1, 1_048_576, 1, 0, -1, topics, [], '')
}
