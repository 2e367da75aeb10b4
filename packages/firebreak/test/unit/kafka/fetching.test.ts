import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import { BatchWriter, encodedBytesMax, payloadBytes } from '../../../src/kafka/protocol/record-batch-writer.ts'
import { Fetcher } from '../../../src/kafka/reading/kafka-fetcher.ts'
import { record, texts } from '../../../src/testing/conformance/log-scene.ts'
import { type AskedPlace, ScriptedBrokers } from './scripted-broker.ts'

const topicId = '00000000-0000-0000-0000-000000000001'
const unknownTopic = 3
const start = { offset: 0, leaderEpoch: -1 }
const kilobyte = 'x'.repeat(1000)

/** One record, as a broker hands it out. */
function batchOf(value: string, offset: number): Buffer {
  const one = record('t', 'k', value)
  const writer = new BatchWriter(0, 64)
  writer.append(one, 0, encodedBytesMax(one, payloadBytes(one)))
  const bytes = Buffer.from(writer.finish({ id: -1n, epoch: -1, sequence: -1 }, 'none'))
  bytes.writeBigInt64BE(BigInt(offset), 0)
  return bytes
}

const part = ({ partition, offset }: AskedPlace, records: Buffer = Buffer.alloc(0), divergedAt?: number): object => ({
  topicId,
  partition,
  errorCode: 0,
  divergedAt,
  stableEnd: offset + (records.length > 0 ? 1 : 0),
  aborted: [],
  records,
})

/** One record per partition and request, `partition-offset` in front, up to offset `end`. */
const upTo =
  (end: number) =>
  (places: readonly AskedPlace[]): readonly object[] | undefined => {
    const parts = places
      .filter(({ offset }) => offset < end)
      .map((place) => part(place, batchOf(`${place.partition}-${place.offset}-${kilobyte}`, place.offset)))
    return parts.length === 0 ? undefined : parts
  }

interface Scene {
  readonly brokers: ScriptedBrokers
  readonly fetcher: Fetcher
  add(...partitions: readonly number[]): Promise<void>
  pause(...partitions: readonly number[]): Promise<void>
  /** Up to `max` records, as `partition-offset`. */
  take(max?: number): readonly string[]
  /** What comes within two seconds. */
  drain(): Promise<readonly string[]>
}

async function scene(nodes: number, fetch: { partitionBytes?: number; totalBytes?: number } = {}): Promise<Scene> {
  const brokers = new ScriptedBrokers(nodes, { fetch })
  // Partition 0 is led by node 1, partition 1 by node 2, and so on.
  brokers.topics.set('t', { id: topicId, partitions: 8, leaders: [0, 1, 2, 3, 4, 5, 6, 7].map((i) => (i % nodes) + 1) })
  await brokers.cluster.refresh(['t'])
  const fetcher = new Fetcher(brokers.cluster, 'fetch', () => undefined)
  const take = (max = 1000): readonly string[] =>
    texts(fetcher.take(max)).map((text) => text.replace(`-${kilobyte}`, ''))
  return {
    brokers,
    fetcher,
    take,
    drain: async () => {
      const got: string[] = []
      for (let i = 0; i < 20; i++) {
        got.push(...take())
        await brokers.clock.advance(100)
      }
      return got
    },
    add: async (...partitions) => {
      for (const partition of partitions) fetcher.add({ topic: 't', partition }, start)
      fetcher.fetch()
      await brokers.clock.settle()
    },
    pause: async (...partitions) => {
      fetcher.pause(new Set(partitions.map((partition) => `t/${partition}`)))
      await brokers.clock.settle()
    },
  }
}

test('I1: a partition that has more does not wait with those that have nothing new', async () => {
  const { brokers, fetcher, add, take } = await scene(1, { partitionBytes: 1024 })
  const never = new Promise<never>(() => undefined)
  const heard = new Set<number>()
  brokers.onFetch = (places) => {
    // Partition 0 always has news, the others say once that they have none.
    if (places.every(({ partition }) => partition !== 0 && heard.has(partition))) return never
    for (const { partition } of places) heard.add(partition)
    return places.map((place) => {
      if (place.partition !== 0) return part(place)
      return { ...part(place, batchOf(`0-${place.offset}-${kilobyte}`, place.offset)), stableEnd: 1000 }
    })
  }
  for (const partition of [1, 2, 3, 0]) await add(partition)
  assert.deepEqual([...heard], [1, 2, 3, 0])
  for (let offset = 0; offset < 5; offset++) {
    assert.deepEqual(take(), [`0-${offset}`])
    await brokers.clock.settle()
  }
  await fetcher.close()
})

