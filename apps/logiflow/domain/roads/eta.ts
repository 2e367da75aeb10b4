import { epochMs, plusSeconds, secondsBetween } from '../values/time.ts'
import type { Geo, Instant, Metres, Seconds } from '../values/units.ts'
import type { RoutePlan } from './route.ts'
import { BREAK_S, DRIVING_BEFORE_BREAK_S, propagate, type Schedule, type Visit } from './schedule.ts'
import { drivingS } from './speed-profile.ts'
import { projectOnTrack } from './track.ts'

/** Further from its corridor than this a truck has left its route; nearer is GPS noise and lay-bys. */
const DEVIATION_M: Metres = 2_000
/** Within this distance of a stop the truck counts as standing at it. */
const AT_STOP_M: Metres = 250
const OVERRUN_S: Seconds = 300
/** Spread of driving and of handling times as shares, and the factor from one sigma to the 90th percentile. */
const DRIVING_SPREAD = 0.08
const SERVICE_SPREAD = 0.25
const SIGMA_TO_P90 = 1.2816
const DETOUR = 1.15

export type EtaReason = 'progress' | 'deviation' | 'break_due' | 'stop_overrun'
export type StopEta = {
  readonly seq: number
  readonly shipmentId: string
  readonly eta: Instant
  readonly remainingM: Metres
  /** One time in ten the truck is later than eta + p90S. */
  readonly p90S: Seconds
  readonly reason: EtaReason
}
export type EtaEstimate = {
  readonly stops: readonly StopEta[]
  readonly alongM: Metres
  readonly offCorridorM: Metres
  readonly hasDeviated: boolean
}
export type Sighting = {
  readonly at: Instant
  readonly geo: Geo
  /** First stop that is not served yet. */
  readonly nextStopIndex: number
  /** Driving since the last break, when the tachograph tells; else taken from the plan. */
  readonly sinceBreakS?: Seconds
}

/** Driving since the last break at a point of the plan. */
const plannedSinceBreakS = (schedule: Schedule, alongM: Metres): Seconds => {
  let sinceS = 0
  for (const segment of schedule.segments) {
    if (segment.fromM > alongM) break
    if (segment.kind === 'drive') {
      const share = segment.toM === segment.fromM ? 1 : (alongM - segment.fromM) / (segment.toM - segment.fromM)
      sinceS += (segment.toS - segment.fromS) * Math.min(1, share)
    } else if (segment.kind !== 'service' && segment.toS - segment.fromS >= BREAK_S) sinceS = 0
  }
  return Math.min(DRIVING_BEFORE_BREAK_S, Math.round(sinceS))
}

const spreadS = (drivenS: Seconds, services: readonly Seconds[]): Seconds => {
  const variance = services.reduce(
    (total, serviceS) => total + (serviceS * SERVICE_SPREAD) ** 2,
    (drivenS * DRIVING_SPREAD) ** 2,
  )
  return Math.round(SIGMA_TO_P90 * Math.sqrt(variance))
}

/** How long the truck stays at the stop it stands at, and whether it should have gone by now. */
const dwell = (plan: RoutePlan, sighting: Sighting, alongM: Metres): { leftS: Seconds; isOverrun: boolean } => {
  const { nextStopIndex } = sighting
  const stop = plan.route.stops[nextStopIndex - 1]
  if (stop === undefined || alongM - (plan.stopsM[nextStopIndex - 1] ?? 0) > AT_STOP_M)
    return { leftS: 0, isOverrun: false }
  const leftS = secondsBetween(sighting.at, stop.depart)
  return { leftS: Math.max(0, leftS), isOverrun: leftS < -OVERRUN_S }
}

/** New arrival times for all stops that are left, from where the truck was seen. */
export const estimateEta = (plan: RoutePlan, sighting: Sighting): EtaEstimate => {
  const { nextStopIndex } = sighting
  const { stops, departAt } = plan.route
  const bounds = {
    fromM: plan.stopsM[nextStopIndex - 1] ?? 0,
    toM: plan.stopsM[nextStopIndex] ?? plan.route.distanceM,
  }
  const { alongM, offM } = projectOnTrack(plan.track, sighting.geo, bounds)
  const hasDeviated = offM > DEVIATION_M
  const { leftS, isOverrun } = dwell(plan, sighting, alongM)
  const backM = hasDeviated ? Math.round(offM * DETOUR) : 0
  const left = plan.visits.slice(nextStopIndex, stops.length).map((visit, index): Visit => {
    if (index > 0) return visit
    const remainingM = bounds.toM - alongM + backM
    return { ...visit, legM: remainingM, legS: drivingS(remainingM) }
  })
  const schedule = propagate(left, {
    atS: secondsBetween(departAt, sighting.at) + leftS,
    sinceBreakS: sighting.sinceBreakS ?? plannedSinceBreakS(plan.schedule, alongM),
  })
  const reasonFor = (arriveS: Seconds): EtaReason => {
    if (hasDeviated) return 'deviation'
    if (isOverrun) return 'stop_overrun'
    return schedule.segments.some(({ kind, fromS }) => kind === 'break' && fromS < arriveS) ? 'break_due' : 'progress'
  }
  const etas = left.flatMap((_, index): StopEta[] => {
    const [stop, times] = [stops[nextStopIndex + index], schedule.visits[index]]
    if (stop === undefined || times === undefined) return []
    const driven = schedule.segments.filter(({ kind, visitIndex }) => kind === 'drive' && visitIndex <= index)
    return [
      {
        seq: stop.seq,
        shipmentId: stop.shipmentId,
        eta: plusSeconds(departAt, times.arriveS),
        remainingM: left.slice(0, index + 1).reduce((total, visit) => total + visit.legM, 0),
        p90S: spreadS(
          driven.reduce((total, segment) => total + segment.toS - segment.fromS, 0),
          [leftS, ...left.slice(0, index).map((visit) => visit.serviceS)],
        ),
        reason: reasonFor(times.arriveS),
      },
    ]
  })
  return { stops: etas, alongM, offCorridorM: offM, hasDeviated }
}

/** Only a shift above a quarter of an hour is news. */
export const isWorthTelling = (previousEta: Instant, eta: Instant): boolean =>
  Math.abs(epochMs(eta) - epochMs(previousEta)) > 15 * 60_000
