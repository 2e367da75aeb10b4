import type { Plan } from '../../domain/planning/planner.ts'
import type { PlanningProblem } from '../../domain/planning/planning-problem.ts'

/** Written apart from the planner on purpose: it shares no function with what it judges. */
const isAllowed = (problem: PlanningProblem, tour: readonly number[]): boolean => {
  const { capacity, demands, timing } = problem
  for (const key of ['weightG', 'ldmCm', 'pallets'] as const) {
    if (tour.reduce((sum, stop) => sum + demands[stop]![key], 0) > capacity[key]) return false
  }
  if (timing === undefined) return true
  let [clock, driven, sinceBreak, at] = [timing.departS, 0, 0, 0]
  for (const stop of [...tour, 0]) {
    const leg = timing.drivingS[at]![stop]!
    const breaks = Math.max(0, Math.ceil((sinceBreak + leg) / 16_200) - 1)
    clock += leg + breaks * 2_700
    driven += leg
    sinceBreak += leg - breaks * 16_200
    at = stop
    if (stop === 0) continue
    const { windowFromS, windowToS, serviceS } = timing.stops[stop]!
    if (windowFromS - clock >= 2_700) sinceBreak = 0
    clock = Math.max(clock, windowFromS)
    if (clock > windowToS) return false
    clock += serviceS
  }
  return driven <= 32_400
}

const costOf = (problem: PlanningProblem, tour: readonly number[]): number =>
  [...tour, 0].reduce((sum, stop, index) => sum + problem.distanceM[index === 0 ? 0 : tour[index - 1]!]![stop]!, 0)

/** What is wrong with a plan: stops served not exactly once, trucks overloaded or late, a cost that does not add up. */
export const violationsOf = (problem: PlanningProblem, plan: Plan): string[] => {
  const served = [...plan.tours.flat(), ...plan.unplanned.map(({ stop }) => stop)].sort((a, b) => a - b)
  const expected = problem.demands.slice(1).map((_, index) => index + 1)
  const cost = plan.tours.reduce((sum, tour) => sum + costOf(problem, tour), 0)
  return [
    ...(served.join() === expected.join() ? [] : [`served ${served.join()}`]),
    ...plan.tours.filter((tour) => !isAllowed(problem, tour)).map((tour) => `not allowed: ${tour.join()}`),
    ...(cost === plan.costM ? [] : [`cost ${cost}, claimed ${plan.costM}`]),
  ]
}

const permutations = (stops: readonly number[]): number[][] =>
  stops.length === 0
    ? [[]]
    : stops.flatMap((stop) => permutations(stops.filter((other) => other !== stop)).map((rest) => [stop, ...rest]))

/** Optimal cost by trying every tour for every set of stops, then every way to split the stops into sets; up to 8 stops. */
export const optimumM = (problem: PlanningProblem): number => {
  const count = problem.demands.length - 1
  const all = (1 << count) - 1
  const tourM = Array.from({ length: all + 1 }, (_, set) => {
    const stops = Array.from({ length: count }, (_, index) => index + 1).filter((stop) => set & (1 << (stop - 1)))
    const costs = permutations(stops)
      .filter((tour) => isAllowed(problem, tour))
      .map((tour) => costOf(problem, tour))
    return stops.length === 0 ? 0 : costs.reduce((best, cost) => Math.min(best, cost), Number.POSITIVE_INFINITY)
  })
  const bestM: number[] = [0]
  for (let set = 1; set <= all; set++) {
    bestM[set] = Number.POSITIVE_INFINITY
    for (let part = set; part > 0; part = (part - 1) & set) {
      bestM[set] = Math.min(bestM[set]!, tourM[part]! + bestM[set ^ part]!)
    }
  }
  return bestM[all]!
}
