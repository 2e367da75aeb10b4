import { secondsBetween } from '../values/time.ts'
import type { Geo, Instant, Metres } from '../values/units.ts'
import type { RoutePlan } from './route.ts'
import type { Segment } from './schedule.ts'
import { remainingAfterM, speedKmh } from './speed-profile.ts'
import { pointAlong } from './track.ts'

export type TruckState = {
  readonly activity: 'parked' | Segment['kind']
  readonly geo: Geo
  readonly headingDeg: number
  readonly speedKmh: number
  readonly alongM: Metres
  readonly odometerM: Metres
  /** The stop the truck drives to or stands at; one past the last stop on the way home. */
  readonly stopIndex: number
}

/** Where a truck that keeps to its plan is at an instant; before the start and after the end it stands. */
export const truckAt = (plan: RoutePlan, at: Instant, odometerStartM: Metres = 0): TruckState => {
  const elapsedS = Math.max(0, secondsBetween(plan.route.departAt, at))
  const segment = plan.schedule.segments.find((candidate) => candidate.toS > elapsedS)
  const legEndM =
    segment === undefined ? plan.route.distanceM : (plan.stopsM[segment.visitIndex] ?? plan.route.distanceM)
  const alongM = (() => {
    if (segment === undefined) return plan.route.distanceM
    if (segment.kind !== 'drive') return segment.fromM
    return Math.min(segment.toM, legEndM - remainingAfterM(legEndM - segment.fromM, elapsedS - segment.fromS))
  })()
  return {
    activity: segment?.kind ?? 'parked',
    ...pointAlong(plan.track, alongM),
    speedKmh: segment?.kind === 'drive' ? speedKmh(legEndM - alongM) : 0,
    alongM,
    odometerM: odometerStartM + alongM,
    stopIndex: segment?.visitIndex ?? plan.route.stops.length,
  }
}
