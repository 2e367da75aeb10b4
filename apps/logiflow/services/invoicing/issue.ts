import type { Sql } from 'firebreak'
import type { InvoiceGenerated, InvoicePdf, RouteCalculated } from '../../contracts/payloads.ts'
import { customerOf } from '../../domain/customers.ts'
import { DomainError } from '../../domain/domain-error.ts'
import { buildInvoice, formatInvoiceNumber, type Invoice } from '../../domain/invoice.ts'
import type { Route } from '../../domain/route.ts'
import { instantAtMs } from '../../domain/time.ts'
import { newId } from '../../platform/machine.ts'
import { insertInvoice, takeNumber, takenNumbers, tariffBehind } from './store.ts'

export type InvoicingOptions = {
  readonly render: (invoice: Invoice, route: Route) => Promise<Buffer>
  /** Stores a PDF so that the same one is stored once. */
  readonly keep: (pdf: Buffer) => Promise<InvoicePdf>
}
/** An invoice with its PDF on disk, under a number that is still to be taken. */
export type Draft = {
  readonly series: string
  readonly sequence: number
  readonly invoice: InvoiceGenerated
}

/** Another invoice took the number while this PDF was being drawn: draw it again with the next one. */
class NumberTaken extends Error {
  constructor(invoiceNumber: string) {
    super(`${invoiceNumber} was taken by another invoice`)
    this.name = 'NumberTaken'
  }
}

/** The slow part, without a transaction: price, tax, PDF. */
export const draftInvoice = async (
  sql: Pick<Sql, 'query'>,
  route: RouteCalculated,
  options: InvoicingOptions,
): Promise<Draft> => {
  const [billing, ...others] = route.billing
  if (billing === undefined || others.length > 0)
    throw new DomainError('not_a_payer', `route ${route.routeId} bills ${route.billing.length} payers, not one`)
  const tariffId = await tariffBehind(sql, billing.tariffId)
  const issuedAt = instantAtMs(route.timestamp)
  const year = Number(issuedAt.slice(0, 4))
  const series = `NL-${year}`
  const sequence = (await takenNumbers(sql, series)) + 1
  const priced: Route = { ...route, billing: [{ ...billing, tariffId }] }
  const { buyer, ...facts } = buildInvoice({
    ...{ route: priced, buyer: customerOf(billing.payerCustomerId), issuedAt, invoiceId: newId() },
    orderId: route.stops[0]?.orderId ?? '',
    invoiceNumber: formatInvoiceNumber('NL', year, sequence),
  })
  const pdf = await options.keep(await options.render({ ...facts, buyer }, priced))
  return { series, sequence, invoice: { type: 'InvoiceGenerated', ...facts, pdf } }
}

/** Number and row in one transaction: a number without an invoice would be a gap in the series. */
export const saveInvoice = async (sql: Sql, billingKey: string, draft: Draft): Promise<void> => {
  if (!(await takeNumber(sql, draft.series, draft.sequence))) throw new NumberTaken(draft.invoice.invoiceNumber)
  await insertInvoice(sql, billingKey, draft.invoice)
}
