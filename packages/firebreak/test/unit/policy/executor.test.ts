import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FirebreakError, isFirebreakError, permanent, throttled } from '../../../src/contracts/errors.ts'
import type { Attempt } from '../../../src/policy/attempt.ts'
import { policy } from '../../../src/policy/definition/policy.ts'
import type { PolicySpec } from '../../../src/policy/definition/policy-spec.ts'
import { Executor } from '../../../src/policy/executor.ts'
import { virtualClock } from '../../../src/testing/virtual-time/virtual-clock.ts'

const plain = { backoff: { jitter: 'none', baseMs: 50, capMs: 200 }, breaker: null, budget: null } as const

function scene(spec: PolicySpec = {}) {
  const clock = virtualClock(0)
  const executor = new Executor(policy({ ...plain, ...spec }), { name: 'pricing', clock, random: () => 0.5 })
  const sentAtMs: number[] = []
  const attempts: Attempt<string>[] = []
  /** Answers attempt n with what stands at n: a value, an error, or nothing at all. */
  const answers = (...texts: readonly (string | Error | undefined)[]) => {
    return (attempt: Attempt<string>): Promise<string> => {
      sentAtMs.push(clock.now())
      attempts.push(attempt)
      const answer = texts[Math.min(attempts.length, texts.length) - 1]
      if (answer === undefined) return new Promise(() => {})
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer)
    }
  }
  return { clock, executor, sentAtMs, attempts, answers }
}

/** What became of a promise, readable at any time. */
function watch<T>(promise: Promise<T>): { value?: T; error?: unknown; isOver: boolean } {
  const seen: { value?: T; error?: unknown; isOver: boolean } = { isOver: false }
  promise.then(
    (value) => Object.assign(seen, { value, isOver: true }),
    (error) => Object.assign(seen, { error, isOver: true }),
  )
  return seen
}

const broken = new Error('broken')

test('a call that succeeds is sent once and answers with its value', async () => {
  const { executor, answers, sentAtMs } = scene()
  assert.equal(await executor.execute(answers('yes')), 'yes')
  assert.deepEqual(sentAtMs, [0])
})

test('a value that is no promise, and an error that is thrown at once, count as answers', async () => {
  const { executor, clock } = scene()
  assert.equal(await executor.execute(() => 'now'), 'now')
  const thrown = watch(
    executor.execute(() => {
      throw broken
    }),
  )
  await clock.advance(1000)
  assert.equal(thrown.error, broken)
})

test('a transient failure is tried again after the backoff', async () => {
  const { executor, answers, sentAtMs, clock } = scene()
  const call = watch(executor.execute(answers(broken, broken, 'yes')))
  await clock.advance(1000)
  assert.equal(call.value, 'yes')
  assert.deepEqual(sentAtMs, [0, 50, 150])
})

test('after the last attempt the call fails with what the dependency said', async () => {
  const { executor, answers, sentAtMs, clock } = scene()
  const call = watch(executor.execute(answers(broken)))
  await clock.advance(5000)
  assert.equal(call.error, broken)
  assert.equal(sentAtMs.length, 3)
})

test('a permanent failure is not tried again', async () => {
  const { executor, answers, sentAtMs, clock } = scene()
  const call = watch(executor.execute(answers(permanent('wrong'))))
  await clock.advance(5000)
  assert.ok(isFirebreakError(call.error, 'FB_HANDLER_PERMANENT'))
  assert.equal(sentAtMs.length, 1)
})

test('what is not idempotent is sent once', async () => {
  const { executor, answers, sentAtMs, clock } = scene({ hedge: null })
  const call = watch(executor.execute(answers(broken, 'yes'), { idempotent: false }))
  await clock.advance(5000)
  assert.equal(call.error, broken)
  assert.equal(sentAtMs.length, 1)
})

test('a pause that the other side asks for is kept', async () => {
  const { executor, answers, sentAtMs, clock } = scene()
  const call = watch(executor.execute(answers(throttled(700), 'yes')))
  await clock.advance(2000)
  assert.equal(call.value, 'yes')
  assert.deepEqual(sentAtMs, [0, 700])
})

test('a pause that ends after the deadline is not waited for', async () => {
  const { executor, answers, sentAtMs, clock } = scene()
  const call = watch(executor.execute(answers(throttled(2000), 'yes')))
  await clock.settle()
  assert.ok(isFirebreakError(call.error, 'FB_HANDLER_THROTTLED'))
  assert.equal(sentAtMs.length, 1)
})

