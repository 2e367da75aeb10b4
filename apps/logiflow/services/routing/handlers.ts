import { handle, type ServiceDefinition, service, type Transaction } from 'firebreak'
import { OrderPlaced, RouteCalculated } from '../../contracts/events.ts'
import type { RouteCalculated as Route } from '../../contracts/payloads.ts'
import { truckOf } from '../../domain/roads/fleet.ts'
import type { Order } from '../../domain/trade/orders.ts'
import { plusSeconds } from '../../domain/values/time.ts'
import { newId } from '../../platform/machine.ts'
import { chooseTruck, planOrder } from './plan.ts'
import { busyUntil, insertRoute, routeOfOrder, takeTurn } from './store.ts'

/** The driver checks the load and the tyres. */
export const READY_S = 300

export type DispatchOptions = {
  /** The dispatcher has chosen; absent: routing does. */
  readonly truckId?: string
}

/** One route per order, however often it is asked for: row and event in the caller's transaction. */
export const dispatchOrder = async (tx: Transaction, order: Order, options: DispatchOptions = {}): Promise<Route> => {
  const known = await routeOfOrder(tx, order.orderId)
  if (known !== undefined) return known
  const wantedAt = plusSeconds(order.placedAt, READY_S)
  if (options.truckId === undefined) await takeTurn(tx)
  const chosen =
    options.truckId === undefined
      ? chooseTruck(order, await busyUntil(tx), wantedAt)
      : { truck: truckOf(options.truckId), departAt: wantedAt }
  const route = planOrder(order, { ...chosen, routeId: newId(), calculatedAt: order.placedAt })
  if (!(await insertRoute(tx, order.orderId, route))) {
    // Another instance was asked for the same order at the same moment, and has answered.
    return (await routeOfOrder(tx, order.orderId)) ?? route
  }
  tx.publish(RouteCalculated, route)
  return route
}

export const routing: ServiceDefinition = service({
  name: 'routing',
  description: 'Gives each order a truck and a way.',
  publishes: [RouteCalculated],
  handlers: [
    handle(OrderPlaced, async (order, ctx) => {
      await ctx.transaction((tx) => dispatchOrder(tx, order))
    }),
  ],
})
