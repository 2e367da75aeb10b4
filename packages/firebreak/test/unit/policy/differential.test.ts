/**
 * The policies against cockatiel 4 and opossum 10, where all mean the same, and side by side where firebreak differs on purpose.
 *
 * Both read global timers and dates, so these are replaced here. Both open above their threshold, firebreak from it on: its
 * threshold is raised by less than any two shares can differ.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  BrokenCircuitError,
  bulkhead,
  CircuitState,
  circuitBreaker,
  decorrelatedJitterGenerator,
  fullJitterGenerator,
  halfJitterGenerator,
  handleAll,
  noJitterGenerator,
  SamplingBreaker,
} from 'cockatiel'
import fc from 'fast-check'
import CircuitBreaker from 'opossum'
import { Breaker } from '../../../src/policy/breaker.ts'
import { Bulkhead, type Waiter } from '../../../src/policy/bulkhead.ts'
import { backoffMs } from '../../../src/policy/definition/backoff.ts'
import type { BreakerSpec } from '../../../src/policy/definition/policy-spec.ts'
import { createLimit } from '../../../src/policy/limit/limit.ts'
import { ServerQueue } from '../../../src/policy/server-queue.ts'

const aboveIt = 1e-9
const openMs = 3000
const spec: BreakerSpec = { failureRatio: 0.5, callsMin: 5, windowMs: 10_000, openMs, probesMax: 1, slowMs: null }

/** A call under way; `end` settles it. */
interface Call {
  readonly answer: Promise<'ok' | 'failed' | 'refused'>
  end(ok: boolean): void
}
/** A breaker of another library. */
interface Other {
  call(): Call
  isClosed(): boolean
  stop(): void
}

const underWay = (
  run: (work: () => Promise<void>) => Promise<unknown>,
  isRefusal: (error: unknown) => boolean,
): Call => {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  promise.catch(() => {})
  const answer = run(() => promise).then(
    () => 'ok' as const,
    (error: unknown) => (isRefusal(error) ? 'refused' : 'failed'),
  )
  return { answer, end: (ok) => (ok ? resolve() : reject(new Error('failed'))) }
}

const sampling = ({ failureRatio, callsMin, windowMs, probesMax }: BreakerSpec): Other => {
  const policy = circuitBreaker(handleAll, {
    halfOpenAfter: openMs,
    halfOpenSampling: { calls: probesMax, threshold: 0 },
    breaker: new SamplingBreaker({
      threshold: failureRatio,
      duration: windowMs,
      minimumRps: (callsMin * 1000) / windowMs,
    }),
  })
  return {
    call: () =>
      underWay(
        (work) => policy.execute(work),
        (error) => error instanceof BrokenCircuitError,
      ),
    isClosed: () => policy.state === CircuitState.Closed,
    stop() {},
  }
}

const rolling = ({ failureRatio, callsMin, windowMs }: BreakerSpec): Other => {
  const circuit = new CircuitBreaker((work: () => Promise<void>) => work(), {
    timeout: false,
    errorThresholdPercentage: failureRatio * 100,
    volumeThreshold: callsMin,
    rollingCountTimeout: windowMs,
    rollingCountBuckets: 10,
    rollingPercentilesEnabled: false,
    enableSnapshots: false,
    resetTimeout: openMs,
  })
  const isRefusal = (error: unknown): boolean => (error as { code?: string }).code === 'EOPENBREAKER'
  return {
    call: () => underWay((work) => circuit.fire(work), isRefusal),
    isClosed: () => circuit.closed,
    stop: () => circuit.shutdown(),
  }
}

/** Both breakers at the same virtual time, from 0. */
class Pair {
  readonly ours: Breaker
  readonly other: Other
  nowMs = 0
  readonly #t: TestContext

  constructor(t: TestContext, make: (spec: BreakerSpec) => Other, changes: Partial<BreakerSpec> = {}) {
    this.#t = t
    t.mock.timers.reset()
    t.mock.timers.enable({ apis: ['Date', 'setTimeout', 'setInterval'], now: 0 })
    const full = { ...spec, ...changes }
    this.other = make(full)
    this.ours = new Breaker({ ...full, failureRatio: full.failureRatio + aboveIt }, 0)
  }

