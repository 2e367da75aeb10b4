import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { planTours } from '../../domain/planning/planner.ts'
import type { PlanningProblem } from '../../domain/planning/planning-problem.ts'
import { integerBetween, mulberry32 } from '../../domain/values/random.ts'
import { readCvrp, skipWithoutInstances } from './cvrplib.ts'
import { optimumM, violationsOf } from './plan-oracle.ts'

/** Proven optimal costs, CVRPLIB. */
const INSTANCES = [
  ['A-n32-k5', 784],
  ['A-n80-k10', 1763],
  ['B-n78-k10', 1221],
  ['E-n101-k8', 815],
  ['X-n101-k25', 27591],
] as const
const GAP_MAX = 0.03

const smallProblem = (seed: number, stops: number): PlanningProblem => {
  const random = mulberry32(seed)
  const points = Array.from({ length: stops + 1 }, () => [
    integerBetween(random, 0, 200),
    integerBetween(random, 0, 200),
  ])
  const pallets = points.map((_, index) => (index === 0 ? 0 : integerBetween(random, 1, 9)))
  return {
    distanceM: points.map(([x1, y1]) => points.map(([x2, y2]) => Math.round(Math.hypot(x1! - x2!, y1! - y2!)))),
    demands: pallets.map((count) => ({ weightG: count * 300, ldmCm: count * 40, pallets: count })),
    capacity: { weightG: 24_000, ldmCm: 720, pallets: 18 },
  }
}

/** Small problem with windows of the length that about half of the orders of visiting break. */
const timedProblem = (seed: number, stops: number): PlanningProblem => {
  const problem = smallProblem(seed, stops)
  const random = mulberry32(seed + 1000)
  const free = { serviceS: 0, windowFromS: 0, windowToS: Number.POSITIVE_INFINITY }
  const windows = Array.from({ length: stops }, () => {
    const windowFromS = integerBetween(random, 0, 15_000)
    return { serviceS: 600, windowFromS, windowToS: windowFromS + 14_400 }
  })
  const drivingS = problem.distanceM.map((row) => row.map((metres) => metres * 40))
  return { ...problem, timing: { departS: 0, drivingS, stops: [free, ...windows] } }
}

describe('benchmark instances', { skip: skipWithoutInstances }, () => {
  for (const [name, optimum] of INSTANCES) {
    test(`${name} is feasible, never below the proven optimum ${optimum} and within 3 % of it`, () => {
      const problem = readCvrp(name)
      const plan = planTours(problem, { seed: 42, iterations: 10_000 })
      assert.deepEqual(violationsOf(problem, plan), [])
      assert.ok(plan.costM >= optimum, `${plan.costM} beats the optimum: distances or the checker are wrong`)
      assert.ok(plan.costM <= optimum * (1 + GAP_MAX), `${plan.costM}`)
    })
  }
})

test('problems of up to eight stops are solved to the optimum that trying everything finds', () => {
  for (let seed = 1; seed <= 12; seed++) {
    const problem = smallProblem(seed, 4 + (seed % 5))
    const plan = planTours(problem, { seed, iterations: 400 })
    assert.deepEqual(violationsOf(problem, plan), [])
    assert.equal(plan.costM, optimumM(problem), `seed ${seed}`)
  }
})

test('with time windows the plan keeps them and is as short as trying everything', () => {
  for (let seed = 1; seed <= 8; seed++) {
    const problem = timedProblem(seed, 6)
    const plan = planTours(problem, { seed, iterations: 400 })
    assert.deepEqual(violationsOf(problem, plan), [])
    assert.deepEqual(plan.unplanned, [])
    assert.equal(plan.costM, optimumM(problem), `seed ${seed}`)
  }
})

test('the same seed gives the same plan', () => {
  const problem = timedProblem(3, 25)
  assert.deepEqual(planTours(problem, { seed: 9, iterations: 300 }), planTours(problem, { seed: 9, iterations: 300 }))
})

test('a stop that no truck can serve is named with its reason and does not stop the others', () => {
  const problem = timedProblem(5, 5)
  const { timing } = problem
  assert.ok(timing)
  const stops = timing.stops.map((stop, index) => (index === 2 ? { ...stop, windowFromS: 0, windowToS: 1 } : stop))
  const demands = problem.demands.map((load, index) => (index === 4 ? { ...load, ldmCm: 800 } : load))
  const plan = planTours({ ...problem, demands, timing: { ...timing, stops } }, { seed: 1, iterations: 50 })
  assert.deepEqual(plan.unplanned, [
    { stop: 2, reason: 'window_infeasible' },
    { stop: 4, reason: 'no_capacity' },
  ])
  assert.deepEqual(plan.tours.flat().sort(), [1, 3, 5])
})

test('more than nine hours of driving is refused', () => {
  const problem = timedProblem(5, 1)
  const { timing } = problem
  assert.ok(timing)
  const far = {
    ...timing,
    drivingS: [
      [0, 17_000],
      [17_000, 0],
    ],
    stops: timing.stops.map((stop) => ({ ...stop, windowToS: 90_000 })),
  }
  assert.deepEqual(planTours({ ...problem, timing: far }, { seed: 1 }).unplanned, [{ stop: 1, reason: 'driver_hours' }])
})

test('nothing to deliver is an empty plan', () => {
  assert.deepEqual(planTours({ ...smallProblem(1, 0) }, { seed: 1 }).tours, [])
})
