import type { Sql } from 'firebreak'
import type { InvoiceGenerated } from '../../contracts/payloads.ts'
import { nowMs } from '../../platform/machine.ts'

type Reader = Pick<Sql, 'query'>

export const invoicingTables: readonly string[] = [
  'CREATE TABLE IF NOT EXISTS number_series (series TEXT PRIMARY KEY, taken BIGINT NOT NULL)',
  `CREATE TABLE IF NOT EXISTS invoices (
    billing_key TEXT PRIMARY KEY, invoice_number TEXT NOT NULL UNIQUE, order_id TEXT NOT NULL, route_id TEXT NOT NULL,
    customer_id TEXT NOT NULL, gross_minor BIGINT NOT NULL, pdf_key TEXT NOT NULL, body TEXT NOT NULL, at_ms BIGINT NOT NULL)`,
  'CREATE INDEX IF NOT EXISTS invoices_order ON invoices (order_id)',
  'CREATE TABLE IF NOT EXISTS tariff_names (tariff_id TEXT PRIMARY KEY, based_on TEXT NOT NULL)',
]

export const isInvoiced = async (sql: Reader, billingKey: string): Promise<boolean> =>
  (await sql.query('SELECT 1 AS found FROM invoices WHERE billing_key = $1', [billingKey])).length > 0

/** The last number of a series that belongs to an invoice. */
export const takenNumbers = async (sql: Reader, series: string): Promise<number> => {
  const rows = await sql.query<{ taken: number }>('SELECT taken FROM number_series WHERE series = $1', [series])
  return rows[0]?.taken ?? 0
}

/** Takes `sequence` when it is the next number; false when another invoice was faster. */
export const takeNumber = async (sql: Sql, series: string, sequence: number): Promise<boolean> => {
  await sql.query('INSERT INTO number_series (series, taken) VALUES ($1, 0) ON CONFLICT (series) DO NOTHING', [series])
  const rows = await sql.query(
    'UPDATE number_series SET taken = $2 WHERE series = $1 AND taken = $2 - 1 RETURNING taken',
    [series, sequence],
  )
  return rows.length > 0
}

export const insertInvoice = async (sql: Sql, billingKey: string, invoice: InvoiceGenerated): Promise<void> => {
  await sql.query(
    `INSERT INTO invoices (billing_key, invoice_number, order_id, route_id, customer_id, gross_minor, pdf_key, body, at_ms)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [
      ...[billingKey, invoice.invoiceNumber, invoice.orderId, invoice.routeId, invoice.customerId],
      ...[invoice.gross.minor, invoice.pdf.key, JSON.stringify(invoice), nowMs()],
    ],
  )
}

export const nameTariff = async (sql: Sql, tariffId: string, basedOn: string): Promise<void> => {
  await sql.query(
    `INSERT INTO tariff_names (tariff_id, based_on) VALUES ($1, $2)
     ON CONFLICT (tariff_id) DO UPDATE SET based_on = excluded.based_on`,
    [tariffId, basedOn],
  )
}

/** The tariff of the price list behind a name; the name itself when nobody renamed it. */
export const tariffBehind = async (sql: Reader, tariffId: string): Promise<string> => {
  const rows = await sql.query<{ based_on: string }>('SELECT based_on FROM tariff_names WHERE tariff_id = $1', [
    tariffId,
  ])
  return rows[0]?.based_on ?? tariffId
}
