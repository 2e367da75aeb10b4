import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import { storedOf } from '../../../src/contracts/log.ts'
import { AppendCall, AppendQueue } from '../../../src/kafka/producer/append-queue.ts'
import { Producer } from '../../../src/kafka/producer/kafka-producer.ts'
import { payloadBytes } from '../../../src/kafka/protocol/record-batch-writer.ts'
import { record, rejectsWith } from '../../../src/testing/conformance/log-scene.ts'
import { ScriptedBrokers, type SentBatch } from './scripted-broker.ts'

const leaderNotAvailable = 5
const unknownTopic = 3
const messageTooLarge = 10
const invalidRecord = 87

interface Scene {
  readonly brokers: ScriptedBrokers
  readonly producer: Producer
  /** One call with these values in partition 0. */
  append(...values: readonly string[]): Promise<string>
  stored(): readonly string[]
}

function scene(options: ConstructorParameters<typeof ScriptedBrokers>[1] = {}): Scene {
  const brokers = new ScriptedBrokers(1, options)
  brokers.topics.set('t', { id: '00000000-0000-0000-0000-000000000001', partitions: 2 })
  const producer = new Producer(brokers.cluster)
  return {
    brokers,
    producer,
    append: (...values) =>
      producer.append(values.map((value) => record('t', 'k', value, 0))).then(
        (positions) => positions.map(({ offset }) => offset).join(),
        (error) => (isFirebreakError(error) ? error.code : String(error)),
      ),
    stored: () => brokers.stored.get('t/0') ?? [],
  }
}

test('a topic that was missing for a while is written to under another epoch, and nothing is taken for a copy', async () => {
  const { brokers, append, stored } = scene()
  const before = append('before')
  await brokers.clock.settle()
  assert.equal(await before, '0')
  brokers.onProduce = () => unknownTopic
  brokers.topicErrors.set('t', unknownTopic)
  const lost = append('lost')
  await brokers.clock.advance(10_000)
  assert.equal(await lost, 'FB_TOPIC_UNKNOWN')
  brokers.onProduce = () => undefined
  brokers.topicErrors.clear()
  const after = append('after')
  await brokers.clock.advance(1000)
  assert.equal(await after, '1')
  assert.deepEqual(stored(), ['before', 'after'])
})

test('a topic is not gone for brokers that were away, nor for one that cannot tell', async () => {
  const { brokers, append, stored } = scene()
  const first = append('first')
  await brokers.clock.settle()
  assert.equal(await first, '0')
  const held = append('held')
  brokers.onProduce = () => new Error('the connection has ended')
  brokers.topicErrors.set('t', leaderNotAvailable)
  await brokers.clock.advance(10_000)
  // It has come back, and its first answer is out of date.
  brokers.topicErrors.set('t', unknownTopic)
  await brokers.clock.advance(1000)
  brokers.topicErrors.clear()
  brokers.onProduce = () => undefined
  await brokers.clock.advance(2000)
  assert.equal(await held, '1')
  assert.deepEqual(stored(), ['first', 'held'])
})

test('a topic that is gone once has to be missing as often the next time', async () => {
  const { brokers, append } = scene()
  await Promise.all([append('first'), brokers.clock.settle()])
  brokers.onProduce = () => unknownTopic
  brokers.topicErrors.set('t', unknownTopic)
  const gone = append('gone')
  await brokers.clock.advance(10_000)
  assert.equal(await gone, 'FB_TOPIC_UNKNOWN')
  brokers.topicErrors.clear()
  const second = append('second')
  await brokers.clock.settle()
  brokers.topicErrors.set('t', unknownTopic)
  await brokers.clock.advance(100)
  brokers.topicErrors.clear()
  brokers.onProduce = () => undefined
  await brokers.clock.advance(5000)
  assert.equal(await second, '1')
})

const refuses =
  (...values: readonly string[]) =>
  ({ texts }: SentBatch): number | undefined =>
    texts.some((text) => values.includes(text)) ? invalidRecord : undefined

