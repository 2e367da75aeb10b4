/**
 * DELIBERATELY BROKEN, for the incident replay only. The cache below keeps every PDFDocument forever, so the process
 * dies of memory after a number of invoices that depends on the heap limit and not on the machine's speed.
 *
 * pdfkit is not at fault: rendering without this cache keeps nothing. What is reproduced is a history that PDF users know:
 * diegomura/react-pdf #165, "after 35 renders I have 35 PDFDocument instances in memory".
 */

import type { Route } from '../roads/route.ts'
import type { Invoice } from './invoice.ts'
import { finishInvoice, openInvoiceDocument } from './invoice-pdf.ts'

/** The "layout cache": no eviction, and nothing ever reads it. */
const layouts = new Map<string, PDFKit.PDFDocument>()
let rendered = 0

/** Same pages as renderInvoicePdf. `retainEvery` is the dose: 1 keeps each document, 5 every fifth, 0 none. */
export const renderInvoicePdf = async (
  invoice: Invoice,
  route: Route,
  options: { readonly retainEvery: number } = { retainEvery: 1 },
): Promise<Buffer> => {
  const doc = openInvoiceDocument(invoice)
  rendered += 1
  if (options.retainEvery > 0 && rendered % options.retainEvery === 0) {
    layouts.set(invoice.invoiceNumber, doc)
  }
  return finishInvoice(doc, invoice, route)
}
