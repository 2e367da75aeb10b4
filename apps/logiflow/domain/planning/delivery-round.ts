import type { Corridors } from '../roads/corridors.ts'
import type { RouteTask } from '../roads/route.ts'
import { drivingS } from '../roads/speed-profile.ts'
import { secondsBetween } from '../values/time.ts'
import type { Instant, Load, Place } from '../values/units.ts'
import type { PlanningProblem } from './planning-problem.ts'

/** Deliveries out of one depot as a planning problem: stop number i of a tour is tasks[i - 1]. */
export const deliveryRound = (
  corridors: Corridors,
  tasks: readonly RouteTask[],
  options: {
    readonly depot: Place
    readonly capacity: Load
    readonly departAt: Instant
  },
): PlanningProblem => {
  const nodes = [options.depot, ...tasks.map((task) => task.place)].map((place) => Number(place.placeId))
  const distanceM = nodes.map((from) => nodes.map((to) => corridors.path(from, to).distanceM))
  const home = {
    serviceS: 0,
    windowFromS: 0,
    windowToS: Number.POSITIVE_INFINITY,
  }
  const stops = tasks.map((task) => ({
    serviceS: task.serviceS,
    windowFromS: secondsBetween(options.departAt, task.window.from),
    windowToS: secondsBetween(options.departAt, task.window.to),
  }))
  return {
    distanceM,
    demands: [{ weightG: 0, ldmCm: 0, pallets: 0 }, ...tasks.map((task) => task.load)],
    capacity: options.capacity,
    timing: {
      departS: 0,
      drivingS: distanceM.map((row) => row.map(drivingS)),
      stops: [home, ...stops],
    },
  }
}
