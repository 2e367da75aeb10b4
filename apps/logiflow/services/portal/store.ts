import type { Sql } from 'firebreak'
import type {
  EtaRevised,
  InvoiceGenerated,
  OrderPlaced,
  PositionReported,
  RouteCalculated,
} from '../../contracts/payloads.ts'
import type { Instant } from '../../domain/values/units.ts'
import { nowMs } from '../../platform/machine.ts'

type Reader = Pick<Sql, 'query'>

export const portalTables: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS cards (
    order_id TEXT PRIMARY KEY, order_number TEXT, customer_id TEXT, placed_at TEXT, order_body TEXT,
    route_id TEXT, truck_id TEXT, promised_eta TEXT, route_body TEXT, routed_ms BIGINT,
    eta TEXT, eta_reason TEXT, eta_p90_s BIGINT, picked_up_at TEXT, delivered_at TEXT, receiver_initials TEXT, late_s BIGINT,
    invoice_number TEXT, invoice_body TEXT, invoiced_ms BIGINT, seen_ms BIGINT NOT NULL)`,
  'CREATE INDEX IF NOT EXISTS cards_seen ON cards (seen_ms)',
  'CREATE INDEX IF NOT EXISTS cards_waiting ON cards (routed_ms) WHERE invoiced_ms IS NULL',
  'CREATE INDEX IF NOT EXISTS cards_invoice ON cards (invoice_number)',
  'CREATE INDEX IF NOT EXISTS cards_number ON cards (order_number)',
  'CREATE TABLE IF NOT EXISTS live_trucks (truck_id TEXT PRIMARY KEY, body TEXT NOT NULL)',
  'CREATE TABLE IF NOT EXISTS sources (source TEXT PRIMARY KEY, heard_ms BIGINT NOT NULL)',
  'CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, taken BIGINT NOT NULL)',
  `CREATE TABLE IF NOT EXISTS requests (
    request_key TEXT PRIMARY KEY, digest TEXT NOT NULL, order_id TEXT NOT NULL, order_number TEXT NOT NULL)`,
]

export type CardRow = {
  readonly order_id: string
  readonly order_number: string | null
  readonly customer_id: string | null
  readonly placed_at: Instant | null
  readonly order_body: string | null
  readonly truck_id: string | null
  readonly promised_eta: Instant | null
  readonly route_body: string | null
  readonly routed_ms: number | null
  readonly eta: Instant | null
  readonly eta_reason: string | null
  readonly eta_p90_s: number | null
  readonly picked_up_at: Instant | null
  readonly delivered_at: Instant | null
  readonly receiver_initials: string | null
  readonly late_s: number | null
  readonly invoice_number: string | null
  readonly invoice_body: string | null
}

/**
 * Events of different topics arrive in any order, so each one sets its own columns of the card and makes the card if it
 * is the first.
 */
const setColumns = async (
  sql: Sql,
  orderId: string,
  columns: Readonly<Record<string, string | number | null>>,
): Promise<void> => {
  const names = Object.keys(columns)
  const places = names.map((_, index) => `$${index + 3}`)
  await sql.query(
    `INSERT INTO cards (order_id, seen_ms, ${names.join(', ')}) VALUES ($1, $2, ${places.join(', ')})
     ON CONFLICT (order_id) DO UPDATE SET ${names.map((name) => `${name} = excluded.${name}`).join(', ')}`,
    [orderId, nowMs(), ...Object.values(columns)],
  )
}

export const cardOrdered = (sql: Sql, order: OrderPlaced): Promise<void> =>
  setColumns(sql, order.orderId, {
    order_number: order.orderNumber,
    customer_id: order.customerId,
    placed_at: order.placedAt,
    order_body: JSON.stringify(order),
  })

export const cardRouted = async (sql: Sql, route: RouteCalculated): Promise<void> => {
  for (const stop of route.stops.filter((one) => one.kind === 'delivery')) {
    await setColumns(sql, stop.orderId, {
      route_id: route.routeId,
      truck_id: route.truckId,
      promised_eta: stop.eta,
      route_body: JSON.stringify(route),
      routed_ms: nowMs(),
    })
  }
}

export const cardRevised = (sql: Sql, revised: EtaRevised): Promise<void> =>
  setColumns(sql, revised.orderId, { eta: revised.eta, eta_reason: revised.reason, eta_p90_s: revised.p90S })

export const cardPickedUp = (sql: Sql, orderId: string, at: Instant): Promise<void> =>
  setColumns(sql, orderId, { picked_up_at: at })

export const cardDelivered = (
  sql: Sql,
  delivered: { orderId: string; deliveredAt: Instant; receiverInitials: string; lateS: number },
): Promise<void> =>
  setColumns(sql, delivered.orderId, {
    delivered_at: delivered.deliveredAt,
    receiver_initials: delivered.receiverInitials,
    late_s: delivered.lateS,
  })

export const cardInvoiced = (sql: Sql, invoice: InvoiceGenerated): Promise<void> =>
  setColumns(sql, invoice.orderId, {
    invoice_number: invoice.invoiceNumber,
    invoice_body: JSON.stringify(invoice),
    invoiced_ms: nowMs(),
  })

export const truckSeen = async (sql: Sql, position: PositionReported): Promise<void> => {
  await sql.query(
    `INSERT INTO live_trucks (truck_id, body) VALUES ($1, $2)
     ON CONFLICT (truck_id) DO UPDATE SET body = excluded.body`,
    [position.truckId, JSON.stringify(position)],
  )
}

export const sourceHeard = async (sql: Sql, source: string): Promise<void> => {
  await sql.query(
    `INSERT INTO sources (source, heard_ms) VALUES ($1, $2)
     ON CONFLICT (source) DO UPDATE SET heard_ms = excluded.heard_ms`,
    [source, nowMs()],
  )
}

const columns = `order_id, order_number, customer_id, placed_at, order_body, truck_id, promised_eta, route_body, routed_ms, eta,
  eta_reason, eta_p90_s, picked_up_at, delivered_at, receiver_initials, late_s, invoice_number, invoice_body`

/** By its id, or by the number that people see. */
export const findCard = async (sql: Reader, order: string): Promise<CardRow | undefined> =>
  (await sql.query<CardRow>(`SELECT ${columns} FROM cards WHERE order_id = $1 OR order_number = $1`, [order]))[0]

export const latestCards = (sql: Reader, max: number): Promise<readonly CardRow[]> =>
  sql.query<CardRow>(
    `SELECT ${columns} FROM cards WHERE order_body IS NOT NULL ORDER BY seen_ms DESC, order_id DESC LIMIT $1`,
    [max],
  )

export const liveTrucks = async (sql: Reader): Promise<readonly PositionReported[]> =>
  (await sql.query<{ body: string }>('SELECT body FROM live_trucks ORDER BY truck_id')).map(
    (row) => JSON.parse(row.body) as PositionReported,
  )

export const heardSources = async (sql: Reader): Promise<Readonly<Record<string, number>>> => {
  const rows = await sql.query<{ source: string; heard_ms: number }>('SELECT source, heard_ms FROM sources')
  return Object.fromEntries(rows.map((row) => [row.source, row.heard_ms]))
}

/** Routes that have no invoice here yet, and since when the oldest waits; without the orders that wait for a person. */
export const invoicesDue = async (
  sql: Reader,
  held: readonly string[] = [],
): Promise<{ readonly waiting: number; readonly oldestMs: number | null }> => {
  const others = held.length === 0 ? '' : ` AND order_id NOT IN (${held.map((_, index) => `$${index + 1}`).join(', ')})`
  const rows = await sql.query<{ waiting: number; oldest_ms: number | null }>(
    `SELECT COUNT(*) AS waiting, MIN(routed_ms) AS oldest_ms FROM cards
     WHERE invoiced_ms IS NULL AND routed_ms IS NOT NULL${others}`,
    held,
  )
  return { waiting: Number(rows[0]?.waiting ?? 0), oldestMs: rows[0]?.oldest_ms ?? null }
}

/** How many invoices are due before the one of this order. */
export const invoicesAhead = async (sql: Reader, routedMs: number): Promise<number> => {
  const rows = await sql.query<{ ahead: number }>(
    'SELECT COUNT(*) AS ahead FROM cards WHERE invoiced_ms IS NULL AND routed_ms < $1',
    [routedMs],
  )
  return Number(rows[0]?.ahead ?? 0)
}

export const invoicePdfKey = async (sql: Reader, invoiceNumber: string): Promise<string | undefined> => {
  const rows = await sql.query<{ invoice_body: string }>('SELECT invoice_body FROM cards WHERE invoice_number = $1', [
    invoiceNumber,
  ])
  return rows[0] === undefined ? undefined : (JSON.parse(rows[0].invoice_body) as InvoiceGenerated).pdf.key
}

export const nextCount = async (sql: Sql, name: string): Promise<number> => {
  const rows = await sql.query<{ taken: number }>(
    `INSERT INTO counters (name, taken) VALUES ($1, 1)
     ON CONFLICT (name) DO UPDATE SET taken = counters.taken + 1 RETURNING taken`,
    [name],
  )
  return rows[0]?.taken ?? 1
}

export type PlacedRequest = { readonly digest: string; readonly order_id: string; readonly order_number: string }

export const findRequest = async (sql: Reader, key: string): Promise<PlacedRequest | undefined> =>
  (
    await sql.query<PlacedRequest>('SELECT digest, order_id, order_number FROM requests WHERE request_key = $1', [key])
  )[0]

export const rememberRequest = async (sql: Sql, key: string, placed: PlacedRequest): Promise<void> => {
  await sql.query('INSERT INTO requests (request_key, digest, order_id, order_number) VALUES ($1, $2, $3, $4)', [
    ...[key, placed.digest, placed.order_id, placed.order_number],
  ])
}
