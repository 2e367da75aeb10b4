import { truckOf } from '../roads/fleet.ts'
import type { Route } from '../roads/route.ts'
import type { Customer } from '../trade/customers.ts'
import { seller } from '../trade/seller.ts'
import { type FreightLine, freightLines, tariffOf } from '../trade/tariff.ts'
import { type VatCategory, type VatGroup, vatBreakdown, vatTreatment } from '../trade/vat.ts'
import { DomainError } from '../values/domain-error.ts'
import { addMoney, sumMoney } from '../values/money.ts'
import { localDate, plusDays } from '../values/time.ts'
import type { Instant, LocalDate, Money, RateBp } from '../values/units.ts'

export type InvoiceLine = FreightLine & {
  readonly lineNo: number
  readonly vatCategory: VatCategory
  readonly vatRateBp: RateBp
}
/** What the events say about an invoice. */
export type InvoiceFacts = {
  readonly invoiceId: string
  readonly invoiceNumber: string
  readonly customerId: string
  readonly orderId: string
  readonly routeId: string
  readonly routeRevision: number
  readonly issueDate: LocalDate
  readonly dueDate: LocalDate
  readonly supplyDate: LocalDate
  readonly sellerVatId: string
  readonly buyerVatId: string | null
  readonly currency: string
  readonly lines: readonly InvoiceLine[]
  readonly vat: readonly VatGroup[]
  readonly net: Money
  readonly tax: Money
  readonly gross: Money
}
/** Facts plus the buyer's name and address, which stay inside the invoicing service. */
export type Invoice = InvoiceFacts & { readonly buyer: Customer }

export type InvoiceRequest = {
  readonly route: Route
  readonly buyer: Customer
  readonly orderId: string
  readonly invoiceId: string
  readonly invoiceNumber: string
  readonly issuedAt: Instant
}

/** `NL-2026-000045`. */
export const formatInvoiceNumber = (series: string, year: number, sequence: number): string =>
  `${series}-${year}-${String(sequence).padStart(6, '0')}`

/** Contract freight for one payer of a route, due by the payer's term. Fails when the route does not bill the buyer. */
export const buildInvoice = (request: InvoiceRequest): Invoice => {
  const { route, buyer } = request
  const billing = route.billing.find((entry) => entry.payerCustomerId === buyer.customerId)
  if (billing === undefined) {
    throw new DomainError('not_a_payer', `route ${route.routeId} bills nothing to ${buyer.customerId}`)
  }
  const tariff = tariffOf(billing.tariffId)
  const treatment = vatTreatment({
    country: buyer.place.country,
    vatId: buyer.vatId,
  })
  const priced = freightLines(tariff, truckOf(route.truckId).truckClass, billing.chargeableM)
  const lines = priced.map((line, index) => ({
    lineNo: index + 1,
    ...line,
    vatCategory: treatment.category,
    vatRateBp: treatment.rateBp,
  }))
  const vat = vatBreakdown(lines, tariff.currency)
  const net = sumMoney(
    lines.map((line) => line.net),
    tariff.currency,
  )
  const tax = sumMoney(
    vat.map((group) => group.tax),
    tariff.currency,
  )
  const issueDate = localDate(request.issuedAt, seller.zone)
  return {
    invoiceId: request.invoiceId,
    invoiceNumber: request.invoiceNumber,
    customerId: buyer.customerId,
    orderId: request.orderId,
    routeId: route.routeId,
    routeRevision: route.revision,
    issueDate,
    dueDate: plusDays(issueDate, buyer.paymentTermDays),
    supplyDate: localDate(route.departAt, seller.zone),
    sellerVatId: seller.vatId,
    buyerVatId: buyer.vatId,
    currency: tariff.currency,
    lines,
    vat,
    net,
    tax,
    gross: addMoney(net, tax),
    buyer,
  }
}
