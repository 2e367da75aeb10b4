import type { Sql } from 'firebreak'
import type { PositionReported, RouteCalculated } from '../../contracts/payloads.ts'
import type { Instant } from '../../domain/values/units.ts'

type Reader = Pick<Sql, 'query'>

export const trackingTables: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS plans (
    route_id TEXT PRIMARY KEY, truck_id TEXT NOT NULL, depart_at TEXT NOT NULL, stops BIGINT NOT NULL,
    stops_done BIGINT NOT NULL DEFAULT 0, body TEXT NOT NULL)`,
  'CREATE INDEX IF NOT EXISTS plans_truck ON plans (truck_id, depart_at)',
  `CREATE TABLE IF NOT EXISTS shipments (
    shipment_id TEXT PRIMARY KEY, order_id TEXT NOT NULL, route_id TEXT NOT NULL, told_eta TEXT NOT NULL,
    picked_up_at TEXT, delivered_at TEXT)`,
  `CREATE TABLE IF NOT EXISTS last_positions (
    truck_id TEXT PRIMARY KEY, seq BIGINT NOT NULL, reported_at TEXT NOT NULL, body TEXT NOT NULL)`,
]

export type ActivePlan = { readonly routeId: string; readonly stopsDone: number; readonly body: string }
export type Scan = {
  readonly shipmentId: string
  readonly kind: 'pickup' | 'delivery'
  readonly at: Instant
}

export const insertPlan = async (sql: Sql, route: RouteCalculated): Promise<void> => {
  await sql.query(
    `INSERT INTO plans (route_id, truck_id, depart_at, stops, body) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (route_id) DO NOTHING`,
    [route.routeId, route.truckId, route.departAt, route.stops.length, JSON.stringify(route)],
  )
  const deliveries = route.stops.filter((stop) => stop.kind === 'delivery')
  await sql.batch(
    `INSERT INTO shipments (shipment_id, order_id, route_id, told_eta) VALUES ($1, $2, $3, $4)
     ON CONFLICT (shipment_id) DO NOTHING`,
    deliveries.map((stop) => [stop.shipmentId, stop.orderId, route.routeId, stop.eta]),
  )
}

/** The first route of a truck that has stops left. */
export const activePlan = async (sql: Reader, truckId: string): Promise<ActivePlan | undefined> => {
  const rows = await sql.query<{ route_id: string; stops_done: number; body: string }>(
    `SELECT route_id, stops_done, body FROM plans WHERE truck_id = $1 AND stops_done < stops
     ORDER BY depart_at LIMIT 1`,
    [truckId],
  )
  const row = rows[0]
  return row === undefined ? undefined : { routeId: row.route_id, stopsDone: row.stops_done, body: row.body }
}

/** False for a report that is older than what is known: late ones do not move the marker back. */
export const storePosition = async (sql: Sql, position: PositionReported): Promise<boolean> => {
  const rows = await sql.query(
    `INSERT INTO last_positions (truck_id, seq, reported_at, body) VALUES ($1, $2, $3, $4)
     ON CONFLICT (truck_id) DO UPDATE SET seq = excluded.seq, reported_at = excluded.reported_at, body = excluded.body
     WHERE excluded.seq > last_positions.seq RETURNING truck_id`,
    [position.truckId, position.seq, position.reportedAt, JSON.stringify(position)],
  )
  return rows.length > 0
}

export const lastPosition = async (sql: Reader, truckId: string): Promise<PositionReported | undefined> => {
  const rows = await sql.query<{ body: string }>('SELECT body FROM last_positions WHERE truck_id = $1', [truckId])
  return rows[0] === undefined ? undefined : (JSON.parse(rows[0].body) as PositionReported)
}

export const toldEta = async (sql: Reader, shipmentId: string): Promise<Instant | undefined> => {
  const rows = await sql.query<{ told_eta: string }>('SELECT told_eta FROM shipments WHERE shipment_id = $1', [
    shipmentId,
  ])
  return rows[0]?.told_eta
}

export const tellEta = async (sql: Sql, shipmentId: string, eta: Instant): Promise<void> => {
  await sql.query('UPDATE shipments SET told_eta = $2 WHERE shipment_id = $1', [shipmentId, eta])
}

/** The route a shipment is on; undefined when this service has not heard of it yet. */
export const planOfShipment = async (sql: Reader, shipmentId: string): Promise<RouteCalculated | undefined> => {
  const rows = await sql.query<{ body: string }>(
    'SELECT plans.body FROM shipments JOIN plans ON plans.route_id = shipments.route_id WHERE shipment_id = $1',
    [shipmentId],
  )
  return rows[0] === undefined ? undefined : (JSON.parse(rows[0].body) as RouteCalculated)
}

/** False when the same label was scanned at this kind of stop before. */
export const recordScan = async (sql: Sql, scan: Scan): Promise<boolean> => {
  const column = scan.kind === 'pickup' ? 'picked_up_at' : 'delivered_at'
  const rows = await sql.query<{ route_id: string }>(
    `UPDATE shipments SET ${column} = $2 WHERE shipment_id = $1 AND ${column} IS NULL RETURNING route_id`,
    [scan.shipmentId, scan.at],
  )
  const routeId = rows[0]?.route_id
  if (routeId === undefined) return false
  await sql.query('UPDATE plans SET stops_done = stops_done + 1 WHERE route_id = $1', [routeId])
  return true
}
