import { type Log, verifyLedger } from 'firebreak'
import type { Engines } from '../platform/engines.ts'
import { systemOn } from '../system.ts'
import { type EventFigures, type InvoiceCount, quantile } from './result.ts'

type Row = { readonly order_id: string; readonly gross_minor: number; readonly at_ms: number }

const invoiceRows = async (engines: Engines): Promise<readonly Row[]> => {
  const database = engines.openDatabase('invoicing')
  const rows = await database.query<Row>('SELECT order_id, gross_minor, at_ms FROM invoices ORDER BY at_ms')
  await database.close()
  return rows
}

/** Every route that was to be driven against every invoice that was issued. */
export const countInvoices = async (engines: Engines, orderIds: readonly string[]): Promise<InvoiceCount> => {
  const byOrder = Map.groupBy(await invoiceRows(engines), (row) => row.order_id)
  const surplus = [...byOrder.values()].flatMap((rows) => rows.slice(1))
  return {
    expected: orderIds.length,
    issued: [...byOrder.values()].reduce((total, rows) => total + rows.length, 0),
    lost: orderIds.filter((orderId) => !byOrder.has(orderId)).length,
    duplicated: [...byOrder.values()].filter((rows) => rows.length > 1).length,
    surplus: surplus.length,
    surplusMinor: surplus.reduce((total, row) => total + row.gross_minor, 0),
  }
}

/** Order -> wall time of its first invoice. */
export const firstInvoices = async (engines: Engines): Promise<ReadonlyMap<string, number>> =>
  // The last one that is set stays, so the oldest comes last.
  new Map((await invoiceRows(engines)).toReversed().map(({ order_id, at_ms }) => [order_id, at_ms]))

export const invoiceDelay = async (
  engines: Engines,
  dispatchedAtMs: ReadonlyMap<string, number>,
): Promise<EventFigures['invoiceDelay']> => {
  const delays = (await invoiceRows(engines)).flatMap(({ order_id, at_ms }) => {
    const fromMs = dispatchedAtMs.get(order_id)
    return fromMs === undefined ? [] : [at_ms - fromMs]
  })
  return { p50Ms: quantile(delays, 0.5), p99Ms: quantile(delays, 0.99), maxMs: quantile(delays, 1) }
}

/** Records that the ledgers of all services cannot account for: taken from the log and neither done nor kept. */
export const ledgerImbalance = async (engines: Engines, log: Log): Promise<number> => {
  let imbalance = 0
  for (const { service, database: open } of systemOn(engines)) {
    const database = open()
    imbalance += (await verifyLedger(database, { inspection: log.inspect(), group: service.name })).imbalance
    await database.close()
  }
  return imbalance
}
