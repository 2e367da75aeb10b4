import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import type { Clock } from '../../../src/contracts/clock.ts'
import { isFirebreakError, permanent } from '../../../src/contracts/errors.ts'
import type { Attempt, AttemptFailure, CallFailure } from '../../../src/policy/attempt.ts'
import { policy } from '../../../src/policy/definition/policy.ts'
import type { PolicySpec } from '../../../src/policy/definition/policy-spec.ts'
import { Executor } from '../../../src/policy/executor.ts'
import { seededEntropy } from '../../../src/testing/virtual-time/seeded-entropy.ts'
import { virtualClock } from '../../../src/testing/virtual-time/virtual-clock.ts'

const bare = { backoff: { jitter: 'none', baseMs: 50, capMs: 200 }, breaker: null, budget: null } as const
const broken = new Error('broken')
const transient: AttemptFailure = { kind: 'transient', error: broken }

/** An executor on a virtual clock that a blocked event loop can run ahead of. */
function scene(spec: PolicySpec = {}, startMs = 0) {
  const clock = virtualClock(startMs)
  const late = { ms: 0 }
  const blocked: Clock = {
    now: clock.now.bind(clock),
    monotonic: () => clock.monotonic() + late.ms,
    schedule: clock.schedule.bind(clock),
  }
  const executor = new Executor(policy({ ...bare, ...spec }), { name: 'pricing', clock: blocked, random: () => 0.5 })
  const sent: Attempt<string>[] = []
  const keep = (attempt: Attempt<string>): void => void sent.push(attempt)
  return { clock, late, executor, sent, keep, bulkhead: executor.dependency.bulkhead }
}

function listener() {
  const told: (string | CallFailure)[] = []
  return {
    told,
    succeeded: (value: string) => void told.push(value),
    failed: (failure: CallFailure) => void told.push(failure),
    get reason(): string | undefined {
      const [first] = told
      return typeof first === 'object' ? first.reason : first
    },
  }
}

test('a near deadline is met although the timer of an earlier, longer attempt still waits', async () => {
  const { clock, executor, sent, keep } = scene({ attemptTimeoutMs: 500 })
  executor.start(keep, listener())
  await clock.advance(10)
  sent[0]?.succeed('yes')
  const near = listener()
  executor.start(keep, near, { deadlineAtMs: 50 })
  await clock.advance(40)
  assert.equal(near.reason, 'deadline')
})

test('a time-out counts as a failure whatever the fractions of the clock', async () => {
  const attemptTimeoutMs = 33.3
  const startMs = Array.from({ length: 1000 }, (_, i) => i / 7).find((x) => x + attemptTimeoutMs - x < attemptTimeoutMs)
  assert.ok(startMs !== undefined)
  const { clock, executor, keep } = scene({ attemptTimeoutMs, attemptsMax: 1, breaker: { callsMin: 1 } }, startMs)
  executor.start(keep, listener())
  await clock.advance(100)
  assert.equal(executor.isOpen, true)
})

test('a deadline that is no number, or none at all, leaves that of the policy; one in the past sends nothing', async () => {
  const { clock, executor, sent, keep } = scene({ attemptsMax: 1, attemptTimeoutMs: 500, deadlineMs: 600 })
  const calls = [Number.NaN, Number.POSITIVE_INFINITY, undefined].map((deadlineAtMs) => {
    const caller = listener()
    executor.start(keep, caller, deadlineAtMs === undefined ? {} : { deadlineAtMs })
    return caller
  })
  assert.deepEqual(
    sent.map(({ deadlineAtMs }) => deadlineAtMs),
    [600, 600, 600],
  )
  const past = listener()
  executor.start(keep, past, { deadlineAtMs: Number.NEGATIVE_INFINITY })
  assert.equal(past.reason, 'deadline')
  await clock.advance(500)
  assert.deepEqual(
    calls.map(({ reason }) => reason),
    ['timeout', 'timeout', 'timeout'],
  )
})

test('a retry whose timer comes late sends nothing after the deadline', async () => {
  const { clock, late, executor, sent, keep, bulkhead } = scene()
  const caller = listener()
  executor.start(keep, caller)
  sent[0]?.fail(transient)
  late.ms = 5000
  await clock.advance(50)
  assert.equal(caller.reason, 'deadline')
  assert.deepEqual([sent.length, bulkhead?.busy], [1, 0])
})

test('a slot that becomes free after the deadline is not used, and goes to the next', async () => {
  const { late, executor, sent, keep, bulkhead } = scene({ bulkhead: { slots: 1, queueMax: 3, queueWaitMaxMs: 1000 } })
  executor.start(keep, listener())
  const [tooLate, inTime] = [listener(), listener()]
  executor.start(keep, tooLate, { deadlineAtMs: 100 })
  executor.start(keep, inTime)
  late.ms = 200
  sent[0]?.succeed('yes')
  assert.equal(tooLate.reason, 'deadline')
  assert.equal(sent.length, 2)
  sent[1]?.succeed('second')
  assert.equal(inTime.reason, 'second')
  assert.deepEqual([bulkhead?.busy, bulkhead?.queued], [0, 0])
})