  pass(ms: number): void {
    this.#t.mock.timers.tick(ms)
    this.nowMs += ms
  }

  /** One call that is over at once, by both; what each made of it. */
  async both(ok: boolean): Promise<{ ours: string; other: string }> {
    const epoch = this.ours.admit(this.nowMs)
    if (epoch >= 0) this.ours.settle(this.nowMs, epoch, ok ? 'ok' : 'failed', 0)
    const call = this.other.call()
    call.end(ok)
    return { ours: epoch < 0 ? 'refused' : ok ? 'ok' : 'failed', other: await call.answer }
  }

  async fail(times: number): Promise<void> {
    for (let i = 0; i < times; i++) await this.both(false)
  }
}

const makers = [
  ['cockatiel, SamplingBreaker', sampling],
  ['opossum, rolling window', rolling],
] as const
const outcomes = fc.array(fc.boolean(), { minLength: 20, maxLength: 150 })

for (const [name, make] of makers)
  test(`${name}: opens at the same call, refuses the same, and a probe closes or opens it alike`, async (t) => {
    // cockatiel starts a bucket at the first call that is due for one: it agrees on the buckets when calls hit their edges.
    const paces = fc.constantFrom(100, 250, 500, 1000)
    await fc.assert(
      fc.asyncProperty(paces, fc.constantFrom(0.25, 0.5, 0.75), outcomes, async (paceMs, failureRatio, oks) => {
        const pair = new Pair(t, make, { failureRatio })
        let wasOpen = false
        for (const ok of oks) {
          const made = await pair.both(ok)
          assert.equal(made.ours, made.other, `at ${pair.nowMs}`)
          const isClosed = pair.ours.state(pair.nowMs) === 'closed'
          assert.equal(isClosed, pair.other.isClosed(), `at ${pair.nowMs}`)
          // Closed again, each begins its window in its own way: see below.
          if (wasOpen && isClosed) break
          wasOpen = !isClosed
          pair.pass(paceMs)
        }
        pair.other.stop()
      }),
      { numRuns: 60 },
    )
  })

test('opossum: agrees at any pace, over pauses longer than the window too', async (t) => {
  const steps = fc.array(fc.tuple(fc.boolean(), fc.constantFrom(0, 0, 1, 333, 999, 4001, 25_000)), { maxLength: 80 })
  await fc.assert(
    fc.asyncProperty(steps, async (plan) => {
      const pair = new Pair(t, rolling)
      for (const [ok, waitMs] of plan) {
        const made = await pair.both(ok)
        assert.equal(made.ours, made.other)
        if (pair.ours.opens > 0 && pair.ours.state(pair.nowMs) === 'closed') break
        pair.pass(waitMs)
      }
      pair.other.stop()
    }),
    { numRuns: 60 },
  )
})

test('cockatiel: probes at the same time that end in any order close or open it alike', async (t) => {
  const ends = fc.integer({ min: 1, max: 5 }).chain((count) =>
    fc.tuple(
      fc.array(fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, fc.constant(false)), {
        minLength: count,
        maxLength: count,
      }),
      fc.shuffledSubarray([0, 1, 2, 3, 4].slice(0, count), { minLength: count, maxLength: count }),
    ),
  )
  await fc.assert(
    fc.asyncProperty(ends, async ([oks, order]) => {
      const pair = new Pair(t, sampling, { probesMax: oks.length })
      await pair.fail(5)
      pair.pass(openMs)
      const probes = oks.map(() => ({ epoch: pair.ours.admit(pair.nowMs), call: pair.other.call() }))
      assert.ok(probes.every(({ epoch }) => epoch >= 0))
      assert.equal(pair.ours.admit(pair.nowMs), -1)
      for (const i of order) {
        pair.ours.settle(pair.nowMs, probes[i]!.epoch, oks[i] ? 'ok' : 'failed', 0)
        probes[i]!.call.end(oks[i] as boolean)
        await probes[i]!.call.answer
        assert.equal(pair.ours.state(pair.nowMs) === 'closed', pair.other.isClosed())
      }
      assert.equal(pair.ours.state(pair.nowMs), oks.every(Boolean) ? 'closed' : 'open')
    }),
  )
})