test('I4: one record that is refused fails its own call, and the others of its batch are stored in order', async () => {
  const { brokers, append, stored } = scene()
  brokers.onProduce = refuses('bad')
  const values = Array.from({ length: 64 }, (_, i) => (i === 20 ? 'bad' : String(i)))
  const calls = values.map((value) => append(value))
  await brokers.clock.advance(1000)
  const innocent = values.filter((value) => value !== 'bad')
  assert.deepEqual(stored(), innocent)
  const answers = await Promise.all(calls)
  assert.deepEqual(answers.splice(20, 1), ['FB_RECORD_REFUSED'])
  assert.deepEqual(
    answers,
    innocent.map((_, i) => String(i)),
  )
  assert.ok(brokers.sent.length <= 13, `${brokers.sent.length} requests to find one of 64 records`)
})

test('records on both sides of a jump of the wall clock share a batch, and are given up in their time', async () => {
  const { brokers, append, stored } = scene()
  const day = 86_400_000
  const calls = [0, 40 * day, -80 * day].map((ms) => {
    brokers.clock.jump(ms)
    return append(String(ms / day))
  })
  await brokers.clock.advance(1000)
  assert.deepEqual(await Promise.all(calls), ['0', '1', '2'])
  assert.deepEqual([stored(), brokers.sent.length], [['0', '40', '-80'], 1])
  brokers.onProduce = () => unknownTopic
  const late = append('late')
  await brokers.clock.settle()
  brokers.clock.jump(-day)
  await brokers.clock.advance(200_000)
  assert.equal(await late, 'FB_LOG_UNAVAILABLE')
})

test('I4: a batch that is refused for its size is stored in parts', async () => {
  const { brokers, append, stored } = scene()
  brokers.onProduce = ({ texts }) => (texts.length > 2 ? messageTooLarge : undefined)
  const call = append('a', 'b', 'c', 'd', 'e', 'f', 'g')
  await brokers.clock.advance(1000)
  assert.equal(await call, '0,1,2,3,4,5,6')
  assert.deepEqual(stored(), ['a', 'b', 'c', 'd', 'e', 'f', 'g'])
})

test('queue I3: what a failed call has further back is not sent, and what the caller sends again keeps its order', async () => {
  const { brokers, append, stored } = scene()
  const large = 'x'.repeat(600_000)
  brokers.onProduce = refuses('bad')
  // Two batches, and a call of somebody else's in the second.
  const call = append('bad', `a${large}`, `b${large}`)
  const other = append('other')
  await brokers.clock.advance(1000)
  assert.equal(await call, 'FB_RECORD_REFUSED')
  assert.equal(await other, '0')
  brokers.onProduce = () => undefined
  const again = append('bad', 'a', 'b')
  await brokers.clock.advance(1000)
  assert.equal(await again, '1,2,3')
  assert.deepEqual(stored(), ['other', 'bad', 'a', 'b'])
})

test('queue I3: what ends unknown takes along what its call has further back', async () => {
  const { brokers, append, stored } = scene({ appendTimeoutMs: 1000 })
  const large = 'x'.repeat(600_000)
  await Promise.all([append('first'), brokers.clock.settle()])
  brokers.onProduce = ({ texts }) => (texts[0]?.startsWith('a') ? new Error('the connection has ended') : undefined)
  const call = append(`a${large}`, `b${large}`)
  await brokers.clock.advance(500)
  const young = append('young')
  await brokers.clock.advance(4000)
  assert.deepEqual([await call, await young], ['FB_LOG_UNAVAILABLE', '1'])
  assert.deepEqual(stored(), ['first', 'young'])
})

test('a refused batch is halved under another epoch: a late copy of the whole one is refused', async () => {
  const { brokers, append } = scene()
  brokers.onProduce = refuses('bad')
  const calls = [append('a'), append('bad')]
  await brokers.clock.advance(1000)
  await Promise.all(calls)
  assert.deepEqual(
    brokers.sent.map(({ stamp, texts }) => `${stamp} ${texts.join()}`),
    ['1/0/0 a,bad', '1/1/0 a', '1/1/1 bad'],
  )
})

