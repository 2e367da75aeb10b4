import { dispatchRequest } from '../contracts/requests.ts'
import { truckOf } from '../domain/roads/fleet.ts'
import { plusSeconds } from '../domain/values/time.ts'
import { Problem } from '../platform/http.ts'
import { newId } from '../platform/machine.ts'
import { READY_S } from '../services/routing/handlers.ts'
import { planOrder } from '../services/routing/plan.ts'
import { insertRoute, routeOfOrder, routingTables } from '../services/routing/store.ts'
import { runRest } from './rest-process.ts'

await runRest('routing', routingTables, ({ pool, ask, url, isHardened }) => ({
  /** Every route that is calculated is invoiced right away, and the dispatcher waits until it is. */
  'POST /dispatches': async (request) => {
    const { order, truckId } = dispatchRequest.parse(await request.json())
    return pool.use(async (database) => {
      const departAt = plusSeconds(order.placedAt, READY_S)
      const dispatch = { routeId: newId(), truck: truckOf(truckId), departAt, calculatedAt: order.placedAt }
      const route = planOrder(order, dispatch)
      await database.transaction((sql) => insertRoute(sql, newId(), route))
      const invoiced = ask('POST', `${url('invoicing')}/invoices`, route)
      await (isHardened ? invoiced.catch(() => undefined) : invoiced)
      return { status: 201, json: { routeId: route.routeId, eta: route.eta } }
    })
  },
  'GET /etas/:orderId': ({ params }) =>
    pool.use(async (database) => {
      const route = await routeOfOrder(database, params['orderId'] ?? '')
      if (route === undefined) throw new Problem(404, 'no route yet')
      return { status: 200, json: { truckId: route.truckId, eta: route.eta } }
    }),
}))
