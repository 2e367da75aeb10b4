import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { hours, minutes } from '../../../src/contracts/duration.ts'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import { handle } from '../../../src/define/handle.ts'
import { type Backoff, backoffMs, jitters } from '../../../src/policy/definition/backoff.ts'
import { backoffTotal } from '../../../src/policy/definition/backoff-total.ts'
import { type RetryPolicy, retryDefaults, retryProblems, retryTime } from '../../../src/policy/definition/retry.ts'
import { seededEntropy } from '../../../src/testing/virtual-time/seeded-entropy.ts'

/** The delays of a policy, drawn one after the other as a delivery draws them. */
function drawn(backoff: Backoff, waits: number, random: () => number): number[] {
  const delays: number[] = []
  for (let n = 1; n <= waits; n++) delays.push(backoffMs(backoff, n, delays.at(-1) ?? 0, random))
  return delays
}

const sum = (values: readonly number[]): number => values.reduce((total, one) => total + one, 0)

test('without options a handler is tried for 40 minutes on average, and no record gives up before 20', () => {
  const waits = retryDefaults.attemptsMax - 1
  const { averageMs, maxMs, endsBy } = retryTime(retryDefaults)
  assert.deepEqual([averageMs, maxMs, endsBy], [2_414_325, 3_219_100, 'attempts'])
  assert.ok(averageMs >= minutes(40) && maxMs < retryDefaults.ageMaxMs)
  const { random } = seededEntropy(7)
  const totals = Array.from({ length: 2000 }, () => sum(drawn(retryDefaults, waits, random)))
  assert.ok(Math.abs(sum(totals) / totals.length / averageMs - 1) < 0.01)
  assert.ok(Math.min(...totals) > minutes(20) && Math.max(...totals) <= maxMs)
})

test('without options the first three retries come within a second, in the lane, and the fifth wait may be parked', () => {
  const longest = drawn(retryDefaults, 5, () => 1)
  assert.ok(sum(longest.slice(0, 3)) < 1000)
  assert.ok(longest.slice(0, 4).every((delayMs) => delayMs <= retryDefaults.laneWaitMaxMs))
  assert.ok((longest[4] ?? 0) > retryDefaults.laneWaitMaxMs)
  assert.equal(retryTime(retryDefaults).parksAfter, 5)
})

test('the longest that delays can last is what they last when chance is against it every time', () => {
  const backoff = fc.record({
    baseMs: fc.integer({ min: 0, max: 1000 }),
    capMs: fc.integer({ min: 1000, max: 600_000 }),
    jitter: fc.constantFrom(...jitters),
  })
  fc.assert(
    fc.property(backoff, fc.nat(100), (at, waits) =>
      assert.equal(backoffTotal(at, waits).maxMs, sum(drawn(at, waits, () => 1))),
    ),
  )
})

test('what delays last on average is what they last when they are drawn, for every jitter', () => {
  const seed = 11
  const { random } = seededEntropy(seed)
  const rounds = 20_000
  for (const jitter of jitters)
    for (const [baseMs, capMs, waits] of [
      [100, 600_000, 5],
      [100, 2000, 5],
      [100, 1000, 30],
      [1000, 1000, 4],
      [0, 100, 4],
    ] as const) {
      const at = { baseMs, capMs, jitter }
      let seen = 0
      for (let i = 0; i < rounds; i++) seen += sum(drawn(at, waits, random))
      const { averageMs } = backoffTotal(at, waits)
      assert.ok(Math.abs(averageMs - seen / rounds) <= averageMs * 0.02, `${jitter} ${baseMs} ${capMs}, seed ${seed}`)
    }
})

test('decorrelated delays last on average what their recursion says, where the cap is out of reach', () => {
  const at = { baseMs: 100, capMs: 1e9, jitter: 'decorrelated' } as const
  let delayMs = 100
  let totalMs = 0
  for (let waits = 0; waits <= 12; waits++) {
    const { averageMs } = backoffTotal(at, waits)
    assert.ok(Math.abs(averageMs - totalMs) <= totalMs / 1000, `${waits} waits: ${averageMs}, not ${totalMs}`)
    totalMs += delayMs
    delayMs = (100 + 3 * delayMs) / 2
  }
})

