import type { Database, Sql } from 'firebreak'
import type { InvoiceGenerated, InvoicePdf, RouteCalculated } from '../../contracts/payloads.ts'
import { buildInvoice, formatInvoiceNumber, type Invoice } from '../../domain/invoice/invoice.ts'
import type { Route } from '../../domain/roads/route.ts'
import { customerOf } from '../../domain/trade/customers.ts'
import { DomainError } from '../../domain/values/domain-error.ts'
import { instantAtMs } from '../../domain/values/time.ts'
import { newId } from '../../platform/machine.ts'
import { insertInvoice, numberFor, tariffBehind } from './store.ts'

export type InvoicingOptions = {
  readonly render: (invoice: Invoice, route: Route) => Promise<Buffer>
  /** Stores a PDF so that the same one is stored once. */
  readonly keep: (pdf: Buffer) => Promise<InvoicePdf>
}
/** An invoice with its PDF on disk, under the number that is kept for what it bills. */
export type Draft = { readonly billingKey: string; readonly invoice: InvoiceGenerated }

/** The slow part, without a transaction but the short one for the number: price, tax, PDF. */
export const draftInvoice = async (
  database: Pick<Database, 'query' | 'transaction'>,
  billed: { readonly billingKey: string; readonly route: RouteCalculated },
  options: InvoicingOptions,
): Promise<Draft> => {
  const { billingKey, route } = billed
  const [billing, ...others] = route.billing
  if (billing === undefined || others.length > 0)
    throw new DomainError('not_a_payer', `route ${route.routeId} bills ${route.billing.length} payers, not one`)
  const tariffId = await tariffBehind(database, billing.tariffId)
  const issuedAt = instantAtMs(route.timestamp)
  const priced: Route = { ...route, billing: [{ ...billing, tariffId }] }
  const invoiceUnder = (invoiceNumber: string): Invoice =>
    buildInvoice({
      ...{ route: priced, buyer: customerOf(billing.payerCustomerId), issuedAt, invoiceId: newId() },
      ...{ orderId: route.stops[0]?.orderId ?? '', invoiceNumber },
    })
  // What breaks a rule breaks it here: no number is kept for an invoice that cannot be.
  invoiceUnder('')
  const year = Number(issuedAt.slice(0, 4))
  const sequence = await database.transaction((sql) => numberFor(sql, `NL-${year}`, billingKey))
  const { buyer, ...facts } = invoiceUnder(formatInvoiceNumber('NL', year, sequence))
  const pdf = await options.keep(await options.render({ ...facts, buyer }, priced))
  return { billingKey, invoice: { type: 'InvoiceGenerated', ...facts, pdf } }
}

export const saveInvoice = (sql: Sql, { billingKey, invoice }: Draft): Promise<void> =>
  insertInvoice(sql, billingKey, invoice)
