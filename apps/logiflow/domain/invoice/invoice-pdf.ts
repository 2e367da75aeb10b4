import { readFileSync } from 'node:fs'
import PDFDocument from 'pdfkit'
import { dateOf } from '../../platform/machine.ts'
import type { Route } from '../roads/route.ts'
import type { Invoice } from './invoice.ts'
import { drawInvoice } from './invoice-layout.ts'

/** Names of customers and places need more letters than the fonts built into every viewer have. */
const font: Buffer = readFileSync(new URL(import.meta.resolve('dejavu-fonts-ttf/ttf/DejaVuSansCondensed.ttf')))

/** An empty A4 document; its date comes from the invoice, so that the same invoice gives the same bytes. */
export const openInvoiceDocument = (invoice: Invoice): PDFKit.PDFDocument => {
  const doc = new PDFDocument({
    size: 'A4',
    margin: 0,
    bufferPages: true,
    // An invoice says few words twice: pdfkit's cache of laid out words costs memory and saves no time here.
    fontLayoutCache: false,
    info: {
      Title: `Invoice ${invoice.invoiceNumber}`,
      Author: 'LogiFlow Transport B.V.',
      CreationDate: dateOf(invoice.issueDate),
    },
  })
  doc.registerFont('text', font)
  return doc.font('text')
}

/** Draws the invoice, ends the document and collects its bytes. */
export const finishInvoice = async (doc: PDFKit.PDFDocument, invoice: Invoice, route: Route): Promise<Buffer> => {
  drawInvoice(doc, invoice, route)
  doc.end()
  const chunks: Buffer[] = []
  for await (const chunk of doc) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

export const renderInvoicePdf = (invoice: Invoice, route: Route): Promise<Buffer> =>
  finishInvoice(openInvoiceDocument(invoice), invoice, route)

/** Pages of a document made here, read from its page tree. */
export const pagesOf = (pdf: Buffer): number =>
  Number(/\/Type \/Pages\s*\/Count (\d+)/.exec(pdf.toString('latin1'))?.[1] ?? 0)
