import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LatencyTracker } from '../../../src/policy/latency-tracker.ts'

const nearestRank = (values: readonly number[], q: number): number =>
  values.toSorted((a, b) => a - b)[Math.max(1, Math.ceil(q * values.length)) - 1] as number

test('there is no quantile of fewer than 20 calls', () => {
  const tracker = new LatencyTracker()
  for (let i = 1; i < 20; i++) tracker.add(i)
  assert.equal(tracker.quantile(0.95), undefined)
  tracker.add(20)
  assert.deepEqual(
    [0, 0.05, 0.5, 0.95, 1].map((q) => tracker.quantile(q)),
    [1, 1, 10, 19, 20],
  )
})

test('asked after the last call of a burst, it is the nearest rank of the last 1024', () => {
  const durations = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), {
    minLength: 20,
    maxLength: 1500,
    size: 'max',
  })
  fc.assert(
    fc.property(durations, fc.double({ min: 0, max: 1, noNaN: true }), (values, q) => {
      const tracker = new LatencyTracker()
      for (const value of values) tracker.add(value)
      assert.equal(tracker.quantile(q), nearestRank(values.slice(-1024), q))
    }),
    { numRuns: 50 },
  )
})

test('asked all the time, it is the quantile as it was at most a sixteenth of the calls ago', () => {
  const durations = fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 20, maxLength: 300, size: 'max' })
  fc.assert(
    fc.property(durations, (values) => {
      const tracker = new LatencyTracker()
      for (const [i, value] of values.entries()) {
        tracker.add(value)
        if (i + 1 < 20) continue
        const lately = Array.from({ length: Math.max(1, (i + 1) >> 4) }, (_, back) => values.slice(0, i + 1 - back))
        const allowed = lately.filter((one) => one.length >= 20).map((one) => nearestRank(one, 0.9))
        assert.ok(allowed.includes(tracker.quantile(0.9) as number))
      }
    }),
    { numRuns: 30 },
  )
})

test('it forgets what is older than 1024 calls', () => {
  const tracker = new LatencyTracker()
  for (let i = 0; i < 5000; i++) tracker.add(1000)
  assert.equal(tracker.quantile(0.5), 1000)
  for (let i = 0; i < 1023; i++) tracker.add(1)
  assert.equal(tracker.quantile(1), 1000)
  for (let i = 0; i < 64; i++) tracker.add(1)
  assert.equal(tracker.quantile(1), 1)
})

test('I1 what is no duration is not kept', () => {
  const tracker = new LatencyTracker()
  for (let i = 0; i < 20; i++) for (const odd of [5, Number.NaN, -1, Number.POSITIVE_INFINITY]) tracker.add(odd)
  assert.deepEqual([tracker.quantile(0), tracker.quantile(1)], [5, 5])
})
