import type { Database } from 'firebreak'
import { runService } from '../../platform/service-process.ts'
import { freshnessOf, type PortalState, portalRoutes } from './api.ts'
import { portalService } from './handlers.ts'
import { LivePages } from './live.ts'
import { pageRoutes } from './pages.ts'
import { findCard, liveTrucks, portalTables } from './store.ts'
import { cardView, truckView } from './views.ts'

const state: PortalState = { ops: null }
let database: Database | undefined

const pages = new LivePages(async (orderIds, truckIds) => {
  if (database === undefined) return undefined
  const own = database
  const rows = await Promise.all(orderIds.map((orderId) => findCard(own, orderId)))
  const moved = new Set(truckIds)
  const seen = truckIds.length === 0 ? [] : await liveTrucks(own)
  return {
    orders: rows.flatMap((row) => (row?.order_body ? [cardView(row)] : [])),
    trucks: seen.filter(({ truckId }) => moved.has(truckId)).map(truckView),
  }
})

await runService({
  name: 'portal',
  service: (_, own) => {
    database = own
    return portalService(pages.changed)
  },
  tables: portalTables,
  routes: (parts) => ({ ...pageRoutes, ...portalRoutes({ ...parts, pages, state }) }),
  onOps(ops) {
    state.ops = ops
    if (database === undefined) return
    freshnessOf(database, ops).then(
      (freshness) => pages.send('ops', { ops, freshness }),
      () => {}, // The database is busy; the next look is in a second.
    )
  },
  onStop: () => pages.close(),
})
