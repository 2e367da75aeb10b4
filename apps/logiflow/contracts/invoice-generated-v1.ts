import { z } from 'zod'
import type { InvoiceLine } from '../domain/invoice/invoice.ts'
import { REVERSE_CHARGE_TEXT, type VatCategory } from '../domain/trade/vat.ts'
import type { LocalDate, Money } from '../domain/values/units.ts'
import type { InvoiceGenerated, InvoicePdf } from './payloads.ts'

/** First version: one VAT rate for the whole invoice, as a float in percent, and one tax. Zero meant reverse charge. */
export type InvoiceGeneratedV1 = {
  readonly type: 'InvoiceGenerated'
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
  readonly vatRatePercent: number
  readonly lines: readonly Omit<InvoiceLine, 'vatCategory' | 'vatRateBp'>[]
  readonly net: Money
  readonly tax: Money
  readonly gross: Money
  readonly pdf: InvoicePdf
}

const money = z.object({ minor: z.int(), currency: z.string() })

export const invoiceGeneratedV1: z.ZodType<InvoiceGeneratedV1> = z.object({
  type: z.literal('InvoiceGenerated'),
  invoiceId: z.string(),
  invoiceNumber: z.string(),
  customerId: z.string(),
  orderId: z.string(),
  routeId: z.string(),
  routeRevision: z.int(),
  issueDate: z.string(),
  dueDate: z.string(),
  supplyDate: z.string(),
  sellerVatId: z.string(),
  buyerVatId: z.string().nullable(),
  currency: z.string(),
  vatRatePercent: z.number().nonnegative(),
  lines: z.array(
    z.object({
      lineNo: z.int(),
      text: z.string(),
      quantity: z.number(),
      unit: z.enum(['KMT', 'C62']),
      unitPrice: money,
      net: money,
    }),
  ),
  net: money,
  tax: money,
  gross: money,
  pdf: z.object({ key: z.string(), sha256: z.string(), bytes: z.int(), pages: z.int() }),
})

/** Keeps the tax that was charged, never a recomputed one: an issued invoice does not change. */
export const upcastInvoiceGenerated = (old: InvoiceGeneratedV1): InvoiceGenerated => {
  const { vatRatePercent, lines, net, tax, gross, pdf, ...head } = old
  const rateBp = Math.round(vatRatePercent * 100)
  const category: VatCategory = rateBp === 0 ? 'AE' : 'S'
  const reason = category === 'AE' ? { exemptionReason: REVERSE_CHARGE_TEXT } : {}
  return {
    ...head,
    lines: lines.map((line) => ({ ...line, vatCategory: category, vatRateBp: rateBp })),
    vat: [{ category, rateBp, taxable: net, tax, ...reason }],
    ...{ net, tax, gross, pdf },
  }
}