test('a record does not inherit the end of a batch that has waited long', async () => {
  const { brokers, append, stored } = scene({ appendTimeoutMs: 10_000 })
  await Promise.all([append('first'), brokers.clock.settle()])
  brokers.topics.set('t', { id: '00000000-0000-0000-0000-000000000001', partitions: 2, leaders: [-1] })
  await brokers.cluster.refresh(['t'])
  const old = append('old')
  await brokers.clock.advance(8000)
  const young = append('young')
  await brokers.clock.advance(3000)
  assert.equal(await old, 'FB_LOG_UNAVAILABLE')
  brokers.topics.set('t', { id: '00000000-0000-0000-0000-000000000001', partitions: 2 })
  await brokers.clock.advance(3000)
  assert.equal(await young, '1')
  assert.deepEqual(stored(), ['first', 'young'])
})

test('a limit that was raised counts for the next try', async () => {
  const { brokers, producer } = scene()
  brokers.messageBytesMax = 1500
  const large = [record('t', 'k', 'x'.repeat(2000), 0)]
  const refused = rejectsWith(producer.append(large), 'FB_RECORD_TOO_LARGE')
  await brokers.clock.settle()
  await refused
  brokers.messageBytesMax = 3000
  const stored = producer.append(large)
  await brokers.clock.settle()
  assert.equal((await stored).length, 1)
})

const queueWith = (...values: readonly string[]): { queue: AppendQueue; calls: readonly AppendCall[] } => {
  const queue = new AppendQueue('t', 0)
  const calls = values.map((value) => {
    const call = new AppendCall(1)
    call.done.catch(() => undefined)
    const one = record('t', 'k', value)
    queue.add(one, payloadBytes(one), { atMs: 0, deadlineMs: 1000, timeoutMs: 1000, bytesMax: 1 }).add(call, 0)
    return call
  })
  return { queue, calls }
}

test('queue I2: sequences go on behind what is stored, and begin again only under a new epoch', () => {
  const { queue } = queueWith('a', 'b', 'c')
  queue.producer = { id: 7n, epoch: 0, sequence: 0 }
  queue.advance()
  assert.deepEqual(queue.producer, { id: 7n, epoch: 0, sequence: 1 })
  queue.raiseEpoch()
  assert.deepEqual(queue.producer, { id: 7n, epoch: 1, sequence: 0 })
  queue.advance()
  queue.failures = 3
  queue.clear(new Error('gone'))
  assert.deepEqual(queue.producer, { id: 7n, epoch: 2, sequence: 0 })
  assert.deepEqual([queue.batches.length, queue.failures], [0, 0])
})

test('queue I2: a batch that was never sent is given up without another epoch', () => {
  const { queue, calls } = queueWith('a', 'b')
  queue.producer = { id: 7n, epoch: 0, sequence: 5 }
  queue.giveUp(new Error('late'))
  assert.deepEqual(queue.producer, { id: 7n, epoch: 0, sequence: 5 })
  assert.deepEqual(
    calls.map((call) => call.failure !== undefined),
    [true, false],
  )
  assert.equal(queue.batches.length, 1)
  const [batch] = queue.batches
  assert.ok(batch !== undefined)
  batch.uncertain = true
  queue.giveUp(new Error('unknown'))
  assert.deepEqual(queue.producer, { id: 7n, epoch: 1, sequence: 0 })
})

test('a call of which one record is refused says which ones are stored, when all of it is over', async () => {
  const { brokers, producer } = scene()
  brokers.onProduce = ({ partition, texts }) => {
    if (texts.includes('bad')) return invalidRecord
    return partition === 1 && brokers.clock.now() < untilMs ? leaderNotAvailable : undefined
  }
  const untilMs = brokers.clock.now() + 5000
  const values: [string, number][] = [
    ['a', 0],
    ['b', 1],
    ['c', 0],
    ['bad', 0],
    ['d', 0],
    ['e', 1],
  ]
  let failure: unknown
  const call = producer.append(values.map(([value, partition]) => record('t', 'k', value, partition)))
  call.catch((error) => (failure = error))
  await brokers.clock.advance(1000)
  assert.equal(failure, undefined)
  await brokers.clock.advance(10_000)
  assert.ok(isFirebreakError(failure, 'FB_RECORD_REFUSED'))
  assert.deepEqual([...storedOf(failure)], [0, 1, 2, 5])
  assert.deepEqual(brokers.stored.get('t/0'), ['a', 'c'])
  assert.deepEqual(brokers.stored.get('t/1'), ['b', 'e'])
})