test('a hedge whose timer comes late sends nothing after the deadline', async () => {
  const { clock, late, executor, sent, keep } = scene({ budget: { ratio: 1 }, hedge: { after: 100, max: 1 } })
  executor.start(keep, listener())
  late.ms = 5000
  await clock.advance(100)
  assert.equal(sent.length, 1)
})

test('a signal that aborts while the attempt is being sent ends the call with its reason', async () => {
  const { clock, executor, bulkhead } = scene()
  const abort = new AbortController()
  let givenUp = 0
  const call = executor.execute(
    (attempt: Attempt<string>) => {
      attempt.onGivenUp = () => givenUp++
      abort.abort('enough')
      return new Promise<string>(() => {})
    },
    { signal: abort.signal },
  )
  await assert.rejects(call, (reason) => reason === 'enough')
  assert.deepEqual([givenUp, bulkhead?.busy], [1, 0])
  await clock.advance(10_000)
  assert.equal(clock.pending, 0)
})

test('a signal that is shared by many calls is left without listeners', async () => {
  const { clock, executor } = scene()
  const { signal } = new AbortController()
  await Promise.all(Array.from({ length: 20 }, () => executor.execute(() => 'yes', { signal })))
  await assert.rejects(executor.execute(() => Promise.reject(permanent('wrong')), { signal }))
  const hanging = executor.execute(() => new Promise<string>(() => {}), { signal })
  assert.equal(getEventListeners(signal, 'abort').length, 1)
  const over = assert.rejects(hanging)
  await clock.advance(5000)
  await over
  assert.equal(getEventListeners(signal, 'abort').length, 0)
})

test('what throws while it classifies an error fails the attempt, at once and later', async () => {
  const { clock, executor, bulkhead } = scene({ attemptsMax: 1 })
  const classify = (): AttemptFailure => {
    throw new Error('cannot classify')
  }
  const now = (): string => {
    throw broken
  }
  for (const run of [now, () => Promise.reject(broken)])
    await assert.rejects(executor.execute<string>(run, { classify }), /cannot classify/)
  assert.equal(bulkhead?.busy, 0)
  await clock.advance(1000)
  assert.equal(clock.pending, 0)
})

test('what has a then is waited for like a promise', async () => {
  const { executor, clock, bulkhead } = scene({ attemptsMax: 1 })
  const waiting: ((value: string) => void)[] = []
  // biome-ignore lint/suspicious/noThenProperty: builders of queries are such objects.
  const query = { then: (succeed: (value: string) => void) => waiting.push(succeed) } as unknown as PromiseLike<string>
  const answered = executor.execute(() => query)
  assert.equal(bulkhead?.busy, 1)
  waiting[0]?.('row')
  assert.equal(await answered, 'row')
  const hanging = assert.rejects(
    executor.execute(() => query),
    (error) => isFirebreakError(error, 'FB_CALL_TIMEOUT'),
  )
  await clock.advance(500)
  await hanging
})

test('a sender that throws has failed, and is tried again', async () => {
  const { clock, executor, bulkhead } = scene()
  let count = 0
  const caller = listener()
  executor.start((attempt: Attempt<string>) => {
    if (++count < 3) throw broken
    attempt.succeed('third')
  }, caller)
  assert.equal(bulkhead?.busy, 0)
  await clock.advance(1000)
  assert.equal(caller.reason, 'third')
})

test('hedges do not count as attempts: after both have failed the call is tried again', async () => {
  const spec = { attemptsMax: 2, budget: { ratio: 5 }, hedge: { after: 100, max: 1 } } as const
  const { clock, executor, sent, keep } = scene(spec)
  const caller = listener()
  executor.start(keep, caller)
  await clock.advance(100)
  sent[1]?.fail(transient)
  sent[0]?.fail(transient)
  await clock.advance(49)
  assert.equal(sent.length, 2)
  await clock.advance(1)
  assert.deepEqual(
    sent.map(({ number, isHedge }) => [number, isHedge]),
    [
      [1, false],
      [2, true],
      [3, false],
    ],
  )
  await clock.advance(400)
  sent[2]?.fail(transient)
  assert.equal(caller.reason, 'failed')
})

test('after a hedge whose sender fails both attempts at once nothing is left over', async () => {
  const { clock, executor, sent } = scene({ budget: { ratio: 5 }, hedge: { after: 100, max: 2 } })
  const caller = listener()
  const call = executor.start((attempt: Attempt<string>) => {
    sent.push(attempt)
    if (!attempt.isHedge) return
    sent[0]?.fail(transient)
    attempt.fail(transient)
  }, caller)
  await clock.advance(100)
  assert.equal(clock.pending, 2)
  call.cancel()
  await clock.advance(10_000)
  assert.deepEqual([sent.length, caller.told.length], [2, 0])
})

