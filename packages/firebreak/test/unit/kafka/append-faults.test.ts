import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import { Producer } from '../../../src/kafka/producer/kafka-producer.ts'
import { record } from '../../../src/testing/conformance/log-scene.ts'
import { ScriptedBrokers, type SentBatch } from './scripted-broker.ts'

/** What comes to pass with one batch on its way. */
const fault = fc.oneof(
  { weight: 4, arbitrary: fc.constant('none' as const) },
  ...(['cut before', 'cut after', 'late', 'not leader', 'refused', 'too large', 'missing'] as const).map((what) => ({
    weight: 1,
    arbitrary: fc.constant(what),
  })),
)
type Fault = 'none' | 'cut before' | 'cut after' | 'late' | 'not leader' | 'refused' | 'too large' | 'missing'

const rows = Array.from({ length: 24 }, (_, i) => String(i))
const unknownTopic = 3

/** Brokers with these faults, one after the other, and none when they are used up. */
function faulty(faults: readonly Fault[]): ScriptedBrokers {
  const brokers = new ScriptedBrokers(1, { appendTimeoutMs: 2000 })
  brokers.topics.set('t', { id: '00000000-0000-0000-0000-000000000001', partitions: 1 })
  let at = 0
  const answers: Record<Fault, (batch: SentBatch) => unknown> = {
    none: () => undefined,
    'cut before': () => new Error('the connection has ended'),
    'cut after': (batch) => {
      brokers.store(batch)
      return new Error('the connection has ended')
    },
    late: (batch) => {
      brokers.clock.schedule(((at * 997) % 4000) + 1, () => brokers.store(batch))
      return new Error('the connection has ended')
    },
    'not leader': () => 6,
    // Whatever is wrong with it: it is refused as long as others come along.
    refused: ({ texts }) => (texts.length > 1 || at % 2 === 0 ? 87 : undefined),
    'too large': ({ texts }) => (texts.length > 1 ? 10 : undefined),
    missing: () => {
      brokers.topicErrors.set('t', unknownTopic)
      brokers.clock.schedule(((at * 499) % 3000) + 1, () => brokers.topicErrors.clear())
      return unknownTopic
    },
  }
  brokers.onProduce = (batch) => answers[faults[at++] ?? 'none'](batch)
  return brokers
}

/** As the relay does it: in bundles, and one by one after a refusal, stopping at the first that fails. */
async function relay(producer: Producer, size: number): Promise<void> {
  const send = (values: readonly string[]): Promise<unknown> =>
    producer.append(values.map((value) => record('t', 'k', value)))
  for (let next = 0; next < rows.length; ) {
    const bundle = rows.slice(next, next + size)
    try {
      await send(bundle)
      next += bundle.length
    } catch (error) {
      if (isFirebreakError(error, 'FB_LOG_UNAVAILABLE')) continue
      const sent = await send(rows.slice(next, next + 1)).then(
        () => true,
        () => false,
      )
      if (sent) next++
    }
  }
}

/** Others on the same partition, who do not try again. **Shape** what they were told, by their value. */
async function others(brokers: ScriptedBrokers, producer: Producer): Promise<ReadonlyMap<string, number>> {
  const told = new Map<string, number>()
  const calls = Array.from({ length: 20 }, async (_, i) => {
    await new Promise<void>((resolve) => brokers.clock.schedule(i * 40, resolve))
    const value = `other-${i}`
    const [position] = await producer.append([record('t', 'k', value)]).catch(() => [])
    if (position !== undefined) told.set(value, position.offset)
  })
  await Promise.all(calls)
  return told
}

test('whatever comes to pass on the way: what is acknowledged is stored where it was told, and a key keeps its order', () =>
  fc.assert(
    fc.asyncProperty(fc.array(fault, { maxLength: 60 }), fc.integer({ min: 1, max: 8 }), async (faults, size) => {
      const brokers = faulty(faults)
      const producer = new Producer(brokers.cluster)
      let isOver = false
      const playing = Promise.all([relay(producer, size), others(brokers, producer)])
      playing.finally(() => (isOver = true)).catch(() => undefined)
      for (let i = 0; i < 200 && !isOver; i++) await brokers.clock.advance(2000)
      assert.ok(isOver, 'it ends')
      const [, told] = await playing
      const stored = brokers.stored.get('t/0') ?? []
      for (const [value, offset] of told) assert.equal(stored[offset], value)
      assert.deepEqual([...new Set(stored.filter((value) => rows.includes(value)))], rows)
    }),
    { numRuns: 150 },
  ))
