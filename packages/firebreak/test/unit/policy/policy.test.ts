import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FirebreakError, permanent, throttled } from '../../../src/contracts/errors.ts'
import { DeadlineWatch } from '../../../src/policy/deadline-watch.ts'
import { backoffMs } from '../../../src/policy/definition/backoff.ts'
import { retryDefaults } from '../../../src/policy/definition/retry.ts'
import { classify, decide, type RetryInput } from '../../../src/runtime/instance/decide.ts'
import { Slots } from '../../../src/runtime/instance/slots.ts'
import { virtualClock } from '../../../src/testing/virtual-time/virtual-clock.ts'

const jitters = fc.constantFrom('full' as const, 'decorrelated' as const, 'none' as const)

test('a delay is never negative and never above the cap, at any number of failures', () => {
  fc.assert(
    fc.property(
      jitters,
      fc.integer({ min: 1, max: 5000 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (jitter, n, x) => {
        const delay = backoffMs({ baseMs: 100, capMs: 60_000, jitter }, n, 5000, () => x)
        assert.ok(delay >= 0 && delay <= 60_000 && Number.isFinite(delay))
        if (jitter === 'decorrelated') assert.ok(delay >= 100)
      },
    ),
  )
})

test('without jitter the delay doubles up to the cap', () => {
  const delays = [1, 2, 3, 4, 5].map((n) => backoffMs({ baseMs: 100, capMs: 500, jitter: 'none' }, n, 0, () => 0))
  assert.deepEqual(delays, [100, 200, 400, 500, 500])
})

const failure = (changes: Partial<RetryInput>): RetryInput => ({
  classification: { kind: 'transient' },
  attempts: 1,
  firstFailedAtMs: 0,
  previousDelayMs: 0,
  nowMs: 0,
  ...changes,
})
const policy = { ...retryDefaults, jitter: 'none', baseMs: 100, laneWaitMaxMs: 150, onExhausted: 'skip' } as const

test('errors are classified by what they promise: unknown ones may pass, known ones are taken at their word', () => {
  const kinds = [
    [new Error('x'), 'transient'],
    ['a string', 'transient'],
    [undefined, 'transient'],
    [permanent('x'), 'permanent'],
    [throttled(5), 'throttled'],
    [new FirebreakError('FB_DATABASE_UNAVAILABLE'), 'infrastructure'],
    [new FirebreakError('FB_OUTBOX_FULL'), 'infrastructure'],
    [new FirebreakError('FB_FENCED'), 'fenced'],
    [new FirebreakError('FB_DELIVERY_TIMEOUT'), 'transient'],
    [new FirebreakError('FB_TRANSACTION_TIMEOUT'), 'transient'],
    [new FirebreakError('FB_UNIT_ENDED'), 'permanent'],
    [new FirebreakError('FB_CONFIG'), 'halt'],
    [new FirebreakError('FB_INVARIANT'), 'halt'],
  ] as const
  for (const [error, kind] of kinds) assert.equal(classify(error).kind, kind, String(error))
  assert.deepEqual(classify(new FirebreakError('FB_CRASH_SUSPECT')), { kind: 'permanent', reason: 'crash' })
})

test('a failure waits in the lane, parks, or ends, by delay, count and age', () => {
  const to = (changes: Partial<RetryInput>): unknown => decide(failure(changes), policy, () => 0.5)
  assert.deepEqual(to({}), { kind: 'retry', delayMs: 100 })
  assert.deepEqual(to({ attempts: 2, nowMs: 7 }), { kind: 'park', dueAtMs: 207 })
  assert.deepEqual(to({ attempts: policy.attemptsMax }), { kind: 'dead-letter', reason: 'exhausted', hold: false })
  assert.deepEqual(to({ nowMs: policy.ageMaxMs }), { kind: 'dead-letter', reason: 'exhausted', hold: false })
  const slow = { kind: 'throttled', afterMs: 5000 } as const
  assert.deepEqual(to({ classification: slow, attempts: 99 }), { kind: 'park', dueAtMs: 5000 })
  assert.deepEqual(to({ classification: slow, nowMs: policy.ageMaxMs }), {
    kind: 'dead-letter',
    reason: 'exhausted',
    hold: false,
  })
  const away = to({ classification: { kind: 'infrastructure' }, attempts: 10_000, nowMs: policy.ageMaxMs * 2 })
  assert.equal((away as { kind: string }).kind, 'retry')
  const held = decide(failure({ attempts: policy.attemptsMax }), { ...policy, onExhausted: 'hold' }, () => 0)
  assert.deepEqual(held, { kind: 'dead-letter', reason: 'exhausted', hold: true })
})

test('places are never overdrawn, an exclusive request runs alone and does not starve', async () => {
  const slots = new Slots(3)
  let running = 0
  const order: number[] = []
  const work = async (i: number): Promise<void> => {
    const exclusive = i % 7 === 0
    await slots.acquire(exclusive)
    running++
    order.push(i)
    assert.ok(running <= slots.running && slots.running <= 3)
    if (exclusive) assert.deepEqual([running, slots.running], [1, 1])
    await new Promise((resolve) => setImmediate(resolve))
    running--
    slots.release()
  }
  await Promise.all(Array.from({ length: 3000 }, (_, i) => work(i)))
  assert.deepEqual(
    order,
    order.toSorted((a, b) => a - b),
  )
  assert.equal(slots.running, 0)
})

test('a watch ends what is past its deadline, once, at most one step late, and sleeps when nothing is watched', async () => {
  const clock = virtualClock(0)
  const watch = new DeadlineWatch(clock, 50)
  const ended: [number, number][] = []
  const item = (deadlineAtMs: number): { deadlineAtMs: number; expire(): void } => ({
    deadlineAtMs,
    expire: () => void ended.push([deadlineAtMs, clock.now()]),
  })
  const removed = item(60)
  for (const one of [item(10), item(99), item(100), removed]) watch.add(one)
  watch.remove(removed)
  await clock.advance(1000)
  assert.deepEqual(
    ended.map(([deadline]) => deadline),
    [10, 99, 100],
  )
  assert.ok(ended.every(([deadline, at]) => at >= deadline && at < deadline + 50))
  assert.equal(clock.pending, 0)
  watch.add(item(2000))
  watch.stop()
  assert.equal(clock.pending, 0)
})
