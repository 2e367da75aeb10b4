import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { LimitSpec } from '../../../src/policy/definition/policy-spec.ts'
import { createLimit, type Limit } from '../../../src/policy/limit/limit.ts'

const workers = 20
const vegas = (initial: number): LimitSpec => ({ kind: 'vegas', initial, min: 1, max: 1000 })
const gradient2: LimitSpec = { kind: 'gradient2', initial: 20, min: 20, max: 200 }
const aimd: LimitSpec = { kind: 'aimd', initial: 20, min: 20, max: 200, backoff: 0.9, timeoutMs: 150 }

/**
 * A caller with more calls than the limit lets out, against 20 workers and one queue, first come, first served. As a call
 * ends another takes its place. Starts are spread, so that the workers do not end together. Tells the limit after each second.
 */
function closedLoop(limit: Limit, seconds: number, serviceMs: (atMs: number) => number): number[] {
  const arrivedMs: number[] = []
  const endsMs: number[] = Array.from({ length: workers }, (_, i) => (i * serviceMs(0)) / workers)
  let [ended, nowMs] = [workers, 0]
  const limits: number[] = []
  const fill = (): void => {
    while (limit.tryAcquire(nowMs)) {
      const startsMs = Math.max(nowMs, endsMs[endsMs.length - workers] as number)
      arrivedMs.push(nowMs)
      endsMs.push(startsMs + serviceMs(startsMs))
    }
  }
  for (fill(); nowMs < seconds * 1000; fill()) {
    nowMs = endsMs[ended] as number
    while (limits.length + 1 < nowMs / 1000) limits.push(limit.limit)
    limit.release(nowMs, nowMs - (arrivedMs[ended - workers] as number), false)
    ended++
  }
  return limits
}

const constantly = (): number => 50
const span = (values: readonly number[]): [number, number] => [Math.min(...values), Math.max(...values)]
/** Every sixtieth second Vegas looks at the dependency with half of its limit. */
const withoutProbes = (limits: readonly number[]): number[] => {
  const most = Math.max(...limits)
  const found = limits.filter((one) => one > most / 2 + 1)
  assert.ok(limits.length - found.length <= limits.length / 20, 'few seconds are probes')
  return found
}

test('Vegas settles between 23 and 26 for 20 workers of 50 ms, from any start between 1 and 400', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 400 }), (initial) => {
      const limits = closedLoop(createLimit(vegas(initial)), 600, constantly)
      const [least, most] = span(withoutProbes(limits.slice(450)))
      assert.ok(least >= 23 && most <= 26, `from ${initial} to ${least}..${most}`)
    }),
    { numRuns: 25, examples: [[1], [16], [20], [21], [24], [60], [400]] },
  )
})

test('Vegas moves by the queue that it sees: up by 6 without one, by 1 below 3 waiting, down by 1 above 6', () => {
  const moves = Array.from({ length: 11 }, (_, i) => {
    const limit = createLimit(vegas(20 + i))
    for (let sample = 0; sample < 22; sample++) {
      while (limit.tryAcquire(0));
      // The first eleven make a window without a queue, the others one with all but 20 waiting.
      limit.release(sample * 100, sample < 11 ? 50 : (20 + i) * 2.5, false)
    }
    return limit.limit - 20 - i
  })
  assert.deepEqual(moves, [6, 6, 1, 0, 0, 0, 0, -1, -1, -1, -1])
})

test('Vegas does not take a lasting queue for the work: after an hour it stands where it stood', () => {
  const limits = closedLoop(createLimit(vegas(20)), 3600, constantly)
  const [least, most] = span(withoutProbes(limits.slice(600)))
  assert.ok(least >= 23 && most <= 26, `${least}..${most}`)
})

test('Vegas follows a dependency that has become slower, and one that has become faster', () => {
  const slower = closedLoop(createLimit(vegas(20)), 400, (atMs) => (atMs < 100_000 ? 50 : 150))
  assert.ok((slower[90] as number) >= 23)
  const [least, most] = span(withoutProbes(slower.slice(250)))
  assert.ok(least >= 23 && most <= 26, `${least}..${most}`)
  const limit = createLimit(vegas(20))
  closedLoop(limit, 100, () => 150)
  const [low, high] = span(withoutProbes(closedLoop(limit, 200, constantly).slice(100)))
  assert.ok(low >= 23 && high <= 26, `${low}..${high}`)
})

test('Gradient2 creeps: its limit learns the queue, from 20 past 60 up to its max', () => {
  const limits = closedLoop(createLimit(gradient2), 1001, constantly)
  const at = (second: number): number => limits[second - 1] as number
  assert.ok(at(50) >= 38 && at(50) <= 44, `${at(50)} after 50 windows`)
  assert.ok(at(300) > 60 && at(300) < 75, `${at(300)} after 300 windows`)
  assert.equal(at(1000), 200)
  assert.ok(limits.every((limit, i) => i === 0 || limit >= (limits[i - 1] as number)))
})

