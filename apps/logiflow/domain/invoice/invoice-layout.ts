import type { Route } from '../roads/route.ts'
import { seller } from '../trade/seller.ts'
import { formatIban } from '../values/iban.ts'
import { formatMoney } from '../values/money.ts'
import type { LocalDate } from '../values/units.ts'
import type { Invoice, InvoiceLine } from './invoice.ts'
import { drawInvoiceMap } from './invoice-map.ts'

type Doc = PDFKit.PDFDocument
type Align = 'left' | 'right'
type Cell = { readonly text: string; readonly x: number; readonly width: number; readonly align?: Align }

const LEFT = 50
const RIGHT = 545
const WIDTH = RIGHT - LEFT
const FOOT_Y = 770
const ROW_HEIGHT = 18
const MAP_HEIGHT_MIN = 190
const MAP_HEIGHT_MAX = 280
const BRAND = '#9a3412'
const INK = '#1f2933'
const MUTED = '#66727f'
const RULE = '#d8dee6'

const day = (date: LocalDate): string =>
  Temporal.PlainDate.from(date).toLocaleString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' })

/** One font is embedded; bold is the same glyphs with an outline, which halves the size of a document. */
const write = (
  doc: Doc,
  cell: Cell,
  y: number,
  style: { size?: number; color?: string; isBold?: boolean } = {},
): void => {
  const { size = 9, color = INK, isBold = false } = style
  doc
    .fontSize(size)
    .fillColor(color)
    .strokeColor(color)
    .lineWidth(size / 32)
  const { text, x, width, align = 'left' } = cell
  doc.text(text, x, y, { width, align, fill: true, stroke: isBold })
}

const rule = (doc: Doc, y: number, color: string = RULE): void => {
  doc.moveTo(LEFT, y).lineTo(RIGHT, y).lineWidth(0.7).stroke(color)
}

const block = (doc: Doc, lines: readonly string[], at: { x: number; y: number; width: number }): void => {
  for (const [index, text] of lines.entries()) {
    const style = index === 0 ? { isBold: true } : { color: INK }
    write(doc, { text, x: at.x, width: at.width }, at.y + index * 13, style)
  }
}

const drawHead = (doc: Doc, invoice: Invoice, route: Route): void => {
  doc.rect(0, 0, doc.page.width, 8).fill(BRAND)
  write(doc, { text: 'LogiFlow', x: LEFT, width: 200 }, 38, { size: 22, color: BRAND, isBold: true })
  write(doc, { text: 'Road freight Netherlands · Belgium · Luxembourg', x: LEFT, width: 260 }, 66, {
    size: 8,
    color: MUTED,
  })
  write(doc, { text: 'INVOICE', x: 345, width: 200, align: 'right' }, 38, { size: 16, isBold: true })
  write(doc, { text: invoice.invoiceNumber, x: 345, width: 200, align: 'right' }, 62, { size: 11 })
  const { buyer } = invoice
  const buyerVat = buyer.vatId === null ? 'No VAT id' : `VAT ${buyer.vatId}`
  write(doc, { text: 'BILL TO', x: LEFT, width: 200 }, 104, { size: 7, color: MUTED })
  const town = `${buyer.postcode} ${buyer.place.name}, ${buyer.place.country}`
  block(doc, [buyer.name, buyer.street, town, buyerVat], { x: LEFT, y: 116, width: 240 })
  write(doc, { text: 'FROM', x: 320, width: 200 }, 104, { size: 7, color: MUTED })
  const home = `${seller.postcode} ${seller.city}, ${seller.country}`
  block(doc, [seller.name, seller.street, home, `VAT ${seller.vatId}`], { x: 320, y: 116, width: 225 })
  const facts = [
    ['Invoice date', day(invoice.issueDate)],
    ['Date of supply', day(invoice.supplyDate)],
    ['Due date', day(invoice.dueDate)],
    ['Customer', invoice.customerId],
    ['Route', `${route.truckId} · revision ${invoice.routeRevision}`],
  ]
  doc.roundedRect(LEFT, 184, WIDTH, 40, 4).fill('#f7f9fb')
  for (const [index, [label = '', value = '']] of facts.entries()) {
    const x = LEFT + 12 + index * 98
    write(doc, { text: label, x, width: 96 }, 191, { size: 7, color: MUTED })
    write(doc, { text: value, x, width: 96 }, 203, { size: 8.5 })
  }
}

const quantityOf = (line: InvoiceLine, locale: string): string =>
  `${new Intl.NumberFormat(locale).format(line.quantity)} ${line.unit === 'KMT' ? 'km' : 'pc'}`

const rowOf = (texts: readonly string[]): readonly Cell[] => {
  const [text = '', quantity = '', price = '', vat = '', net = ''] = texts
  return [
    { text, x: LEFT + 6, width: 220 },
    { text: quantity, x: 270, width: 60, align: 'right' },
    { text: price, x: 335, width: 70, align: 'right' },
    { text: vat, x: 410, width: 50, align: 'right' },
    { text: net, x: 462, width: 77, align: 'right' },
  ]
}

const drawHeadings = (doc: Doc, texts: readonly string[], y: number): number => {
  for (const cell of rowOf(texts)) write(doc, cell, y, { size: 7.5, color: MUTED })
  rule(doc, y + 13, BRAND)
  return y + ROW_HEIGHT
}

