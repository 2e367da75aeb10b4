import { DRIVING_PER_DAY_S, propagate, type Visit } from '../roads/schedule.ts'
import type { Load, Metres, Seconds } from '../values/units.ts'

/** Stops 1..n are served from depot 0 by trucks of one class. distanceM[from][to]; demands[0] is not read. */
export type PlanningProblem = {
  readonly distanceM: readonly (readonly Metres[])[]
  readonly demands: readonly Load[]
  readonly capacity: Load
  /** Absent: nothing but distance and capacity counts. */
  readonly timing?: PlanningTimes
}
export type PlanningTimes = {
  readonly departS: Seconds
  readonly drivingS: readonly (readonly Seconds[])[]
  readonly stops: readonly Pick<Visit, 'serviceS' | 'windowFromS' | 'windowToS'>[]
}

/** Stop numbers in visiting order, without the depot at both ends. */
export type Tour = readonly number[]
export type UnplannedReason = 'no_capacity' | 'window_infeasible' | 'driver_hours'

export const legM = (problem: PlanningProblem, from: number, to: number): Metres => problem.distanceM[from]?.[to] ?? 0

export const tourCostM = (problem: PlanningProblem, tour: Tour): Metres => {
  if (tour.length === 0) return 0
  let total = 0
  let at = 0
  for (const stop of tour) {
    total += legM(problem, at, stop)
    at = stop
  }
  return total + legM(problem, at, 0)
}

export const planCostM = (problem: PlanningProblem, tours: readonly Tour[]): Metres =>
  tours.reduce((total, tour) => total + tourCostM(problem, tour), 0)

export const fits = (problem: PlanningProblem, tour: Tour): boolean => {
  let [weightG, ldmCm, pallets] = [0, 0, 0]
  for (const stop of tour) {
    const demand = problem.demands[stop]
    if (demand === undefined) return false
    weightG += demand.weightG
    ldmCm += demand.ldmCm
    pallets += demand.pallets
  }
  const { capacity } = problem
  return weightG <= capacity.weightG && ldmCm <= capacity.ldmCm && pallets <= capacity.pallets
}

const timingBreach = (problem: PlanningProblem, tour: Tour): UnplannedReason | null => {
  const { timing } = problem
  if (timing === undefined) return null
  const visits = [...tour, 0].map((stop, index): Visit => {
    const from = tour[index - 1] ?? 0
    const times = stop === 0 ? undefined : timing.stops[stop]
    return {
      legM: legM(problem, from, stop),
      legS: timing.drivingS[from]?.[stop] ?? 0,
      serviceS: times?.serviceS ?? 0,
      windowFromS: times?.windowFromS ?? 0,
      windowToS: times?.windowToS ?? Number.POSITIVE_INFINITY,
    }
  })
  const schedule = propagate(visits, { atS: timing.departS, sinceBreakS: 0 })
  if (schedule.drivingS > DRIVING_PER_DAY_S) return 'driver_hours'
  return schedule.visits.some((visit) => visit.lateS > 0) ? 'window_infeasible' : null
}

/** Why a truck cannot drive the tour, or null when it can. */
export const breachOf = (problem: PlanningProblem, tour: Tour): UnplannedReason | null =>
  fits(problem, tour) ? timingBreach(problem, tour) : 'no_capacity'

export const isDrivable = (problem: PlanningProblem, tour: Tour): boolean => breachOf(problem, tour) === null