test('AIMD runs a saw-tooth just below the limit at which its timeout is reached', () => {
  // 60 attempts at 20 workers of 50 ms take 150 ms.
  const limit = createLimit(aimd)
  closedLoop(limit, 60, constantly)
  const seen: number[] = []
  const watched: Limit = {
    tryAcquire: (nowMs) => limit.tryAcquire(nowMs),
    release(nowMs, rttMs, dropped) {
      limit.release(nowMs, rttMs, dropped)
      if (limit.limit !== seen.at(-1)) seen.push(limit.limit)
    },
    cancel: () => limit.cancel(),
    limit: 0,
    inFlight: 0,
  }
  while (limit.inFlight > 0) limit.cancel()
  closedLoop(watched, 120, constantly)
  const [least, most] = span(seen.slice(100))
  assert.ok(least >= 53 && least <= 55 && most >= 60 && most <= 62, `${least}..${most}`)
  const falls = seen.filter((one, i) => i > 0 && one < (seen[i - 1] as number)).length
  assert.ok(falls > 50, `${falls} teeth`)
})

/** Fills the limit, then ends everything at `atMs`; samples tell of calls that began when the last round ended. */
const round = (limit: Limit, atMs: number, rttMs: number, dropped: boolean): void => {
  while (limit.tryAcquire(atMs - rttMs));
  while (limit.inFlight > 0) limit.release(atMs, rttMs, dropped)
}

test('AIMD falls once for an overload that all attempts under way report, and rises once per round trip', () => {
  const limit = createLimit({ ...aimd, initial: 100 })
  round(limit, 1000, 100, true)
  assert.equal(limit.limit, 90)
  round(limit, 1100, 100, false)
  assert.equal(limit.limit, 91)
  for (let atMs = 1110; atMs < 1200; atMs += 10) round(limit, atMs, 100, false)
  assert.equal(limit.limit, 91)
})

test('AIMD takes calls that are turned away at once for one round trip, not for many', () => {
  const limit = createLimit({ ...aimd, initial: 100, min: 1 })
  round(limit, 1000, 100, false)
  for (let atMs = 1000; atMs < 1100; atMs++) round(limit, atMs, 1, true)
  assert.ok(limit.limit >= 81 && limit.limit < 101, `${limit.limit}`)
})

test('AIMD does not rise while less than half of it is used', () => {
  const limit = createLimit(aimd)
  for (let atMs = 0; atMs < 10_000; atMs += 100) {
    for (let i = 0; i < 9; i++) limit.tryAcquire(atMs)
    while (limit.inFlight > 0) limit.release(atMs + 50, 50, false)
  }
  assert.equal(limit.limit, 20)
})

test('Vegas and Gradient2 do not rise while less than half of them is used', () => {
  for (const spec of [vegas(20), gradient2]) {
    const limit = createLimit(spec)
    for (let atMs = 0; atMs < 300_000; atMs += 100) {
      for (let i = 0; i < 9; i++) limit.tryAcquire(atMs)
      while (limit.inFlight > 0) limit.release(atMs + 50, 50, false)
    }
    assert.equal(limit.limit, 20, spec.kind)
  }
})

test('drops lower Vegas by one a second down to its min, and a dependency that only turns away is no fast one', () => {
  const limit = createLimit({ kind: 'vegas', initial: 20, min: 5, max: 100 })
  for (let atMs = 0; atMs < 5000; atMs += 100) round(limit, atMs, 50, false)
  const before = limit.limit
  for (let atMs = 5000; atMs < 10_000; atMs += 100) round(limit, atMs, 1, true)
  assert.ok(limit.limit >= before - 6 && limit.limit <= before - 4, `${before} to ${limit.limit}`)
  for (let atMs = 10_000; atMs < 40_000; atMs += 100) round(limit, atMs, 1, true)
  assert.equal(limit.limit, 5)
  for (let atMs = 40_000; atMs < 45_000; atMs += 100) round(limit, atMs, 50, false)
  assert.ok(limit.limit > 20, `${limit.limit}`)
})

test('I2 Vegas never takes a round trip for unloaded that it saw beside drops, not even in a probe', () => {
  const limit = createLimit(vegas(20))
  for (let atMs = 0; atMs < 5000; atMs += 100) round(limit, atMs, 50, false)
  for (let atMs = 5000; atMs < 75_000; atMs += 100) {
    limit.tryAcquire(atMs - 400)
    limit.release(atMs, 1, true)
    round(limit, atMs, 400, false)
  }
  for (let atMs = 75_000; atMs < 95_000; atMs += 100) round(limit, atMs, 400, false)
  assert.ok(limit.limit <= 7, `${limit.limit}`)
})