test('on purpose: at exactly the threshold firebreak opens, both others only above it', async (t) => {
  for (const [, make] of makers) {
    const pair = new Pair(t, make, { callsMin: 10 })
    const exact = new Breaker({ ...spec, callsMin: 10 }, 0)
    for (const ok of [true, true, true, true, true, false, false, false, false, false]) {
      await pair.both(ok)
      exact.settle(0, exact.admit(0), ok ? 'ok' : 'failed', 0)
    }
    assert.deepEqual([pair.other.isClosed(), exact.state(0)], [true, 'open'])
    pair.other.stop()
  }
})

test('on purpose: calls beyond the probes are refused, where cockatiel lets them wait for the decision', async (t) => {
  const pair = new Pair(t, sampling)
  await pair.fail(5)
  pair.pass(openMs)
  const probe = pair.other.call()
  const waiting = pair.other.call()
  waiting.end(true)
  assert.ok(pair.ours.admit(pair.nowMs) >= 0)
  assert.equal(pair.ours.admit(pair.nowMs), -1)
  probe.end(true)
  assert.deepEqual([await probe.answer, await waiting.answer], ['ok', 'ok'])
})

test('on purpose: a probe that hangs gives its place up, where opossum without a time-out stays half open forever', async (t) => {
  const pair = new Pair(t, rolling)
  await pair.fail(5)
  pair.pass(openMs)
  pair.other.call()
  assert.ok(pair.ours.admit(pair.nowMs) >= 0)
  pair.pass(100 * openMs)
  assert.deepEqual(await pair.both(true), { ours: 'ok', other: 'refused' })
  pair.other.stop()
})

test('on purpose: late results of calls from before it opened change nothing, where they close opossum and open cockatiel', async (t) => {
  for (const [make, ok, late] of [
    [rolling, true, { isClosed: true }],
    [sampling, false, { isClosed: false }],
  ] as const) {
    const pair = new Pair(t, make, { probesMax: 2 })
    const early = { epoch: pair.ours.admit(0), call: pair.other.call() }
    await pair.fail(6)
    pair.pass(openMs)
    const probe = pair.other.call()
    assert.ok(pair.ours.admit(pair.nowMs) >= 0)
    early.call.end(ok)
    await early.call.answer
    pair.ours.settle(pair.nowMs, early.epoch, ok ? 'ok' : 'failed', openMs)
    assert.equal(pair.ours.state(pair.nowMs), 'half-open')
    assert.equal(pair.other.isClosed(), late.isClosed)
    // The one that opened refuses again.
    if (make === sampling) assert.equal(await pair.other.call().answer, 'refused')
    probe.end(true)
    await probe.answer
    pair.other.stop()
  }
})

test('on purpose: closed again it starts with an empty window, where opossum opens at the next failure', async (t) => {
  const pair = new Pair(t, rolling)
  await pair.fail(8)
  pair.pass(openMs)
  await pair.both(true)
  await pair.both(false)
  assert.deepEqual([pair.ours.state(pair.nowMs), pair.other.isClosed()], ['closed', false])
  pair.other.stop()
})

test('on purpose: a pause empties the window, where cockatiel drops one bucket per call that comes after it', async (t) => {
  const pair = new Pair(t, sampling)
  await pair.fail(4)
  pair.pass(3_600_000)
  await pair.both(false)
  assert.deepEqual([pair.ours.state(pair.nowMs), pair.other.isClosed()], ['closed', false])
})

const events = fc.array(fc.boolean(), { minLength: 10, maxLength: 100 })

