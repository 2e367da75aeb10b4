import type { Sql } from 'firebreak'
import type { InvoiceGenerated } from '../../contracts/payloads.ts'
import { nowMs } from '../../platform/machine.ts'

export type Reader = Pick<Sql, 'query'>

export const invoicingTables: readonly string[] = [
  'CREATE TABLE IF NOT EXISTS number_series (series TEXT PRIMARY KEY, taken BIGINT NOT NULL)',
  `CREATE TABLE IF NOT EXISTS invoices (
    billing_key TEXT PRIMARY KEY, invoice_number TEXT NOT NULL UNIQUE, order_id TEXT NOT NULL, route_id TEXT NOT NULL,
    customer_id TEXT NOT NULL, gross_minor BIGINT NOT NULL, pdf_key TEXT NOT NULL, body TEXT NOT NULL, at_ms BIGINT NOT NULL)`,
  'CREATE INDEX IF NOT EXISTS invoices_order ON invoices (order_id)',
  `CREATE TABLE IF NOT EXISTS invoice_numbers (
    billing_key TEXT PRIMARY KEY, series TEXT NOT NULL, sequence BIGINT NOT NULL, UNIQUE (series, sequence))`,
  'CREATE TABLE IF NOT EXISTS tariff_names (tariff_id TEXT PRIMARY KEY, based_on TEXT NOT NULL)',
]

export const isInvoiced = async (sql: Reader, billingKey: string): Promise<boolean> =>
  (await sql.query('SELECT 1 AS found FROM invoices WHERE billing_key = $1', [billingKey])).length > 0

/**
 * The number of what is billed under a key: the next one of the series, and the same one whenever it is asked for again.
 * The row of the series makes instances wait for each other, so no number is left out or given twice.
 */
export const numberFor = async (sql: Sql, series: string, billingKey: string): Promise<number> => {
  const [last] = await sql.query<{ taken: number }>(
    `INSERT INTO number_series (series, taken) VALUES ($1, 0)
     ON CONFLICT (series) DO UPDATE SET taken = number_series.taken RETURNING taken`,
    [series],
  )
  const [known] = await sql.query<{ sequence: number }>('SELECT sequence FROM invoice_numbers WHERE billing_key = $1', [
    billingKey,
  ])
  if (known !== undefined) return known.sequence
  const sequence = (last?.taken ?? 0) + 1
  await sql.query('UPDATE number_series SET taken = $2 WHERE series = $1', [series, sequence])
  await sql.query('INSERT INTO invoice_numbers (billing_key, series, sequence) VALUES ($1, $2, $3)', [
    ...[billingKey, series, sequence],
  ])
  return sequence
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