const LINE_HEADINGS = ['Description', 'Quantity', 'Unit price', 'VAT', 'Amount']

/** Returns the y below the table; continues on a new page when the lines run into the foot. */
const drawLines = (doc: Doc, invoice: Invoice, top: number): number => {
  const { locale } = invoice.buyer
  let y = drawHeadings(doc, LINE_HEADINGS, top)
  for (const line of invoice.lines) {
    if (y + ROW_HEIGHT > FOOT_Y) {
      doc.addPage()
      y = drawHeadings(doc, LINE_HEADINGS, 50)
    }
    const vat = `${line.vatCategory} ${line.vatRateBp / 100} %`
    const texts = [line.text, quantityOf(line, locale), formatMoney(line.unitPrice, locale), vat]
    for (const cell of rowOf([...texts, formatMoney(line.net, locale)])) write(doc, cell, y)
    rule(doc, y + 14)
    y += ROW_HEIGHT
  }
  return y
}

const drawTotals = (doc: Doc, invoice: Invoice, top: number): number => {
  const { locale } = invoice.buyer
  let y = drawHeadings(doc, ['VAT category', '', 'Rate', 'Taxable', 'Tax'], top)
  for (const group of invoice.vat) {
    const name = group.category === 'S' ? 'S Standard rate' : 'AE Reverse charge'
    const cells = [
      { text: name, x: LEFT + 6, width: 220 },
      { text: `${group.rateBp / 100} %`, x: 335, width: 70, align: 'right' as const },
      { text: formatMoney(group.taxable, locale), x: 390, width: 70, align: 'right' as const },
      { text: formatMoney(group.tax, locale), x: 462, width: 77, align: 'right' as const },
    ]
    for (const cell of cells) write(doc, cell, y)
    y += ROW_HEIGHT
    if (group.exemptionReason !== undefined) {
      write(doc, { text: group.exemptionReason, x: LEFT + 6, width: WIDTH - 12 }, y - 3, { size: 8, color: BRAND })
      y += 14
    }
  }
  rule(doc, y)
  const sums = [
    ['Net', formatMoney(invoice.net, locale)],
    ['VAT', formatMoney(invoice.tax, locale)],
    ['Total', formatMoney(invoice.gross, locale)],
  ]
  for (const [index, [label = '', value = '']] of sums.entries()) {
    const style = index === 2 ? { size: 12, isBold: true } : {}
    write(doc, { text: label, x: 335, width: 70 }, y + 8 + index * 16, style)
    write(doc, { text: value, x: 415, width: 124, align: 'right' }, y + 8 + index * 16, style)
  }
  return y + 66
}

const drawPayment = (doc: Doc, invoice: Invoice, y: number): void => {
  doc.roundedRect(LEFT, y, WIDTH, 40, 4).fill('#fff7ed')
  const amount = formatMoney(invoice.gross, invoice.buyer.locale)
  const ask = `Please pay ${amount} by ${day(invoice.dueDate)}, quoting ${invoice.invoiceNumber}.`
  write(doc, { text: ask, x: LEFT + 12, width: WIDTH - 24 }, y + 8, { isBold: true })
  const account = `IBAN ${formatIban(seller.iban)} · BIC ${seller.bic} · ${seller.bank}`
  write(doc, { text: account, x: LEFT + 12, width: WIDTH - 24 }, y + 22)
}

const drawFeet = (doc: Doc): void => {
  const { start, count } = doc.bufferedPageRange()
  for (let index = 0; index < count; index++) {
    doc.switchToPage(start + index)
    rule(doc, FOOT_Y + 8)
    const imprint = `${seller.name} · ${seller.street} · ${seller.city}`
    write(doc, { text: imprint, x: LEFT, width: 300 }, FOOT_Y + 14, { size: 7, color: MUTED })
    const page = `Page ${index + 1} of ${count}`
    write(doc, { text: page, x: 445, width: 100, align: 'right' }, FOOT_Y + 14, { size: 7, color: MUTED })
  }
}

/** Draws the whole invoice; the document has to buffer its pages, so that the foot can say how many there are. */
export const drawInvoice = (doc: Doc, invoice: Invoice, route: Route): void => {
  drawHead(doc, invoice, route)
  const below = drawTotals(doc, invoice, drawLines(doc, invoice, 246) + 20)
  const hasRoom = below + MAP_HEIGHT_MIN + 70 < FOOT_Y
  if (!hasRoom) doc.addPage()
  const y = hasRoom ? below + 10 : 50
  drawPayment(doc, invoice, y)
  const km = new Intl.NumberFormat(invoice.buyer.locale).format(Math.round(route.distanceM / 1000))
  const caption = `Route ${route.stops.map((stop) => stop.place.name).join(' – ')} · truck's round trip ${km} km · schematic corridors`
  write(doc, { text: caption, x: LEFT, width: WIDTH }, y + 54, { size: 7.5, color: MUTED })
  const height = Math.min(MAP_HEIGHT_MAX, FOOT_Y - 14 - (y + 68))
  drawInvoiceMap(doc, route, { x: LEFT, y: y + 68, width: WIDTH, height })
  drawFeet(doc)
}
