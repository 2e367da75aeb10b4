import type { RouteCalculated } from '../../contracts/payloads.ts'
import { depotOf, type Truck, trucks } from '../../domain/roads/fleet.ts'
import { network } from '../../domain/roads/network.ts'
import { buildRoute, planOf, type Route, type RouteTask } from '../../domain/roads/route.ts'
import { type Order, orderClass, orderLoad } from '../../domain/trade/orders.ts'
import { chargeableM } from '../../domain/trade/tariff.ts'
import { haversineM } from '../../domain/values/geo.ts'
import { plusSeconds } from '../../domain/values/time.ts'
import type { Instant } from '../../domain/values/units.ts'

const shipmentIdOf = (order: Pick<Order, 'orderNumber'>): string => order.orderNumber.replace(/^LF/, 'SH')

const tasksOf = (order: Order): readonly RouteTask[] => {
  const shared = { orderId: order.orderId, shipmentId: shipmentIdOf(order), load: orderLoad(order) }
  return [
    { ...shared, kind: 'pickup', ...order.pickup },
    { ...shared, kind: 'delivery', ...order.delivery },
  ]
}

export type Dispatch = {
  readonly routeId: string
  readonly truck: Truck
  readonly departAt: Instant
  readonly calculatedAt: Instant
}

/** The way of one truck for one order, from its depot and back, billed to the customer as quoted. */
export const planOrder = (order: Order, dispatch: Dispatch): RouteCalculated => ({
  type: 'RouteCalculated',
  ...buildRoute(network, tasksOf(order), {
    ...dispatch,
    revision: 1,
    reason: 'planned',
    // Two stops in a fixed order leave nothing to search for.
    solver: { name: 'savings+sisr', seed: 0, iterations: 0, ms: 0 },
    billing: [
      {
        payerCustomerId: order.customerId,
        tariffId: order.quote.tariffId,
        chargeableM: chargeableM(order.quote.distanceM, order.service, orderLoad(order).ldmCm),
      },
    ],
  }),
})

/** When the truck is back at its depot. */
export const freeAt = (route: Route): Instant => plusSeconds(route.departAt, planOf(network, route).schedule.endS)

/** Of the trucks of the class that was quoted: one that is free, the nearest; else the one that is free first. */
export const chooseTruck = (
  order: Order,
  busyUntil: ReadonlyMap<string, Instant>,
  wantedAt: Instant,
): { truck: Truck; departAt: Instant } => {
  const wanted = orderClass(order)
  const choices = trucks
    .filter((truck) => truck.truckClass === wanted)
    .map((truck) => {
      const until = busyUntil.get(truck.truckId) ?? wantedAt
      const awayM = haversineM(depotOf(truck.depotId).place.geo, order.pickup.place.geo)
      return { truck, departAt: until > wantedAt ? until : wantedAt, awayM }
    })
    .sort((a, b) => a.departAt.localeCompare(b.departAt) || a.awayM - b.awayM)
  const best = choices[0]
  if (best === undefined) throw new Error(`the fleet has no ${wanted}`)
  return best
}
