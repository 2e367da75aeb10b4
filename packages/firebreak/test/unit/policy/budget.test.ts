import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createBudget, type RetryBudget } from '../../../src/policy/budget.ts'

type Ratio = { ratio: number; minPerSec: number; ttlMs: number }
const ofRatio = (spec: Partial<Ratio>): RetryBudget =>
  createBudget({ kind: 'ratio', ratio: 0, minPerSec: 0, ttlMs: 10_000, ...spec }, 0)
const ofTokens = (tokensMax: number, tokenRatio: number): RetryBudget =>
  createBudget({ kind: 'tokens', tokensMax, tokenRatio }, 0)

const start = (budget: RetryBudget, calls: number, atMs: number): void => {
  for (let i = 0; i < calls; i++) budget.started(atMs)
}
const withdrawals = (budget: RetryBudget, atMs: number): number => {
  let count = 0
  while (count < 10_000 && budget.tryWithdraw(atMs)) count++
  return count
}

test('at a ratio of a tenth ten calls pay for one retry, nine for none', () => {
  const budget = ofRatio({ ratio: 0.1 })
  start(budget, 9, 0)
  assert.equal(budget.tryWithdraw(0), false)
  start(budget, 1, 0)
  assert.equal(budget.tryWithdraw(0), true)
  assert.equal(budget.tryWithdraw(0), false)
  start(budget, 70, 1)
  assert.equal(withdrawals(budget, 1), 7)
})

test('a caller with little traffic has one retry at once, minPerSec with time, and at most what ttlMs brings', () => {
  const budget = ofRatio({ minPerSec: 2, ttlMs: 10_000 })
  assert.equal(withdrawals(budget, 0), 1)
  assert.equal(withdrawals(budget, 499), 0)
  assert.equal(withdrawals(budget, 500), 1)
  assert.equal(withdrawals(budget, 3000), 5)
  const most = withdrawals(budget, 3_600_000)
  assert.ok(most >= 18 && most <= 20, `${most}`)
})

test('I2 a deposit is gone after ttlMs, and the oldest are spent first', () => {
  const budget = ofRatio({ ratio: 0.1 })
  start(budget, 100, 0)
  assert.equal(Math.round(budget.level(8999)), 10)
  assert.equal(budget.level(10_000), 0)
  start(budget, 10, 20_000)
  start(budget, 10, 29_500)
  assert.equal(budget.tryWithdraw(29_900), true)
  assert.equal(Math.round(budget.level(30_100)), 1)
})

test('a budget of no rate lets nothing through, ever', () => {
  const budget = ofRatio({})
  start(budget, 1000, 5)
  for (const atMs of [5, 1000, 1e9]) assert.equal(withdrawals(budget, atMs), 0)
})

test('time that goes back neither pays nor takes', () => {
  const budget = ofRatio({ ratio: 0.5, minPerSec: 1 })
  start(budget, 4, 5000)
  const level = budget.level(5000)
  assert.equal(budget.level(1000), level)
  assert.equal(budget.level(5000), level)
  assert.equal(withdrawals(budget, 0.5), Math.floor(level))
})

test('I1 when everything fails, retries add the ratio and minPerSec, no more and hardly less', () => {
  const budget = ofRatio({ ratio: 0.1, minPerSec: 1 })
  let calls = 0
  let retries = 0
  const untilMs = 600_000
  for (let atMs = 0; atMs < untilMs; atMs += 12.5) {
    calls++
    budget.started(atMs)
    for (let attempt = 2; attempt <= 3; attempt++) {
      budget.settled(atMs, false)
      if (!budget.tryWithdraw(atMs)) break
      retries++
    }
  }
  const bound = 0.1 * calls + untilMs / 1000
  assert.ok(retries <= bound + 1, `${retries} of ${bound}`)
  assert.ok(retries >= bound * 0.999, `${retries} of ${bound}`)
})

const steps = fc.array(
  fc.record({
    kind: fc.constantFrom('start' as const, 'start' as const, 'retry' as const),
    waitMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 700 })),
  }),
  { maxLength: 200, size: 'max' },
)
const specs = fc.record({
  ratio: fc.constantFrom(0, 0.1, 0.25, 1, 2.5),
  minPerSec: fc.constantFrom(0, 1, 10, 100),
  ttlMs: fc.constantFrom(10, 100, 1000),
})