test('an attempt that takes too long is given up, its signal aborts, and its late answer is ignored', async () => {
  const { executor, sentAtMs, clock } = scene({ attemptTimeoutMs: 500 })
  let late: ((value: string) => void) | undefined
  let aborts = 0
  const call = watch(
    executor.execute((attempt: Attempt<string>) => {
      sentAtMs.push(clock.now())
      if (attempt.number === 2) return 'second'
      attempt.signal.addEventListener('abort', () => aborts++)
      return new Promise<string>((resolve) => {
        late = resolve
      })
    }),
  )
  await clock.advance(500)
  late?.('first')
  await clock.advance(50)
  assert.deepEqual({ value: call.value, aborts, sentAtMs }, { value: 'second', aborts: 1, sentAtMs: [0, 550] })
})

test('when every attempt takes too long the call says so, with the number of attempts', async () => {
  const { executor, answers, clock } = scene({ attemptTimeoutMs: 300, attemptsMax: 2, deadlineMs: 2000 })
  const call = watch(executor.execute(answers(undefined)))
  await clock.advance(649)
  assert.equal(call.isOver, false)
  await clock.advance(1)
  assert.ok(isFirebreakError(call.error, 'FB_CALL_TIMEOUT'))
  assert.equal(call.error.detail['attempts'], 2)
})

test('nothing is sent when the deadline has passed on arrival', async () => {
  const { executor, answers, sentAtMs, clock } = scene()
  await clock.advance(100)
  const call = watch(executor.execute(answers('yes'), { deadlineAtMs: 100 }))
  await clock.settle()
  assert.ok(isFirebreakError(call.error, 'FB_CALL_DEADLINE'))
  assert.deepEqual(sentAtMs, [])
})

test("the caller's own deadline ends the attempt under way, and nothing is sent after it", async () => {
  const { executor, answers, sentAtMs, clock, attempts } = scene()
  const call = watch(executor.execute(answers(undefined), { deadlineAtMs: 120 }))
  assert.equal(attempts[0]?.deadlineAtMs, 120)
  await clock.advance(120)
  assert.ok(isFirebreakError(call.error, 'FB_CALL_DEADLINE'))
  await clock.advance(10_000)
  assert.deepEqual(sentAtMs, [0])
})

test('an attempt that a near deadline cuts short does not open the breaker', async () => {
  const breaker = { callsMin: 2, failureRatio: 0.5 }
  const { executor, answers, clock } = scene({ breaker, attemptsMax: 1 })
  for (let i = 0; i < 5; i++) {
    watch(executor.execute(answers(undefined), { deadlineAtMs: clock.now() + 10 }))
    await clock.advance(20)
  }
  assert.equal(executor.isOpen, false)
})

test('retries stop when the budget is spent, and the failure says so', async () => {
  const budget = { kind: 'ratio', ratio: 0.1, minPerSec: 0, ttlMs: 10_000 } as const
  const { executor, answers, sentAtMs, clock } = scene({ budget, attemptTimeoutMs: 300, bulkhead: null })
  const send = answers(undefined)
  const calls = Array.from({ length: 100 }, () => watch(executor.execute(send)))
  await clock.advance(10_000)
  assert.ok(calls.every(({ error }) => isFirebreakError(error, 'FB_CALL_TIMEOUT')))
  const refused = calls.filter(({ error }) => error instanceof FirebreakError && error.detail['budgetSpent'] === true)
  assert.ok(sentAtMs.length >= 100 + 9 && sentAtMs.length <= 100 + 10, `${sentAtMs.length} attempts`)
  assert.ok(refused.length >= 90)
})

test('a breaker that opens during the backoff refuses the next attempt', async () => {
  const { executor, answers, sentAtMs, clock } = scene({ breaker: { callsMin: 1, failureRatio: 0.5, openMs: 1000 } })
  const call = watch(executor.execute(answers(broken)))
  await clock.advance(60)
  assert.ok(isFirebreakError(call.error, 'FB_CALL_OPEN'))
  assert.equal(call.error.cause, broken)
  assert.deepEqual(sentAtMs, [0])
  assert.equal(executor.isOpen, true)
  assert.equal(executor.breakerOpens, 1)
})

test('each shard has a breaker of its own', async () => {
  const { executor, answers, clock } = scene({ breaker: { callsMin: 1, failureRatio: 0.5 }, attemptsMax: 1 })
  const send = answers(broken, 'yes')
  const first = watch(executor.execute(send, { shard: 'a' }))
  await clock.settle()
  assert.equal(first.error, broken)
  const other = watch(executor.execute(send, { shard: 'b' }))
  const same = watch(executor.execute(send, { shard: 'a' }))
  await clock.settle()
  assert.equal(other.value, 'yes')
  assert.ok(isFirebreakError(same.error, 'FB_CALL_OPEN'))
})

