import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import { policy, policyDefaults, policyProblems, withDefaults } from '../../../src/policy/definition/policy.ts'
import type { PolicySpec } from '../../../src/policy/definition/policy-spec.ts'

/** What is said about a policy; from JavaScript it may be anything. */
function problemsOf(spec: unknown): readonly string[] {
  const said = policyProblems(withDefaults(spec as PolicySpec))
  const defining = (): unknown => policy(spec as PolicySpec)
  if (said.length === 0) assert.doesNotThrow(defining)
  else
    assert.throws(defining, (error) => {
      assert.ok(isFirebreakError(error, 'FB_CONFIG'))
      assert.equal(error.detail['problems'], said.join('\n'))
      return true
    })
  return said
}

function assertOne(spec: unknown, says: RegExp): void {
  const said = problemsOf(spec)
  assert.equal(said.length, 1, `${inspect(spec)}: ${said.join('; ')}`)
  assert.match(said[0] ?? '', says)
}

const noNumbers = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  -1,
  'ten',
  '5',
  5n,
  {},
  Symbol('five'),
]
const long = 1e9

test('the defaults are sound, add up, and are what an empty policy is', () => {
  assert.deepEqual(problemsOf({}), [])
  assert.deepEqual(policy(), policyDefaults)
  const { attemptsMax, attemptTimeoutMs, deadlineMs, backoff, budget } = policyDefaults
  assert.ok(attemptsMax * attemptTimeoutMs + (attemptsMax - 1) * backoff.capMs <= deadlineMs)
  assert.ok(budget?.kind === 'ratio' && (1 + budget.ratio) ** 3 < 1.16)
})

test('null leaves a part out, and a part that is given in part keeps the defaults of the rest', () => {
  const none = policy({ budget: null, breaker: null, bulkhead: null, limit: null, hedge: null })
  assert.deepEqual([none.budget, none.breaker, none.bulkhead, none.limit, none.hedge], [null, null, null, null, null])
  const some = policy({
    breaker: { callsMin: 5 },
    bulkhead: { slots: 3 },
    budget: { ratio: 0.2 },
    backoff: { baseMs: 10 },
  })
  assert.deepEqual(some.breaker, { ...policyDefaults.breaker, callsMin: 5 })
  assert.deepEqual(some.bulkhead, { ...policyDefaults.bulkhead, slots: 3 })
  assert.deepEqual(some.budget, { ...policyDefaults.budget, ratio: 0.2 })
  assert.deepEqual(some.backoff, { ...policyDefaults.backoff, baseMs: 10 })
  assert.deepEqual(policy({ budget: { kind: 'tokens', tokensMax: 10, tokenRatio: 0.1 } }).budget, {
    kind: 'tokens',
    tokensMax: 10,
    tokenRatio: 0.1,
  })
})

test('a policy is frozen in all its parts, and changing what it was made from changes nothing', () => {
  const limit = { kind: 'vegas' as const, initial: 20, min: 1, max: 200 }
  const hedge = { after: 100, max: 1 }
  const budget = { kind: 'tokens' as const, tokensMax: 10, tokenRatio: 0.1 }
  const breaker = { callsMin: 5 }
  const bulkhead = { slots: 3 }
  const backoff = { baseMs: 10 }
  const made = policy({ limit, hedge, budget, breaker, bulkhead, backoff })
  const { kind, deadlineMs, attemptTimeoutMs, attemptsMax, ...parts } = made
  assert.deepEqual(Object.keys(parts).sort(), ['backoff', 'breaker', 'budget', 'bulkhead', 'hedge', 'limit'])
  for (const one of [made, policyDefaults, ...Object.values(parts)]) assert.ok(Object.isFrozen(one))
  const before = structuredClone(made)
  Object.assign(limit, { max: 1 })
  Object.assign(hedge, { max: 99 })
  Object.assign(budget, { tokensMax: 0 })
  Object.assign(breaker, { callsMin: 0 })
  Object.assign(bulkhead, { slots: 0 })
  Object.assign(backoff, { baseMs: -1 })
  assert.deepEqual(structuredClone(made), before)
})

test('times and numbers of attempts that are none are refused by their name', () => {
  for (const value of noNumbers) {
    assertOne({ deadlineMs: value, bulkhead: null }, /^deadlineMs must be a number of ms from 1 to 2147483647, not /)
    assertOne({ attemptTimeoutMs: value }, /^attemptTimeoutMs must be a number of ms from 1 to 2147483647, not /)
    assertOne({ attemptsMax: value }, /^attemptsMax must be a whole number of attempts from 1 to 100, not /)
  }
  for (const value of [0, 1.5, 101]) assertOne({ attemptsMax: value }, /^attemptsMax must be a whole number/)
  for (const value of [0, 0.5]) assertOne({ attemptTimeoutMs: value }, /^attemptTimeoutMs must be /)
})

