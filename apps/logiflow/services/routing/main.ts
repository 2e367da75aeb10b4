import { z } from 'zod'
import { dispatchRequest } from '../../contracts/requests.ts'
import { runService } from '../../platform/service-process.ts'
import { dispatchOrder, routing } from './handlers.ts'
import { routesSince, routingTables } from './store.ts'

const routesQuery = z.object({
  sinceMs: z.coerce.number().int().nonnegative().default(0),
  freeAfter: z.string().default(''),
})

await runService({
  name: 'routing',
  service: () => routing,
  tables: routingTables,
  routes: ({ runtime, database }) => ({
    /** A dispatcher sends a truck off: the route is stored and published in one commit, then accepted. */
    'POST /dispatches': async (request) => {
      const { order, truckId } = dispatchRequest.parse(await request.json())
      const route = await runtime.transaction((tx) => dispatchOrder(tx, order, { truckId }))
      return { status: 202, json: { routeId: route.routeId, eta: route.eta } }
    },
    /** On-board units fetch their routes. */
    'GET /routes': async (request) => ({
      status: 200,
      json: await routesSince(database, routesQuery.parse(Object.fromEntries(request.query))),
    }),
  }),
})