test('Gradient2 forgets a long overload fast enough to see the next one', () => {
  const limit = createLimit({ ...gradient2, min: 1, max: 100 })
  const windows = (from: number, count: number, rttMs: number): number => {
    for (let atMs = from; atMs < from + count * 1000; atMs += 100) round(limit, atMs, rttMs, false)
    return limit.limit
  }
  windows(0, 100, 1000)
  const before = windows(100_000, 100, 50)
  assert.ok(windows(200_000, 20, 400) < before / 2, `${before} to ${limit.limit}`)
})

test('Gradient2 shrinks when nothing succeeds, however fast the refusals come', () => {
  const limit = createLimit({ ...gradient2, initial: 100 })
  for (let atMs = 0; atMs < 10_000; atMs += 100) round(limit, atMs, 50, false)
  const before = limit.limit
  for (let atMs = 10_000; atMs < 60_000; atMs += 100) round(limit, atMs, 1, true)
  assert.ok(before >= 100)
  assert.equal(limit.limit, 20)
})

test('a window has ten samples: four calls per second move a limit too, if slowly', () => {
  const limit = createLimit(vegas(4))
  const limits: number[] = []
  for (let atMs = 0; atMs < 10_000; atMs += 1000) {
    for (let i = 0; i < 4; i++) limit.tryAcquire(atMs)
    while (limit.inFlight > 0) limit.release(atMs + 900, 900, false)
    limits.push(limit.limit)
  }
  // The tenth sample comes in the third second, the twentieth in the fifth: that there is no queue shows in the second ten.
  assert.deepEqual(limits.slice(0, 5), [4, 4, 4, 4, 10])
})

test('I1 a limit that shrinks below what is in flight takes nothing away, and nothing in until it fits', () => {
  const limit = createLimit({ ...aimd, initial: 40, min: 1 })
  while (limit.tryAcquire(0));
  assert.equal(limit.inFlight, 40)
  for (let atMs = 1000; limit.limit > 30; atMs += 2000) limit.release(atMs, 1000, true)
  assert.ok(limit.inFlight > limit.limit)
  while (limit.inFlight >= limit.limit) {
    assert.equal(limit.tryAcquire(20_000), false)
    limit.cancel()
  }
  assert.equal(limit.tryAcquire(20_000), true)
})

test('I2 a place is given back once', () => {
  const limit = createLimit(vegas(2))
  assert.equal(limit.tryAcquire(0), true)
  limit.cancel()
  assert.throws(() => limit.cancel(), /given back once/)
  assert.throws(() => limit.release(0, 1, false), /given back once/)
  assert.equal(limit.inFlight, 0)
})

const specs = fc.constantFrom<LimitSpec>(
  { kind: 'aimd', initial: 3, min: 1.5, max: 30.5, backoff: 0.5, timeoutMs: 100 },
  { kind: 'vegas', initial: 3.7, min: 1.5, max: 30.5 },
  { kind: 'gradient2', initial: 3.7, min: 1.5, max: 30.5 },
  { kind: 'vegas', initial: 1, min: 1, max: 1 },
)
const odd = fc.constantFrom(0, 1e-9, 0.1, 5, 50, 1e4, 1e300, Number.POSITIVE_INFINITY, Number.NaN, -5)
const plans = fc.array(
  fc.record({
    does: fc.constantFrom('acquire', 'acquire', 'acquire', 'release', 'release', 'cancel'),
    waitMs: fc.constantFrom(0, 0.3, 10, 400, 1e6),
    rttMs: odd,
    dropped: fc.boolean(),
  }),
  { minLength: 50, maxLength: 400, size: 'max' },
)

test('I1 I2 whatever it is told, a limit stays whole, within its bounds, and counts right', () => {
  fc.assert(
    fc.property(specs, plans, (spec, plan) => {
      const limit = createLimit(spec)
      let [atMs, inFlight] = [0, 0]
      for (const { does, waitMs, rttMs, dropped } of plan) {
        atMs += waitMs
        if (does === 'acquire') {
          const isFree = inFlight < limit.limit
          assert.equal(limit.tryAcquire(atMs), isFree)
          if (isFree) inFlight++
        } else if (inFlight > 0) {
          inFlight--
          if (does === 'cancel') limit.cancel()
          else limit.release(atMs, rttMs, dropped)
        }
        assert.equal(limit.inFlight, inFlight)
        assert.ok(Number.isInteger(limit.limit) && limit.limit >= 1 && limit.limit <= 30, `${limit.limit}`)
      }
    }),
  )
})