test('what is no policy, no part of one, or has a name that no option has, is refused', () => {
  for (const spec of [null, 5, 'three attempts', Symbol('s')])
    assert.throws(() => policy(spec as never), /a policy must be an object of options/)
  assert.throws(() => policy({ deadlineMS: 5 } as never), /deadlineMS is no option: did you mean deadlineMs\?/)
  for (const part of ['breaker', 'bulkhead', 'budget', 'backoff', 'limit', 'hedge'])
    for (const value of [5, 'ten', true])
      assert.throws(() => policy({ [part]: value }), new RegExp(`\\b${part} must be an object, not `))
  assert.throws(() => policy({ backoff: null } as never), /backoff must be an object, not null/)
  assertOne({ breaker: { openMS: 5 } }, /^breaker.openMS is no option: did you mean breaker.openMs\?$/)
})

test('a backoff that is none is refused', () => {
  for (const value of noNumbers) assertOne({ backoff: { capMs: value } }, /^backoff.capMs /)
  for (const value of noNumbers) assertOne({ backoff: { baseMs: value } }, /^backoff.baseMs /)
  assertOne({ backoff: { baseMs: 100, capMs: 50 } }, /^backoff.capMs 50 is below baseMs 100$/)
  assertOne({ backoff: { jitter: 'some' } }, /^backoff.jitter must be full, equal, decorrelated or none, not "some"$/)
})

test('attempts that do not fit into the deadline are refused with the sum', () => {
  const backoff = { baseMs: 100, capMs: 150, jitter: 'none' } as const
  const fits = { attemptsMax: 3, attemptTimeoutMs: 500, backoff }
  assert.deepEqual(problemsOf({ ...fits, deadlineMs: 1750 }), [])
  assertOne(
    { ...fits, deadlineMs: 1749 },
    /^3 x attemptTimeoutMs 500 \+ up to 250 ms of backoff = 1750 ms, and deadlineMs is 1749: /,
  )
  // 100, then up to 3 * 100 of which the cap leaves 150.
  assertOne(
    { ...fits, deadlineMs: 1749, backoff: { ...backoff, jitter: 'decorrelated' } },
    /up to 250 ms of backoff = 1750/,
  )
  assertOne({ ...fits, attemptsMax: 1, deadlineMs: 499 }, /^1 x attemptTimeoutMs 500 = 500 ms, and deadlineMs is 499: /)
})

test('a hedge counts in the sum with the time after which it starts', () => {
  const spec = { attemptsMax: 1, attemptTimeoutMs: 500, hedge: { after: 200, max: 2 } }
  assert.deepEqual(problemsOf({ ...spec, deadlineMs: 900 }), [])
  assertOne(
    { ...spec, deadlineMs: 899 },
    /^1 x attemptTimeoutMs 500 \+ 2 x hedge.after 200 = 900 ms, and deadlineMs is 899: /,
  )
  assert.deepEqual(problemsOf({ ...spec, hedge: { after: 'p95', max: 2 }, deadlineMs: 500 }), [])
})

test('a budget that is none is refused', () => {
  for (const value of noNumbers) {
    assertOne({ budget: { ratio: value } }, /^budget.ratio must be a number from 0 to 1000, not /)
    assertOne({ budget: { minPerSec: value } }, /^budget.minPerSec must be a number from 0 to 1000000000, not /)
    assertOne({ budget: { ttlMs: value } }, /^budget.ttlMs must be a number of ms from 1 to 2147483647, not /)
    assertOne(
      { budget: { kind: 'tokens', tokensMax: value, tokenRatio: 1 } },
      /^budget.tokensMax must be a number from 1 to /,
    )
    assertOne(
      { budget: { kind: 'tokens', tokensMax: 1, tokenRatio: value } },
      /^budget.tokenRatio must be a number from 0.001 to /,
    )
  }
  // Ratios are cut after three decimals: this one would never bring a token.
  assertOne(
    { budget: { kind: 'tokens', tokensMax: 10, tokenRatio: 0.0004 } },
    /^budget.tokenRatio must be a number from 0.001 to /,
  )
  assertOne({ budget: { kind: 'bucket' } }, /^budget.kind must be ratio or tokens, not "bucket"$/)
})

test('a breaker that could not work is refused', () => {
  for (const value of noNumbers) {
    for (const name of ['callsMin', 'windowMs', 'openMs', 'probesMax'])
      assertOne({ breaker: { [name]: value } }, new RegExp(`^breaker.${name} must be `))
    assertOne({ breaker: { failureRatio: value } }, /^breaker.failureRatio must be a number from 0.0001 to 1, not /)
    assertOne({ breaker: { slowMs: value } }, /^breaker.slowMs /)
  }
  for (const value of [0, 1.01]) assertOne({ breaker: { failureRatio: value } }, /^breaker.failureRatio /)
  for (const value of [0, 2.5, 1001])
    assertOne(
      { breaker: { probesMax: value } },
      /^breaker.probesMax must be a whole number of probes from 1 to 1000, not /,
    )
  assertOne({ breaker: { slowMs: 500 } }, /^breaker.slowMs 500 never counts: it must be below attemptTimeoutMs 500$/)
  assert.deepEqual(problemsOf({ breaker: { slowMs: 499 } }), [])
})

