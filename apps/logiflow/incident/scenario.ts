import type { OrderPlaced, PositionReported } from '../contracts/payloads.ts'
import type { DispatchRequest } from '../contracts/requests.ts'
import { depotOf, trucks } from '../domain/roads/fleet.ts'
import { generateOrder, orderClass } from '../domain/trade/orders.ts'
import { mulberry32, pick, type Random } from '../domain/values/random.ts'
import { instantAtMs } from '../domain/values/time.ts'

/** Half past the hour that winter time repeats: 02:02:03 in Amsterdam. */
const STARTS_AT_MS = Date.UTC(2026, 10, 1, 1, 2, 3)

/** Rates per second, times in seconds from the start. */
export type Scenario = {
  readonly lastsS: number
  readonly viewsPerS: number
  readonly pingsPerS: number
  readonly dispatchesPerS: number
  /** The night departure wave. */
  readonly wave: { readonly fromS: number; readonly toS: number; readonly dispatchesPerS: number }
  readonly hotfixAtS: number
  readonly heapMb: number
  /** Orders on the road before the start: those that customers look at. */
  readonly earlierOrders: number
}

export const fullNight: Scenario = {
  ...{ lastsS: 300, viewsPerS: 20, pingsPerS: 30, dispatchesPerS: 1 },
  wave: { fromS: 45, toS: 180, dispatchesPerS: 6 },
  ...{ hotfixAtS: 150, heapMb: 224, earlierOrders: 40 },
}
export const shortNight: Scenario = {
  ...{ lastsS: 64, viewsPerS: 20, pingsPerS: 30, dispatchesPerS: 1.5 },
  wave: { fromS: 6, toS: 36, dispatchesPerS: 7 },
  ...{ hotfixAtS: 30, heapMb: 80, earlierOrders: 10 },
}

export type Step =
  | { readonly kind: 'view'; readonly atMs: number; readonly orderId: string }
  | { readonly kind: 'ping'; readonly atMs: number; readonly position: PositionReported }
  | { readonly kind: 'dispatch'; readonly atMs: number; readonly dispatch: DispatchRequest }
export type Trace = { readonly earlier: readonly DispatchRequest[]; readonly steps: readonly Step[] }

const dispatchOf = (random: Random, sequence: number, atMs: number): DispatchRequest => {
  const order: OrderPlaced = {
    type: 'OrderPlaced',
    ...generateOrder(random, sequence, instantAtMs(STARTS_AT_MS + atMs)),
  }
  const wanted = orderClass(order)
  return {
    order,
    truckId: pick(
      random,
      trucks.filter(({ truckClass }) => truckClass === wanted),
    ).truckId,
  }
}

const pingOf = (random: Random, seq: number, atMs: number): PositionReported => {
  const truck = pick(random, trucks)
  const at = instantAtMs(STARTS_AT_MS + atMs)
  return {
    ...{ type: 'PositionReported', truckId: truck.truckId, reportedAt: at, receivedAt: at, seq },
    ...{
      geo: depotOf(truck.depotId).place.geo,
      speedKmh: 0,
      headingDeg: 0,
      odometerM: 0,
      ignition: true,
      accuracyM: 8,
    },
  }
}

/** Times of independent arrivals at a rate per second (exponential gaps), within [fromS, toS). */
const arrivals = (random: Random, perS: number, fromS: number, toS: number): readonly number[] => {
  const times: number[] = []
  for (let atS = fromS; ; ) {
    atS += -Math.log(1 - random()) / perS
    if (Math.round(atS * 1000) >= toS * 1000) return times
    times.push(Math.round(atS * 1000))
  }
}

/** Everything the outside world will do; the same seed gives the same night to every wiring. */
export const traceOf = (scenario: Scenario, seed: number): Trace => {
  const random = mulberry32(seed)
  const { lastsS, wave, earlierOrders } = scenario
  const earlier = Array.from({ length: earlierOrders }, (_, index) => dispatchOf(random, index + 1, 0))
  const dispatchTimes = [
    ...arrivals(random, scenario.dispatchesPerS, 0, wave.fromS),
    ...arrivals(random, wave.dispatchesPerS, wave.fromS, wave.toS),
    ...arrivals(random, scenario.dispatchesPerS, wave.toS, lastsS),
  ]
  const views = arrivals(random, scenario.viewsPerS, 0, lastsS).map((atMs): Step => {
    return { kind: 'view', atMs, orderId: pick(random, earlier).order.orderId }
  })
  const pings = arrivals(random, scenario.pingsPerS, 0, lastsS).map((atMs, index): Step => {
    return { kind: 'ping', atMs, position: pingOf(random, index + 1, atMs) }
  })
  const dispatches = dispatchTimes.map((atMs, index): Step => {
    return { kind: 'dispatch', atMs, dispatch: dispatchOf(random, earlierOrders + index + 1, atMs) }
  })
  return { earlier, steps: [...views, ...pings, ...dispatches].sort((a, b) => a.atMs - b.atMs) }
}
