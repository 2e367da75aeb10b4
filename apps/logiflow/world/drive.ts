import type { PositionReported, RouteCalculated } from '../contracts/payloads.ts'
import { network } from '../domain/roads/network.ts'
import { planOf, type RoutePlan } from '../domain/roads/route.ts'
import { truckAt } from '../domain/roads/truck-motion.ts'
import { mulberry32 } from '../domain/values/random.ts'
import { instantAtMs } from '../domain/values/time.ts'
import type { Geo, Instant } from '../domain/values/units.ts'

/** Every fourth trip meets a traffic jam that costs between 20 and 50 minutes. */
const JAM_SHARE = 0.25
const JAM_MIN_S = 1_200
const JAM_SPREAD_S = 1_800
const JAM_AFTER_M = 25_000
const JAM_AFTER_S = 600

export type Trip = {
  readonly plan: RoutePlan
  /** A jam begins at this sim time and costs this long; none: 0. */
  readonly jamFromMs: number
  readonly jamMs: number
  /** Stops whose labels have been scanned. */
  stopsDone: number
}
export type Seen = { readonly position: PositionReported; readonly stopIndex: number }

/** The same route always meets the same traffic, so a restarted world goes on as before. */
export const tripOf = (route: RouteCalculated): Trip => {
  const random = mulberry32(Number.parseInt(route.routeId.slice(0, 8), 16))
  const plan = planOf(network, route)
  const jamS = random() < JAM_SHARE ? JAM_MIN_S + random() * JAM_SPREAD_S : 0
  const jammed = plan.schedule.segments.find(({ kind, toM }) => kind === 'drive' && toM > JAM_AFTER_M)
  const jamFromMs = Date.parse(route.departAt) + ((jammed?.fromS ?? 0) + JAM_AFTER_S) * 1000
  return { plan, jamFromMs, jamMs: Math.round(jamS) * 1000, stopsDone: 0 }
}

const delayMs = (trip: Trip, simMs: number): number => Math.min(trip.jamMs, Math.max(0, simMs - trip.jamFromMs))

export const isOver = (trip: Trip, simMs: number): boolean =>
  Date.parse(trip.plan.route.departAt) + delayMs(trip, simMs) + trip.plan.schedule.endS * 1000 < simMs

/** Where the truck is; in a jam it stands until the jam's time is spent. */
export const drive = (trip: Trip, simMs: number, seq: number): Seen => {
  const lateMs = delayMs(trip, simMs)
  const state = truckAt(trip.plan, instantAtMs(simMs - lateMs))
  const isJammed = lateMs > 0 && lateMs < trip.jamMs
  const at: Instant = instantAtMs(simMs)
  return {
    stopIndex: state.stopIndex,
    position: {
      type: 'PositionReported',
      truckId: trip.plan.route.truckId,
      ...{ reportedAt: at, receivedAt: at, geo: state.geo, headingDeg: state.headingDeg, seq },
      speedKmh: isJammed ? 3 : state.speedKmh,
      odometerM: Math.round(state.odometerM),
      ignition: state.activity !== 'parked',
      accuracyM: 8,
    },
  }
}

export const stopGeo = (trip: Trip, stopIndex: number): Geo =>
  trip.plan.route.stops[stopIndex]?.place.geo ?? trip.plan.route.stops[0]?.place.geo ?? { lat: 0, lon: 0 }