test('a bulkhead that could not work is refused; without a queue its waiting time does not matter', () => {
  for (const value of [...noNumbers, 0, 1.5])
    assertOne({ bulkhead: { slots: value } }, /^bulkhead.slots must be a whole number of attempts from 1 to /)
  for (const value of [...noNumbers, 1.5])
    assertOne({ bulkhead: { queueMax: value } }, /^bulkhead.queueMax must be a whole number of calls from 0 to /)
  for (const value of [...noNumbers, 0])
    assertOne({ bulkhead: { queueMax: 1, queueWaitMaxMs: value } }, /^bulkhead.queueWaitMaxMs must be a number/)
  assertOne(
    { bulkhead: { queueMax: 1, queueWaitMaxMs: 2000 } },
    /^bulkhead.queueWaitMaxMs 2000 .* below deadlineMs 2000$/,
  )
  assert.deepEqual(problemsOf({ deadlineMs: 60, attemptTimeoutMs: 60, attemptsMax: 1 }), [])
})

test('a limit that could not work is refused', () => {
  const range = { initial: 20, min: 1, max: 200 }
  for (const kind of ['vegas', 'gradient2', 'aimd'] as const) {
    const limit = { kind, ...(kind === 'aimd' ? { backoff: 0.9, timeoutMs: 5000 } : {}), ...range }
    assert.deepEqual(problemsOf({ limit }), [])
    for (const wrong of [{ min: 21 }, { initial: 201 }])
      assertOne({ limit: { ...limit, ...wrong } }, /^limit needs min .* <= initial .* <= max /)
    for (const name of ['min', 'initial', 'max'])
      for (const value of [...noNumbers, 0, 200.5, undefined])
        assertOne(
          { limit: { ...limit, [name]: value } },
          new RegExp(`^limit.${name} must be a whole number of attempts from 1`),
        )
  }
  for (const value of [...noNumbers, 0, undefined]) {
    assertOne(
      { limit: { kind: 'aimd', timeoutMs: 1, ...range, backoff: value } },
      /^limit.backoff must be a number from 0.01 to 0.99/,
    )
    assertOne(
      { limit: { kind: 'aimd', backoff: 0.5, ...range, timeoutMs: value } },
      /^limit.timeoutMs must be a number/,
    )
  }
  assertOne({ limit: { kind: 'brisk', ...range } }, /^limit.kind must be aimd, vegas or gradient2, not "brisk"$/)
})

test('a hedge that could not work, or that nothing pays for, is refused', () => {
  for (const value of [...noNumbers, 'p99', undefined])
    assertOne({ hedge: { after: value, max: 1 } }, /^hedge.after must be a number of ms from 0 to 2147483647, or p95/)
  assertOne({ hedge: { after: 500, max: 1 } }, /^hedge.after 500 must be below attemptTimeoutMs 500$/)
  for (const value of [...noNumbers, 0, 1.5, 101])
    assertOne({ hedge: { after: 1, max: value } }, /^hedge.max must be a whole number of attempts from 1 to 100, not /)
  assertOne({ hedge: { after: 100, max: 1 }, budget: null }, /^hedge needs a budget: /)
})

test('all mistakes are said at once, the sum of the times among them', () => {
  const said = problemsOf({
    attemptTimeoutMs: 900,
    budget: { ratio: -1 },
    breaker: { callsMin: 0 },
    bulkhead: { slots: 0 },
    limit: { kind: 'vegas', initial: 0, min: 1, max: 2 },
    hedge: { after: 1000, max: 0 },
  })
  assert.deepEqual(
    said.map((text) => text.split(' ')[0]),
    ['budget.ratio', 'breaker.callsMin', 'bulkhead.slots', 'limit.initial', 'hedge.max', 'hedge.after', '3'],
  )
})

test('of any numbers, a policy that is accepted fits into its deadline with all its waits', () => {
  const ms = fc.oneof(fc.integer({ min: -1, max: 3000 }), fc.double({ min: 0, max: 3000 }), fc.constant(Number.NaN))
  const jitter = fc.constantFrom('full' as const, 'equal' as const, 'decorrelated' as const, 'none' as const)
  const spec = fc.record({
    deadlineMs: ms,
    attemptTimeoutMs: ms,
    attemptsMax: fc.integer({ min: 0, max: 5 }),
    backoff: fc.record({ baseMs: ms, capMs: ms, jitter }),
    bulkhead: fc.constant(null),
  })
  fc.assert(
    fc.property(spec, (given) => {
      if (problemsOf(given).length > 0) return
      const { attemptsMax, attemptTimeoutMs, deadlineMs, backoff } = policy(given)
      const tries = Array.from({ length: attemptsMax - 1 }, (_, i) => i)
      const factor = backoff.jitter === 'decorrelated' ? 3 : 2
      const waits = tries.reduce((sum, i) => sum + Math.min(backoff.capMs, backoff.baseMs * factor ** i), 0)
      assert.ok(attemptsMax * attemptTimeoutMs + waits <= deadlineMs + 1e-6)
    }),
  )
  assert.deepEqual(problemsOf({ deadlineMs: long, attemptTimeoutMs: long, attemptsMax: 1 }), [])
})