test('a full bulkhead refuses at once, and gives the slot to the next when an attempt ends', async () => {
  const { executor, answers, attempts, clock } = scene({ bulkhead: { slots: 1, queueMax: 1, queueWaitMaxMs: 400 } })
  const send = answers(undefined)
  const [first, second, third] = [1, 2, 3].map(() => watch(executor.execute(send)))
  await clock.settle()
  assert.ok(isFirebreakError(third?.error, 'FB_CALL_BUSY'))
  assert.equal(attempts.length, 1)
  attempts[0]?.succeed('one')
  await clock.settle()
  assert.equal(attempts.length, 2)
  attempts[1]?.succeed('two')
  await clock.settle()
  assert.deepEqual([first?.value, second?.value], ['one', 'two'])
  assert.equal(executor.dependency.bulkhead?.busy, 0)
})

test('who has waited too long for a slot is refused', async () => {
  const { executor, answers, attempts, clock } = scene({ bulkhead: { slots: 1, queueMax: 5, queueWaitMaxMs: 100 } })
  const send = answers(undefined)
  watch(executor.execute(send))
  const waiting = watch(executor.execute(send))
  await clock.advance(100)
  assert.ok(isFirebreakError(waiting.error, 'FB_CALL_BUSY'))
  assert.equal(attempts.length, 1)
})

test('an abort while queued leaves the queue, an abort under way gives the slot back; each once', async () => {
  const { executor, answers, attempts, clock } = scene({ bulkhead: { slots: 1, queueMax: 5 } })
  const send = answers(undefined)
  const [a, b] = [new AbortController(), new AbortController()]
  const first = watch(executor.execute(send, { signal: a.signal }))
  const second = watch(executor.execute(send, { signal: b.signal }))
  const third = watch(executor.execute(send))
  b.abort('no longer')
  await clock.settle()
  assert.deepEqual([second.error, executor.dependency.bulkhead?.queued], ['no longer', 1])
  a.abort('enough')
  await clock.settle()
  assert.deepEqual([first.error, attempts.length, executor.dependency.bulkhead?.busy], ['enough', 2, 1])
  attempts[1]?.succeed('third')
  await clock.settle()
  assert.equal(third.value, 'third')
  assert.deepEqual([executor.dependency.bulkhead?.busy, executor.dependency.bulkhead?.queued], [0, 0])
})

const hedging = { budget: { ratio: 1 }, hedge: { after: 100, max: 1 } } as const

test('a slow attempt gets a second one beside it; the first answer wins and the other is given up', async () => {
  const { executor, answers, attempts, sentAtMs, clock } = scene(hedging)
  const call = watch(executor.execute(answers(undefined)))
  await clock.advance(100)
  assert.deepEqual(sentAtMs, [0, 100])
  assert.equal(attempts[1]?.isHedge, true)
  attempts[1]?.succeed('hedge')
  await clock.settle()
  assert.equal(call.value, 'hedge')
  assert.equal(attempts[0]?.signal.aborted, true)
  assert.equal(executor.dependency.bulkhead?.busy, 0)
})

test('a fast attempt gets no hedge, and neither does what is not idempotent or what the budget does not pay', async () => {
  for (const { spec, options, answer } of [
    { spec: hedging, options: {}, answer: 'yes' },
    { spec: hedging, options: { idempotent: false }, answer: undefined },
    { spec: { ...hedging, budget: { ratio: 0, minPerSec: 0 } }, options: {}, answer: undefined },
  ]) {
    const { executor, answers, sentAtMs, clock } = scene(spec)
    watch(executor.execute(answers(answer), options))
    await clock.advance(200)
    assert.deepEqual(sentAtMs, [0])
  }
})

test('one of two attempts that fails leaves the call to the other', async () => {
  const { executor, answers, attempts, clock } = scene(hedging)
  const call = watch(executor.execute(answers(undefined)))
  await clock.advance(100)
  attempts[0]?.fail({ kind: 'transient', error: broken })
  await clock.settle()
  assert.equal(call.isOver, false)
  attempts[1]?.succeed('hedge')
  await clock.settle()
  assert.equal(call.value, 'hedge')
})

test('nothing waits on the clock once all calls are over, but the line of time-outs, and that lets the process end', async () => {
  const inner = virtualClock(0)
  const kept = new Set<object>()
  const clock = {
    ...{ now: () => inner.now(), monotonic: () => inner.monotonic() },
    schedule(delayMs: number, run: () => void) {
      const timer = inner.schedule(delayMs, () => {
        kept.delete(handle)
        run()
      })
      const handle = {
        cancel: () => {
          kept.delete(handle)
          timer.cancel()
        },
        keepAlive: (keep: boolean) => void (keep ? kept.add(handle) : kept.delete(handle)),
      }
      kept.add(handle)
      return handle
    },
  }
  const executor = new Executor(policy(), { name: 'pricing', clock, random: () => 0 })
  assert.equal(await executor.execute(() => Promise.resolve(1)), 1)
  assert.equal(kept.size, 0)
  const hanging = watch(executor.execute(() => new Promise<number>(() => {})))
  assert.equal(kept.size, 1)
  await inner.advance(5000)
  assert.equal(hanging.isOver, true)
  assert.equal(kept.size, 0)
})