test('I1 in any window no more retries than the deposits since ttlMs before it pay for', () => {
  fc.assert(
    fc.property(specs, steps, (spec, plan) => {
      const budget = ofRatio(spec)
      const events: { atMs: number; kind: 'start' | 'retry' }[] = []
      let atMs = 0
      for (const { kind, waitMs } of plan) {
        atMs += waitMs
        if (kind === 'start') budget.started(atMs)
        if (kind === 'start' || budget.tryWithdraw(atMs)) events.push({ atMs, kind })
      }
      for (const { atMs: fromMs } of events) {
        let calls = events.filter(
          (one) => one.kind === 'start' && one.atMs < fromMs && one.atMs >= fromMs - spec.ttlMs,
        ).length
        let retries = 0
        for (const event of events.filter((one) => one.atMs >= fromMs)) {
          if (event.kind === 'start') calls++
          else retries++
          const seconds = (event.atMs - Math.max(0, fromMs - spec.ttlMs)) / 1000
          const bound = 1 + spec.ratio * calls + spec.minPerSec * seconds
          assert.ok(retries <= bound + 1e-6, `${retries} > ${bound} from ${fromMs} to ${event.atMs}`)
        }
      }
    }),
  )
})

/** Every deposit on a list of its own; time deposits once per ms. */
function listed({ ratio, minPerSec, ttlMs }: Ratio): Pick<RetryBudget, 'started' | 'tryWithdraw' | 'level'> {
  const slotOf = (atMs: number): number => Math.floor(atMs / (ttlMs / 10))
  let deposits = [{ slot: 0, amount: Math.min(1, (minPerSec * ttlMs) / 1000) }]
  let untilMs = 0
  const level = (nowMs: number): number => {
    for (; untilMs < nowMs; untilMs++) deposits.push({ slot: slotOf(untilMs), amount: minPerSec / 1000 })
    deposits = deposits.filter(({ slot, amount }) => slot > slotOf(nowMs) - 10 && amount > 0)
    return deposits.reduce((sum, { amount }) => sum + amount, 0)
  }
  return {
    level,
    started(nowMs) {
      level(nowMs)
      deposits.push({ slot: slotOf(nowMs), amount: ratio })
    },
    tryWithdraw(nowMs) {
      if (level(nowMs) < 1 - 1e-6) return false
      let owed = 1
      for (const deposit of deposits) {
        const taken = Math.min(owed, deposit.amount)
        deposit.amount -= taken
        owed -= taken
      }
      return true
    },
  }
}

test('the ring of slots is a list of deposits', () => {
  fc.assert(
    fc.property(specs, steps, (spec, plan) => {
      const budget = ofRatio(spec)
      const list = listed(spec)
      let atMs = 0
      for (const { kind, waitMs } of plan) {
        atMs += waitMs
        if (kind === 'retry') assert.equal(budget.tryWithdraw(atMs), list.tryWithdraw(atMs))
        else for (const one of [budget, list]) one.started(atMs)
        assert.ok(Math.abs(budget.level(atMs) - list.level(atMs)) < 1e-6)
      }
    }),
  )
})

test('gRPC A6: full at first, retries only above half, a failure costs one and a success brings tokenRatio', () => {
  const budget = ofTokens(10, 0.1)
  for (let i = 0; i < 4; i++) budget.settled(0, false)
  assert.equal(budget.tryWithdraw(0), true)
  assert.equal(budget.tryWithdraw(0), true)
  budget.settled(0, false)
  assert.equal(budget.tryWithdraw(0), false)
  budget.settled(0, true)
  assert.equal(budget.tryWithdraw(0), true)
  for (let i = 0; i < 1000; i++) budget.settled(0, true)
  assert.equal(budget.level(0), 5)
  for (let i = 0; i < 1000; i++) budget.settled(0, false)
  for (let i = 0; i < 50; i++) budget.settled(0, true)
  assert.equal(budget.tryWithdraw(0), false)
  budget.settled(0, true)
  assert.equal(budget.tryWithdraw(0), true)
})

test('gRPC A6: tokenRatio counts to three decimals', () => {
  const budget = ofTokens(2, 0.0019)
  for (let i = 0; i < 2; i++) budget.settled(0, false)
  for (let i = 0; i < 1000; i++) budget.settled(0, true)
  assert.equal(budget.level(0), 0)
  budget.settled(0, true)
  assert.equal(budget.level(0), 0.001)
})

test('gRPC A6: in an outage less than half of tokensMax retries go out, however long it lasts', () => {
  const budget = ofTokens(100, 0.1)
  let retries = 0
  for (let call = 0; call < 10_000; call++) {
    budget.settled(call, false)
    for (let attempt = 2; attempt <= 3 && budget.tryWithdraw(call); attempt++) {
      retries++
      budget.settled(call, false)
    }
  }
  assert.ok(retries > 0 && retries < 50, `${retries}`)
})
