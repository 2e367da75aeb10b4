import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Backoff, backoffMs } from '../../../src/policy/definition/backoff.ts'

const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
const bounds = fc.record({ baseMs: fc.integer({ min: 1, max: 1000 }), capMs: fc.integer({ min: 1000, max: 60_000 }) })

/** The range that a delay falls into: without chance, and with the most of it. */
const range = (backoff: Backoff, failures: number, previousMs = 0): [number, number] => [
  backoffMs(backoff, failures, previousMs, () => 0),
  backoffMs(backoff, failures, previousMs, () => 1),
]

test('each jitter has the range that its source gives', () => {
  const at = { baseMs: 100, capMs: 1000 }
  assert.deepEqual(range({ ...at, jitter: 'none' }, 3), [400, 400])
  assert.deepEqual(range({ ...at, jitter: 'full' }, 3), [0, 400])
  assert.deepEqual(range({ ...at, jitter: 'equal' }, 3), [200, 400])
  assert.deepEqual(range({ ...at, jitter: 'equal' }, 9), [500, 1000])
  assert.deepEqual(range({ ...at, jitter: 'decorrelated' }, 3, 200), [100, 600])
  assert.deepEqual(range({ ...at, jitter: 'decorrelated' }, 1, 0), [100, 100])
})

test('equal jitter is never below half of the exponential, nor above it', () => {
  fc.assert(
    fc.property(bounds, fc.integer({ min: 1, max: 2000 }), chance, (at, failures, x) => {
      const whole = backoffMs({ ...at, jitter: 'none' }, failures, 0, () => 0)
      const delay = backoffMs({ ...at, jitter: 'equal' }, failures, 0, () => x)
      assert.ok(delay >= Math.floor(whole / 2) && delay <= whole, `${delay} of ${whole}`)
    }),
  )
})

test('more chance never makes a delay shorter', () => {
  const jitters = fc.constantFrom('full', 'equal', 'decorrelated', 'none' as const)
  fc.assert(
    fc.property(bounds, jitters, fc.tuple(chance, chance), fc.nat(5000), (at, jitter, [x, y], previousMs) => {
      const [low, high] = [Math.min(x, y), Math.max(x, y)]
      const delay = (draw: number): number => backoffMs({ ...at, jitter }, 4, previousMs, () => draw)
      assert.ok(delay(low) <= delay(high))
    }),
  )
})
