import { epochMs, plusSeconds, secondsBetween } from '../values/time.ts'
import type { Grams, Instant, LdmCm, Load, Metres, Place, Seconds, TimeWindow, Uuid7 } from '../values/units.ts'
import type { Corridors } from './corridors.ts'
import { depotOf, type Truck } from './fleet.ts'
import { propagate, type Schedule, type Visit } from './schedule.ts'
import { drivingS } from './speed-profile.ts'
import { stopsAlongM, type Track, trackOf } from './track.ts'

export type RouteReason = 'planned' | 'deviation' | 'traffic' | 'stop_removed'
export type StopKind = 'pickup' | 'delivery'
export type RouteStop = {
  readonly seq: number
  readonly orderId: string
  readonly shipmentId: string
  readonly kind: StopKind
  readonly place: Place
  readonly arrive: Instant
  readonly depart: Instant
  readonly eta: Instant
  readonly window: TimeWindow
  readonly lateS: Seconds
  readonly loadAfterG: Grams
  readonly ldmAfterCm: LdmCm
}
export type Billing = {
  readonly payerCustomerId: string
  readonly tariffId: string
  readonly chargeableM: Metres
}
export type Solver = {
  readonly name: 'savings+sisr'
  readonly seed: number
  readonly iterations: number
  readonly ms: number
  readonly costM: Metres
  readonly bestBoundM: null
}
/** One truck's way from its depot over its stops and back. distanceM is the exact sum of the corridors of geometry. */
export type Route = {
  readonly truckId: string
  /** Arrival at the last stop. */
  readonly eta: Instant
  /** When the route was calculated, epoch ms. */
  readonly timestamp: number
  readonly routeId: string
  readonly revision: number
  readonly reason: RouteReason
  readonly deviationId?: Uuid7
  readonly depotId: string
  readonly driverId: string
  readonly departAt: Instant
  readonly distanceM: Metres
  readonly drivingS: Seconds
  readonly breakS: Seconds
  readonly serviceS: Seconds
  readonly stops: readonly RouteStop[]
  readonly geometry: {
    readonly encoding: 'corridor-node-ids'
    readonly ids: readonly number[]
  }
  readonly solver: Solver
  readonly billing: readonly Billing[]
}

/** What has to be done at a place, before times are known. */
export type RouteTask = {
  readonly orderId: string
  readonly shipmentId: string
  readonly kind: StopKind
  readonly place: Place
  readonly window: TimeWindow
  readonly serviceS: Seconds
  readonly load: Load
}
export type RouteDetails = {
  readonly routeId: string
  readonly revision: number
  readonly reason: RouteReason
  readonly deviationId?: Uuid7
  readonly truck: Truck
  readonly departAt: Instant
  readonly calculatedAt: Instant
  readonly solver: Omit<Solver, 'costM' | 'bestBoundM'>
  readonly billing: readonly Billing[]
  /** Where a recalculated route starts; absent: at the truck's depot. */
  readonly startPlace?: Place
}

const nodeIdOf = (place: Place): number => Number(place.placeId)

const visitOf = (stop: Pick<RouteTask, 'window' | 'serviceS'>, legM: Metres, departAt: Instant): Visit => ({
  legM,
  legS: drivingS(legM),
  serviceS: stop.serviceS,
  windowFromS: secondsBetween(departAt, stop.window.from),
  windowToS: secondsBetween(departAt, stop.window.to),
})

const homeward = (legM: Metres): Visit => ({
  legM,
  legS: drivingS(legM),
  serviceS: 0,
  windowFromS: 0,
  windowToS: Number.POSITIVE_INFINITY,
})

/** Load after each task; what is delivered without a pickup on this route was loaded at the start. */
const loadsAfter = (tasks: readonly RouteTask[]): readonly { readonly weightG: Grams; readonly ldmCm: LdmCm }[] => {
  const collected = new Set(tasks.filter((task) => task.kind === 'pickup').map((task) => task.shipmentId))
  const aboard = tasks.filter((task) => task.kind === 'delivery' && !collected.has(task.shipmentId))
  let weightG = aboard.reduce((total, task) => total + task.load.weightG, 0)
  let ldmCm = aboard.reduce((total, task) => total + task.load.ldmCm, 0)
  return tasks.map((task) => {
    const sign = task.kind === 'pickup' ? 1 : -1
    weightG += sign * task.load.weightG
    ldmCm += sign * task.load.ldmCm
    return { weightG, ldmCm }
  })
}