test('a pause that was asked for is kept, whichever attempt ends last, and no hedge goes out within it', async () => {
  const { clock, executor, sent, keep } = scene({ budget: { ratio: 5 }, hedge: { after: 100, max: 2 } })
  executor.start(keep, listener())
  await clock.advance(100)
  sent[1]?.fail({ kind: 'throttled', afterMs: 700, error: broken })
  await clock.advance(200)
  assert.equal(sent.length, 2)
  sent[0]?.fail(transient)
  await clock.advance(499)
  assert.equal(sent.length, 2)
  await clock.advance(1)
  assert.equal(sent.length, 3)
})

test('a pause that is no length of time leaves the backoff as it is', async () => {
  for (const afterMs of [Number.NaN, -5, Number.NEGATIVE_INFINITY]) {
    const { clock, executor, sent, keep } = scene()
    executor.start(keep, listener())
    sent[0]?.fail({ kind: 'throttled', afterMs, error: broken })
    await clock.advance(50)
    assert.equal(sent.length, 2)
  }
  for (const afterMs of [Number.POSITIVE_INFINITY, Number.MAX_VALUE]) {
    const { executor, sent, keep } = scene()
    const caller = listener()
    executor.start(keep, caller)
    sent[0]?.fail({ kind: 'throttled', afterMs, error: broken })
    assert.equal(caller.reason, 'failed')
  }
})

test('a signal that is first looked at after the attempt has ended is aborted only if the attempt was given up', async () => {
  const { clock, executor, sent, keep } = scene({ attemptsMax: 1 })
  executor.start(keep, listener())
  sent[0]?.succeed('yes')
  executor.start(keep, listener())
  sent[1]?.fail(transient)
  executor.start(keep, listener())
  await clock.advance(500)
  assert.deepEqual(
    sent.map(({ signal }) => signal.aborted),
    [false, false, true],
  )
})

test('hedging after p95 sends a twentieth more, and goes on doing so although hedges cut the slow attempts short', async () => {
  const spec = {
    attemptTimeoutMs: 1000,
    deadlineMs: 5000,
    bulkhead: null,
    budget: { ratio: 1 },
    hedge: { after: 'p95', max: 1 },
  } as const
  const { clock, executor } = scene(spec)
  const { random } = seededEntropy(20)
  const counts = { calls: 0, hedges: 0 }
  const send = (attempt: Attempt<string>): void => {
    if (attempt.isHedge) counts.hedges++
    // Exponential, 50 ms on average: hardly any takes a second.
    clock.schedule(-50 * Math.log(1 - random()), () => attempt.succeed('yes'))
  }
  for (; counts.calls < 4000; counts.calls++) {
    executor.start(send, listener())
    await clock.advance(10)
  }
  const share = counts.hedges / counts.calls
  assert.ok(share > 0.03 && share < 0.07, `${counts.hedges} hedges of ${counts.calls} calls`)
})

test('a probe that the limit refuses gives its place at the breaker back', async () => {
  const limit = { kind: 'aimd', initial: 1, min: 1, max: 1, backoff: 0.5, timeoutMs: 5000 } as const
  const breaker = { callsMin: 1, probesMax: 2, openMs: 100 }
  const { clock, executor, sent, keep } = scene({ limit, breaker, attemptsMax: 1, attemptTimeoutMs: 1000 })
  executor.start(keep, listener())
  sent[0]?.fail(transient)
  await clock.advance(100)
  executor.start(keep, listener())
  const [second, third] = [listener(), listener()]
  for (const one of [second, third]) executor.start(keep, one)
  assert.deepEqual([second.reason, third.reason], ['limit', 'limit'])
})

test('a thousand shards have breakers of their own, and all others share that of the dependency', () => {
  const { executor } = scene({ breaker: { callsMin: 5 } })
  const { dependency } = executor
  const of = (n: number) => dependency.breaker(`shard ${n}`, 0)
  const all = new Set(Array.from({ length: 5000 }, (_, n) => of(n)))
  assert.equal(all.size, 1001)
  assert.equal(of(999), of(999))
  assert.notEqual(of(998), of(999))
  assert.equal(of(1000), dependency.breaker(undefined, 0))
})

test('the refusal of an inner policy is not tried again by an outer one', async () => {
  const { clock, executor } = scene()
  const inner = new Executor(policy({ ...bare, bulkhead: { slots: 1 } }), { name: 'inner', clock, random: () => 0.5 })
  void inner.execute(() => new Promise<never>(() => {})).catch(() => undefined)
  let calls = 0
  const call = executor.execute(() => {
    calls++
    return inner.execute(() => 'never')
  })
  await assert.rejects(call, (error) => isFirebreakError(error, 'FB_CALL_BUSY'))
  assert.equal(calls, 1)
  await clock.advance(5000)
})
