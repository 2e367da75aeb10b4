import type { Sql } from 'firebreak'
import type { RouteCalculated } from '../../contracts/payloads.ts'
import type { Instant } from '../../domain/values/units.ts'
import { nowMs } from '../../platform/machine.ts'
import { freeAt } from './plan.ts'

type Reader = Pick<Sql, 'query'>

export const routingTables: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS routes (
    request_key TEXT PRIMARY KEY, route_id TEXT NOT NULL, order_id TEXT NOT NULL, truck_id TEXT NOT NULL,
    eta TEXT NOT NULL, free_at TEXT NOT NULL, body TEXT NOT NULL, at_ms BIGINT NOT NULL)`,
  'CREATE INDEX IF NOT EXISTS routes_order ON routes (order_id)',
  'CREATE INDEX IF NOT EXISTS routes_truck ON routes (truck_id, free_at)',
  'CREATE INDEX IF NOT EXISTS routes_at ON routes (at_ms)',
  'CREATE TABLE IF NOT EXISTS turns (name TEXT PRIMARY KEY, taken BIGINT NOT NULL)',
]

/**
 * Waits for its turn at the fleet and keeps it until the transaction ends: who reads when trucks are free and takes one must
 * not be overtaken by another instance in between.
 */
export const takeTurn = async (sql: Sql): Promise<void> => {
  await sql.query(
    `INSERT INTO turns (name, taken) VALUES ('fleet', 1)
     ON CONFLICT (name) DO UPDATE SET taken = turns.taken + 1`,
  )
}

/** False when a request with this key has its route already. */
export const insertRoute = async (sql: Sql, requestKey: string, route: RouteCalculated): Promise<boolean> => {
  const rows = await sql.query(
    `INSERT INTO routes (request_key, route_id, order_id, truck_id, eta, free_at, body, at_ms)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (request_key) DO NOTHING RETURNING request_key`,
    [
      ...[requestKey, route.routeId, route.stops[0]?.orderId ?? '', route.truckId],
      ...[route.eta, freeAt(route), JSON.stringify(route), nowMs()],
    ],
  )
  return rows.length > 0
}

export const routeOfOrder = async (sql: Reader, orderId: string): Promise<RouteCalculated | undefined> => {
  const rows = await sql.query<{ body: string }>('SELECT body FROM routes WHERE order_id = $1 ORDER BY at_ms LIMIT 1', [
    orderId,
  ])
  return rows[0] === undefined ? undefined : (JSON.parse(rows[0].body) as RouteCalculated)
}

export const busyUntil = async (sql: Reader): Promise<ReadonlyMap<string, Instant>> => {
  const rows = await sql.query<{ truck_id: string; until: string }>(
    'SELECT truck_id, MAX(free_at) AS until FROM routes GROUP BY truck_id',
  )
  return new Map(rows.map((row) => [row.truck_id, row.until]))
}

/** What on-board units fetch: routes from `sinceMs` on whose trucks are still out at `freeAfter`; oldest first. */
export const routesSince = async (
  sql: Reader,
  from: { readonly sinceMs: number; readonly freeAfter: Instant },
): Promise<readonly { readonly atMs: number; readonly route: RouteCalculated }[]> => {
  const rows = await sql.query<{ body: string; at_ms: number }>(
    'SELECT body, at_ms FROM routes WHERE at_ms >= $1 AND free_at > $2 ORDER BY at_ms LIMIT 200',
    [from.sinceMs, from.freeAfter],
  )
  return rows.map((row) => ({ atMs: row.at_ms, route: JSON.parse(row.body) as RouteCalculated }))
}