/** Lays the tasks, in the given order, on corridors and on the clock. */
export const buildRoute = (corridors: Corridors, tasks: readonly RouteTask[], details: RouteDetails): Route => {
  const { startPlace, solver, truck, calculatedAt, ...rest } = details
  const home = depotOf(truck.depotId).place
  const nodes = [startPlace ?? home, ...tasks.map((task) => task.place), home].map(nodeIdOf)
  const legs = nodes.slice(1).map((to, index) => corridors.path(nodes[index] ?? to, to))
  const visits = legs.map((leg, index) => {
    const task = tasks[index]
    return task === undefined ? homeward(leg.distanceM) : visitOf(task, leg.distanceM, rest.departAt)
  })
  const schedule = propagate(visits, { atS: 0, sinceBreakS: 0 })
  const loads = loadsAfter(tasks)
  const stops = tasks.map(({ orderId, shipmentId, kind, place, window }, index): RouteStop => {
    const times = schedule.visits[index]
    const arrive = plusSeconds(rest.departAt, times?.arriveS ?? 0)
    return {
      ...{ seq: index + 1, orderId, shipmentId, kind, place, arrive },
      depart: plusSeconds(rest.departAt, times?.departS ?? 0),
      eta: arrive,
      window,
      lateS: times?.lateS ?? 0,
      loadAfterG: loads[index]?.weightG ?? 0,
      ldmAfterCm: loads[index]?.ldmCm ?? 0,
    }
  })
  return {
    truckId: truck.truckId,
    eta: stops.at(-1)?.eta ?? rest.departAt,
    timestamp: epochMs(calculatedAt),
    ...{ routeId: rest.routeId, revision: rest.revision, reason: rest.reason },
    ...(rest.deviationId === undefined ? {} : { deviationId: rest.deviationId }),
    depotId: truck.depotId,
    driverId: truck.driverId,
    departAt: rest.departAt,
    distanceM: schedule.distanceM,
    drivingS: schedule.drivingS,
    breakS: schedule.breakS,
    serviceS: schedule.serviceS,
    stops,
    geometry: {
      encoding: 'corridor-node-ids',
      ids: legs.flatMap((leg, index) => leg.ids.slice(index === 0 ? 0 : 1)),
    },
    solver: { ...solver, costM: schedule.distanceM, bestBoundM: null },
    billing: rest.billing,
  }
}

/** A route read back from its event: the line on the map, where its stops lie on it, and the clock along it. */
export type RoutePlan = {
  readonly route: Route
  readonly track: Track
  readonly stopsM: readonly Metres[]
  readonly visits: readonly Visit[]
  readonly schedule: Schedule
}

export const planOf = (corridors: Corridors, route: Route): RoutePlan => {
  const track = trackOf(corridors, route.geometry.ids)
  const stopsM = [
    ...stopsAlongM(
      track,
      route.stops.map((stop) => nodeIdOf(stop.place)),
    ),
    route.distanceM,
  ]
  const visits = stopsM.map((alongM, index) => {
    const stop = route.stops[index]
    const legM = alongM - (stopsM[index - 1] ?? 0)
    if (stop === undefined) return homeward(legM)
    // Service starts when the truck is there and the window is open.
    const startS = Math.max(epochMs(stop.arrive), epochMs(stop.window.from)) / 1000
    return visitOf(
      {
        window: stop.window,
        serviceS: Math.round(epochMs(stop.depart) / 1000 - startS),
      },
      legM,
      route.departAt,
    )
  })
  return {
    route,
    track,
    stopsM,
    visits,
    schedule: propagate(visits, { atS: 0, sinceBreakS: 0 }),
  }
}