test('I2: what is fetched ahead of paused partitions gives way to others, and comes again in order', async () => {
  const { brokers, fetcher, add, pause, take, drain } = await scene(1, { partitionBytes: 1024, totalBytes: 4096 })
  brokers.onFetch = upTo(3)
  await add(0, 1, 2, 3)
  assert.deepEqual(take(1), ['1-0'])
  await pause(0, 1, 2, 3)
  await add(4)
  assert.deepEqual(await drain(), ['4-0', '4-1', '4-2'])
  await pause()
  const got = await drain()
  const inOrder = [0, 1, 2, 3].flatMap((p) => ['0', '1', '2'].map((offset) => `${p}-${offset}`))
  assert.deepEqual(
    got.toSorted(),
    inOrder.filter((one) => one !== '1-0'),
  )
  assert.deepEqual(
    got.filter((one) => one.startsWith('0-')),
    ['0-0', '0-1', '0-2'],
  )
  await fetcher.close()
})

test('I2: a paused partition keeps what it has where there is room', async () => {
  const { brokers, fetcher, add, pause, take } = await scene(1)
  brokers.onFetch = upTo(1)
  await add(0, 1)
  await pause(0)
  await add(2)
  assert.deepEqual(take(), ['1-0', '2-0'])
  brokers.onFetch = () => undefined
  await pause()
  assert.deepEqual(take(), ['0-0'])
  await fetcher.close()
})

test('I2: requests under way never may bring more than there is room for, and leave room for those to other brokers', async () => {
  const { brokers, fetcher, add } = await scene(4, { partitionBytes: 4096, totalBytes: 8192 })
  const never = new Promise<never>(() => undefined)
  brokers.onFetch = () => never
  await add(0, 1, 2, 3)
  await add(4, 5, 6, 7)
  const mayBring = brokers.asked.map(({ bytesMax, places }) => {
    const wanted = places.reduce((sum, place) => sum + place.bytesMax, 0)
    return Math.min(bytesMax, wanted)
  })
  const sum = mayBring.reduce((total, bytes) => total + bytes, 0)
  assert.ok(sum <= 8192, `${mayBring} are ${sum} bytes`)
  assert.deepEqual(brokers.asked.map(({ node }) => node).toSorted(), [1, 1, 2, 2, 3, 3, 4, 4])
  await fetcher.close()
})

test('I4: what a partition cannot get over is told although others have records', async () => {
  const { brokers, fetcher, add, take } = await scene(1)
  // A broker that always has news would never let time stand still.
  let left = 3
  brokers.onFetch = (places) => {
    if (left-- <= 0) return undefined
    return places.map((place) =>
      place.partition === 1 ? part(place, undefined, 0) : part(place, batchOf('news', place.offset)),
    )
  }
  await add(0, 1)
  assert.throws(take, (error) => isFirebreakError(error, 'FB_LOG_TRUNCATED'))
  assert.throws(take, (error) => isFirebreakError(error, 'FB_LOG_TRUNCATED'))
  await fetcher.close()
})

test('I4: a broker that is away is told of now and then, and the records of the others come in between', async () => {
  const { brokers, fetcher, add, take } = await scene(2)
  const endless = upTo(Number.MAX_SAFE_INTEGER)
  brokers.onFetch = async (places, node) => {
    if (node === 2) return new Error('the connection has ended')
    await new Promise<void>((resolve) => brokers.clock.schedule(50, resolve))
    return endless(places)
  }
  await add(0, 1)
  const told: number[] = []
  let got = 0
  for (let i = 0; i < 350; i++) {
    await brokers.clock.advance(100)
    try {
      got += take().length
    } catch (error) {
      assert.ok(isFirebreakError(error, 'FB_LOG_UNAVAILABLE'))
      told.push(i)
    }
  }
  assert.equal(told.length, 3, `told at ${told}`)
  assert.ok(got > 300, `${got} records of the other`)
  brokers.onFetch = upTo(1)
  await brokers.clock.advance(2000)
  assert.ok(take().includes('1-0'))
  await fetcher.close()
})

test('a partition that is taken while its topic is not known is read when it is, and noticed when it is another one', async () => {
  const { brokers, fetcher, add, take } = await scene(1)
  brokers.topicErrors.set('t', unknownTopic)
  await brokers.cluster.refresh(['t'])
  await add(0)
  await brokers.clock.advance(50)
  brokers.topicErrors.clear()
  brokers.onFetch = upTo(1)
  await brokers.clock.advance(1000)
  assert.deepEqual(take(), ['0-0'])
  brokers.topics.set('t', { id: topicId.replace(/1$/, '2'), partitions: 8 })
  brokers.onFetch = (places) => places.map((place) => ({ ...part(place), errorCode: 100 }))
  await brokers.clock.advance(2000)
  assert.throws(take, (error) => isFirebreakError(error, 'FB_LOG_TRUNCATED'))
  await fetcher.close()
})
