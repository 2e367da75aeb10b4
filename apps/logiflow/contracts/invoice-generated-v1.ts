import { z } from 'zod'
import { REVERSE_CHARGE_TEXT, type VatCategory } from '../domain/trade/vat.ts'
import type { InvoiceGenerated } from './payloads.ts'

const money = z.object({ minor: z.int(), currency: z.string() })

/** First version: one VAT rate for the whole invoice, as a float in percent, and one tax. Zero meant reverse charge. */
export const invoiceGeneratedV1 = z.object({
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
  lines: z
    .array(
      z.object({
        lineNo: z.int(),
        text: z.string(),
        quantity: z.number(),
        unit: z.enum(['KMT', 'C62']),
        unitPrice: money,
        net: money,
      }),
    )
    .readonly(),
  net: money,
  tax: money,
  gross: money,
  pdf: z.object({ key: z.string(), sha256: z.string(), bytes: z.int(), pages: z.int() }),
})
export type InvoiceGeneratedV1 = z.infer<typeof invoiceGeneratedV1>

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