test('the arithmetic of a policy is finite at once, for as many attempts as there may be', () => {
  for (const jitter of jitters)
    for (const [baseMs, capMs] of [
      [0, 0],
      [1, hours(24)],
      [1, 1],
      [100, 600_000],
    ] as const) {
      const policy = { ...retryDefaults, attemptsMax: 1_000_000, baseMs, capMs, jitter, ageMaxMs: hours(24 * 365) }
      assert.deepEqual(retryProblems(policy), [])
      const { averageMs, maxMs } = retryTime(policy)
      assert.ok(averageMs >= 0 && averageMs <= maxMs && maxMs <= policy.ageMaxMs, `${jitter}: ${averageMs}, ${maxMs}`)
    }
})

test('an age that is over before the attempts are ends them, and is the longest that they last', () => {
  const time = retryTime({ ...retryDefaults, ageMaxMs: minutes(5) })
  assert.deepEqual(time, { averageMs: minutes(5), maxMs: minutes(5), endsBy: 'age', parksAfter: 5 })
})

test('a policy says after which attempt the first wait can be parked, and that none is', () => {
  const none = { ...retryDefaults, jitter: 'none' } as const
  const parksAfter = (changes: Partial<RetryPolicy>): number | null => retryTime({ ...none, ...changes }).parksAfter
  assert.equal(parksAfter({ laneWaitMaxMs: 0 }), 1)
  assert.equal(parksAfter({ laneWaitMaxMs: 800 }), 5)
  assert.equal(parksAfter({ laneWaitMaxMs: 799 }), 4)
  assert.equal(parksAfter({ attemptsMax: 5, laneWaitMaxMs: 800 }), null)
  assert.equal(parksAfter({ attemptsMax: 1, laneWaitMaxMs: 0 }), null)
  assert.equal(parksAfter({ capMs: 1000 }), null)
  assert.equal(parksAfter({ jitter: 'decorrelated', laneWaitMaxMs: 300 }), 3)
})

const nonsense: readonly unknown[] = [Number.NaN, -1, Number.POSITIVE_INFINITY, '5', null, 0.5, {}, Symbol('x'), 1e300]
const numbers = ['attemptsMax', 'ageMaxMs', 'baseMs', 'capMs', 'laneWaitMaxMs'] as const

test('what is no sound number in a retry policy is refused, with its name, its range and its value', () => {
  assert.deepEqual(retryProblems(retryDefaults), [])
  const ranges = {
    attemptsMax: 'a whole number of attempts from 1 to 1000000',
    ageMaxMs: 'a whole number of ms from 1 to 31536000000',
    baseMs: 'a whole number of ms from 0 to 2147483647',
    capMs: 'a whole number of ms from 0 to 2147483647',
    laneWaitMaxMs: 'a whole number of ms from 0 to 3600000',
  }
  for (const name of numbers)
    for (const value of nonsense) {
      const isObject = typeof value === 'object' && value !== null
      const shown = isObject ? 'a value of type object' : typeof value === 'string' ? `"${value}"` : String(value)
      const says = `retry.${name} must be ${ranges[name]}, not ${shown}`
      const found = retryProblems({ ...retryDefaults, [name]: value })
      assert.ok(found.includes(says), `${says}: ${found.join('; ')}`)
    }
  for (const attemptsMax of [0, 1.5, 1_000_001])
    assert.equal(retryProblems({ ...retryDefaults, attemptsMax }).length, 1, String(attemptsMax))
})

test('every mistake of a retry policy is named at once, a cap below its base and a jitter that does not exist too', () => {
  const wrong = {
    ...retryDefaults,
    attemptsMax: 0,
    ageMaxMs: Number.NaN,
    baseMs: 10,
    capMs: 5,
    jitter: 'some' as 'full',
  }
  assert.deepEqual(retryProblems(wrong), [
    'retry.attemptsMax must be a whole number of attempts from 1 to 1000000, not 0',
    'retry.ageMaxMs must be a whole number of ms from 1 to 31536000000, not NaN',
    'retry.jitter must be full, equal, decorrelated or none, not "some"',
    'retry.capMs 5 is below retry.baseMs 10',
  ])
  const defined = (): unknown => handle({ type: 'a.b' } as never, () => {}, { retry: { laneWaitMaxMs: Number.NaN } })
  assert.throws(defined, (error) => isFirebreakError(error, 'FB_CONFIG') && /laneWaitMaxMs/.test(error.message))
})
