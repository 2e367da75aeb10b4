import { mulberry32 } from '../values/random.ts'
import type { Metres } from '../values/units.ts'
import { improveTours } from './local-search.ts'
import { breachOf, type PlanningProblem, planCostM, type Tour, type UnplannedReason } from './planning-problem.ts'
import { annealTours } from './ruin-recreate.ts'
import { savingsTours } from './savings.ts'

const SOLVER_NAME = 'savings+sisr'
const ITERATIONS_DEFAULT = 5_000

export type Plan = {
  readonly tours: readonly Tour[]
  readonly costM: Metres
  /** Stops that no truck could serve even alone. */
  readonly unplanned: readonly {
    readonly stop: number
    readonly reason: UnplannedReason
  }[]
  readonly solver: {
    readonly name: typeof SOLVER_NAME
    readonly seed: number
    readonly iterations: number
  }
}

/** Savings, then 2-opt and Or-opt, then ruin and recreate from there and from scratch. Deterministic for a seed. */
export const planTours = (
  problem: PlanningProblem,
  options: { readonly seed: number; readonly iterations?: number },
): Plan => {
  const { seed, iterations = ITERATIONS_DEFAULT } = options
  const stops = problem.demands.slice(1).map((_, index) => index + 1)
  const verdicts = stops.map((stop) => ({
    stop,
    reason: breachOf(problem, [stop]),
  }))
  const servable = verdicts.filter(({ reason }) => reason === null).map(({ stop }) => stop)
  const started = improveTours(problem, savingsTours(problem, servable))
  const random = mulberry32(seed)
  // Half of the rounds start from one truck per stop: good savings tours can lie in a valley with no way out.
  const starts = [started, servable.map((stop): Tour => [stop])]
  const ends = starts.map((start) =>
    improveTours(problem, annealTours(problem, start, { random, iterations: Math.ceil(iterations / starts.length) })),
  )
  const tours = ends.reduce((best, end) => (planCostM(problem, end) < planCostM(problem, best) ? end : best), started)
  return {
    tours,
    costM: planCostM(problem, tours),
    unplanned: verdicts.flatMap(({ stop, reason }) => (reason === null ? [] : [{ stop, reason }])),
    solver: { name: SOLVER_NAME, seed, iterations },
  }
}
