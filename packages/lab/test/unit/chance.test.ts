import assert from 'node:assert/strict'
import { test } from 'node:test'
import { meanAndCi, studentT975 } from '../../src/math/confidence.ts'
import { mix, PlacedDraws, randomStream, seedFor } from '../../src/math/random-streams.ts'
import type { Arrivals, Distribution } from '../../src/model/scenario.ts'
import { openArrivals } from '../../src/sim/arrivals.ts'
import { moments, sample } from '../../src/sim/distributions.ts'
import { Samples } from '../../src/sim/samples.ts'

/** 99.99 % of all samples of 256 classes stay below this. */
const chiSquareMax = 350

function chiSquare(draw: (index: number) => number, classes = 256, count = 256_000): number {
  const seen = new Array<number>(classes).fill(0)
  for (let index = 0; index < count; index++) {
    const u = draw(index)
    assert.ok(u > 0 && u < 1)
    seen[Math.floor(u * classes)]! += 1
  }
  const expected = count / classes
  return seen.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0)
}

test('draws are even over requests, over visits, over purposes and one after the other', () => {
  const draws = new PlacedDraws()
  assert.ok(chiSquare((n) => draws.seek(17, n, 0).uniform()) < chiSquareMax)
  assert.ok(chiSquare((visit) => draws.seek(17, 5, visit).uniform()) < chiSquareMax)
  assert.ok(chiSquare((purpose) => draws.seek(purpose, 5, 0).uniform()) < chiSquareMax)
  draws.seek(17, 5, 0)
  assert.ok(chiSquare(() => draws.uniform()) < chiSquareMax)
  const stream = randomStream(3)
  assert.ok(chiSquare(() => stream()) < chiSquareMax)
})

test('draws of neighbouring places are not related', () => {
  const draws = new PlacedDraws()
  const pairs: readonly ((n: number) => readonly [number, number])[] = [
    (n) => [draws.seek(1, n, 0).uniform(), draws.seek(1, n + 1, 0).uniform()],
    (n) => [draws.seek(1, n, 0).uniform(), draws.seek(1, n, 1).uniform()],
    (n) => [draws.seek(1, n, 0).uniform(), draws.seek(2, n, 0).uniform()],
    (n) => [draws.seek(1, n, 0).uniform(), draws.uniform()],
  ]
  for (const pair of pairs) {
    const both = (n: number): number => {
      const [a, b] = pair(n)
      return (Math.floor(a * 16) * 16 + Math.floor(b * 16) + 0.5) / 256
    }
    assert.ok(chiSquare(both) < chiSquareMax)
  }
})

test('a place has one draw, whatever was drawn before', () => {
  const draws = new PlacedDraws()
  const first = draws.seek(9, 4, 2).uniform()
  draws.seek(9, 5, 0)
  for (let i = 0; i < 7; i++) draws.uniform()
  assert.equal(draws.seek(9, 4, 2).uniform(), first)
})

test('mixing is a permutation: no two of a million neighbours share an image', () => {
  assert.equal(new Set(Array.from({ length: 1_000_000 }, (_, n) => mix(n))).size, 1_000_000)
})

test('seeds differ by seed, by label and by the borders between labels', () => {
  const seeds = [
    seedFor(1, 'a'),
    seedFor(2, 'a'),
    seedFor(1, 'b'),
    seedFor(1, 'a', 'b'),
    seedFor(1, 'ab'),
    seedFor(1, 'b', 'a'),
    seedFor(1, 1),
  ]
  assert.equal(new Set(seeds).size, seeds.length)
  assert.equal(seedFor(1, 'a', 0), seedFor(1, 'a', 0))
})

const shapes: readonly { readonly of: Distribution; readonly mean: number; readonly variance: number }[] = [
  { of: { kind: 'constant', ms: 7 }, mean: 7, variance: 0 },
  { of: { kind: 'uniform', minMs: 30, maxMs: 70 }, mean: 50, variance: 1600 / 12 },
  { of: { kind: 'exponential', meanMs: 20 }, mean: 20, variance: 400 },
  { of: { kind: 'lognormal', medianMs: 10, sigma: 0.5 }, mean: 11.331485, variance: 36.46958 },
  { of: { kind: 'pareto', minMs: 10, shape: 5 }, mean: 12.5, variance: 10.416667 },
  { of: { kind: 'empirical', valuesMs: [1, 2, 6] }, mean: 3, variance: 14 / 3 },
  {
    of: {
      kind: 'mixture',
      parts: [
        { weight: 3, of: { kind: 'constant', ms: 10 } },
        { weight: 1, of: { kind: 'exponential', meanMs: 50 } },
      ],
    },
    mean: 20,
    variance: (3 * 100 + 5000) / 4 - 400,
  },
]

for (const { of, mean, variance } of shapes) {
  test(`${of.kind}: drawn and computed moments are those of the textbook`, () => {
    const found = moments(of)
    assert.ok(Math.abs(found.mean - mean) < 1e-4 * mean)
    assert.ok(Math.abs(found.second - mean * mean - variance) < 1e-4 * (variance + 1))
    const draws = new PlacedDraws()
    const count = 200_000
    let [sum, squares] = [0, 0]
    for (let n = 0; n < count; n++) {
      const ms = sample(of, draws.seek(5, n, 0).uniform)
      sum += ms
      squares += (ms - mean) ** 2
    }
    assert.ok(Math.abs(sum / count - mean) <= 4 * Math.sqrt(variance / count), `${sum / count}`)
    assert.ok(Math.abs(squares / count - variance) <= 0.05 * variance, `${squares / count}`)
  })
}

