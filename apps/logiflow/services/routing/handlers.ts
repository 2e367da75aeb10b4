import { handle, type ServiceDefinition, type Sql, service } from 'firebreak'
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
  readonly publish: (route: Route) => void
}

/** One route per order, however often it is asked for: row and event in the caller's transaction. */
export const dispatchOrder = async (sql: Sql, order: Order, options: DispatchOptions): Promise<Route> => {
  const known = await routeOfOrder(sql, order.orderId)
  if (known !== undefined) return known
  const wantedAt = plusSeconds(order.placedAt, READY_S)
  if (options.truckId === undefined) await takeTurn(sql)
  const chosen =
    options.truckId === undefined
      ? chooseTruck(order, await busyUntil(sql), wantedAt)
      : { truck: truckOf(options.truckId), departAt: wantedAt }
  const route = planOrder(order, { ...chosen, routeId: newId(), calculatedAt: order.placedAt })
  if (!(await insertRoute(sql, order.orderId, route))) {
    // Another instance was asked for the same order at the same moment, and has answered.
    return (await routeOfOrder(sql, order.orderId)) ?? route
  }
  options.publish(route)
  return route
}

export const routing: ServiceDefinition = service({
  name: 'routing',
  description: 'Gives each order a truck and a way.',
  publishes: [RouteCalculated],
  handlers: [
    handle(OrderPlaced, async (order, ctx) => {
      await ctx.transaction((sql) =>
        dispatchOrder(sql, order, { publish: (route) => ctx.publish(RouteCalculated, route) }),
      )
    }),
  ],
})