test('cockatiel, bulkhead: as many run, wait and are turned away, in the bulkhead and in the server queue', async () => {
  const sizes = fc.record({ slots: fc.integer({ min: 1, max: 4 }), queueMax: fc.integer({ min: 0, max: 4 }) })
  await fc.assert(
    fc.asyncProperty(sizes, events, async ({ slots, queueMax }, arrivals) => {
      const other = bulkhead(slots, queueMax)
      const running: (() => void)[] = []
      const refused = { other: 0, bulkhead: 0, queue: 0 }
      other.onReject(() => void refused.other++)
      const ours = new Bulkhead({ slots, queueMax })
      const queue = new ServerQueue<number>(
        { concurrency: slots, queueMax, order: 'fifo', waitMaxMs: Number.POSITIVE_INFINITY, codel: null },
        (item) => assert.fail(`${item} was shed`),
      )
      for (const [item, isArrival] of arrivals.entries()) {
        if (isArrival) {
          other.execute(() => new Promise<void>((end) => running.push(end))).catch(() => {})
          const waiter: Waiter = { ahead: undefined, behind: undefined, admitted() {} }
          if (!ours.tryEnter() && !ours.tryWait(waiter)) refused.bulkhead++
          if (queue.offer(0, item, false) === 'full') refused.queue++
        } else if (running.length > 0) {
          running.shift()?.()
          ours.leave()
          ours.admit()
          queue.finish(0)
          while (queue.next(0) !== undefined);
        }
        // It hands a free slot on in a later microtask, and a newcomer in between takes it: firebreak does so at once.
        await new Promise((resolve) => setImmediate(resolve))
        const counts = [slots - other.executionSlots, queueMax - other.queueSlots, refused.other]
        assert.deepEqual([ours.busy, ours.queued, refused.bulkhead], counts)
        assert.deepEqual([queue.busy, queue.queued, refused.queue], counts)
      }
    }),
    { numRuns: 30 },
  )
})

test('opossum, capacity: a limit that cannot move turns the same calls away', async (t) => {
  t.mock.timers.enable({ apis: ['Date', 'setTimeout', 'setInterval'] })
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 5 }), events, async (capacity, arrivals) => {
      const ends: (() => void)[] = []
      const action = (): Promise<void> => new Promise((end) => ends.push(end))
      const circuit = new CircuitBreaker(action, {
        capacity,
        timeout: false,
        volumeThreshold: 1e6,
        enableSnapshots: false,
      })
      const limit = createLimit({ kind: 'vegas', initial: capacity, min: capacity, max: capacity })
      for (const isArrival of arrivals) {
        if (isArrival) {
          const before = circuit.stats.semaphoreRejections
          circuit.fire().catch(() => {})
          assert.equal(limit.tryAcquire(0), circuit.stats.semaphoreRejections === before)
        } else if (ends.length > 0) {
          ends.shift()?.()
          await new Promise((resolve) => setImmediate(resolve))
          limit.release(0, 1, false)
        }
        assert.equal(limit.inFlight, ends.length)
      }
      circuit.shutdown()
    }),
    { numRuns: 30 },
  )
})

test('cockatiel, jitter: none is the same, full and half (ours: equal) too but for its rounding down', (t) => {
  const range = { initialDelay: 100, maxDelay: 5000, exponent: 2, generator: noJitterGenerator }
  const draws = { x: 0 }
  t.mock.method(Math, 'random', () => draws.x)
  const at = { baseMs: range.initialDelay, capMs: range.maxDelay }
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (failures, x) => {
      draws.x = x
      const ours = (jitter: 'none' | 'full' | 'equal'): number => backoffMs({ ...at, jitter }, failures, 0, () => x)
      assert.equal(ours('none'), noJitterGenerator(failures - 1, range)[0])
      assert.ok([0, 1].includes(ours('full') - fullJitterGenerator(failures - 1, range)[0]))
      assert.ok([0, 1].includes(ours('equal') - halfJitterGenerator(failures - 1, range)[0]))
    }),
  )
})

test('on purpose: decorrelated jitter is never below its base; what cockatiel calls so is the formula of Polly, and can be 0', (t) => {
  t.mock.method(Math, 'random', () => 0)
  const [other] = decorrelatedJitterGenerator(
    undefined as never,
    { initialDelay: 100, maxDelay: 5000, exponent: 2 } as never,
  )
  const ours = backoffMs({ baseMs: 100, capMs: 5000, jitter: 'decorrelated' }, 1, 0, () => 0)
  assert.deepEqual([other, ours], [0, 100])
})