const times = (arrivals: Exclude<Arrivals, { kind: 'closed' }>, untilMs: number, seed = 1): readonly number[] => {
  const next = openArrivals(arrivals, untilMs, randomStream(seed), randomStream(seed + 1))
  const found: number[] = []
  for (let ms = next(); ms !== Number.POSITIVE_INFINITY; ms = next()) found.push(ms)
  assert.equal(next(), Number.POSITIVE_INFINITY)
  return found
}
const within = (found: readonly number[], fromMs: number, toMs: number): number =>
  found.filter((ms) => ms >= fromMs && ms < toMs).length

test('even arrivals follow the steps of the rate exactly', () => {
  const rate = [
    { atMs: 1000, perSec: 100 },
    { atMs: 2000, perSec: 800 },
    { atMs: 3000, perSec: 0 },
    { atMs: 4000, perSec: 10 },
  ]
  const found = times({ kind: 'deterministic', rate }, 5000)
  assert.deepEqual(
    [0, 1000, 2000, 3000, 4000].map((ms) => within(found, ms, ms + 1000)),
    [0, 100, 800, 0, 10],
  )
  assert.deepEqual(found.slice(0, 3).map(Math.round), [1005, 1015, 1025])
})

test('Poisson arrivals have the mean and the variance of their rate, in every step', () => {
  const rate = [
    { atMs: 0, perSec: 50 },
    { atMs: 1_000_000, perSec: 200 },
  ]
  const found = times({ kind: 'poisson', rate }, 2_000_000)
  for (const [fromMs, perSec] of [
    [0, 50],
    [1_000_000, 200],
  ] as const) {
    const counts = new Array<number>(1000).fill(0)
    for (const ms of found) {
      const second = Math.floor((ms - fromMs) / 1000)
      if (second >= 0 && second < 1000) counts[second]! += 1
    }
    const mean = counts.reduce((sum, n) => sum + n, 0) / 1000
    const variance = counts.reduce((sum, n) => sum + (n - mean) ** 2, 0) / 999
    assert.ok(Math.abs(mean - perSec) < 4 * Math.sqrt(perSec / 1000), `${mean}`)
    assert.ok(Math.abs(variance / perSec - 1) < 4 * Math.sqrt(2 / 1000), `${variance}`)
  }
})

test('arrivals that switch between states have the mean of the states, weighted by their times', () => {
  const states = [
    { perSec: 10, meanMs: 300 },
    { perSec: 110, meanMs: 100 },
  ]
  const found = times({ kind: 'mmpp', states }, 4_000_000)
  assert.ok(Math.abs(found.length / 4000 - 35) < 1.5, `${found.length / 4000}`)
})

test('a trace is taken in order, up to the end of the run', () => {
  assert.deepEqual(times({ kind: 'trace', atMs: [30, 10, 20, 100, 10] }, 100), [10, 10, 20, 30])
})

test('without a rate nothing arrives, and the search for the next one ends', () => {
  assert.deepEqual(times({ kind: 'poisson', rate: [{ atMs: 0, perSec: 0 }] }, 1000), [])
  assert.deepEqual(times({ kind: 'deterministic', rate: [] }, 1000), [])
  assert.deepEqual(times({ kind: 'mmpp', states: [{ perSec: 0, meanMs: 1 }] }, 1000), [])
  assert.deepEqual(times({ kind: 'poisson', rate: [{ atMs: 0, perSec: 1000 }] }, 0), [])
})

test('percentiles are values that were seen, by the nearest rank', () => {
  const samples = new Samples()
  assert.deepEqual([samples.quantileMs(0.5), samples.meanMs()], [0, 0])
  for (let n = 1000; n >= 1; n--) samples.add(n * 1000)
  assert.deepEqual(
    [0, 0.001, 0.5, 0.9, 0.99, 0.999, 1].map((share) => samples.quantileMs(share)),
    [1, 1, 500, 900, 990, 999, 1000],
  )
  samples.add(2_000_000)
  assert.equal(samples.quantileMs(1), 2000)
  assert.equal(samples.meanMs(), (500_500 + 2000) / 1001)
})

test('the percentiles of Student are those of the tables', () => {
  const table = [
    [1, 12.7062],
    [4, 2.7764],
    [9, 2.2622],
    [16, 2.1199],
    [19, 2.093],
    [29, 2.0452],
    [99, 1.9842],
  ] as const
  for (const [degrees, t] of table) assert.ok(Math.abs(studentT975(degrees) - t) < 1e-3, `${degrees}`)
  const { mean, ci95 } = meanAndCi([1, 2, 3, 4])
  assert.ok(Math.abs(mean - 2.5) < 1e-12 && Math.abs(ci95 - (3.1824 * Math.sqrt(5 / 3)) / 2) < 1e-9)
  assert.ok(Number.isNaN(meanAndCi([5]).ci95))
})
