import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildInvoice, formatInvoiceNumber } from '../../domain/invoice/invoice.ts'
import { customerOf } from '../../domain/trade/customers.ts'
import { chargeableM, freightLines, quoteFreight, requiredClass, tariffOf } from '../../domain/trade/tariff.ts'
import { type TaxedLine, vatBreakdown, vatTreatment } from '../../domain/trade/vat.ts'
import { money, sumMoney } from '../../domain/values/money.ts'
import { sampleInvoice, sampleRoute } from './samples.ts'

const line = (minor: number, vatCategory: 'S' | 'AE' = 'S', vatRateBp: number = 2100): TaxedLine => ({
  ...{ net: money(minor, 'EUR'), vatCategory, vatRateBp },
})

test('tax is taken once per category and rate, not per line', () => {
  const lines = [line(10), line(10), line(10), line(10), line(10)]
  const [group] = vatBreakdown(lines, 'EUR')
  assert.equal(group!.taxable.minor, 50)
  assert.equal(group!.tax.minor, 11)
  assert.equal(
    lines.reduce((sum) => sum + Math.round(10 * 0.21), 0),
    10,
  )
})

test('EN 16931: two rates make two groups, each rounded half up on its own sum', () => {
  const groups = vatBreakdown([line(1_250), line(333, 'S', 900), line(1_252)], 'EUR')
  assert.deepEqual(
    groups.map((group) => [group.rateBp, group.taxable.minor, group.tax.minor]),
    [
      [2100, 2502, 525],
      [900, 333, 30],
    ],
  )
})

test('a Dutch payer is charged 21 %, with or without VAT id', () => {
  assert.equal(vatTreatment({ country: 'NL', vatId: 'NL996874410B01' }).rateBp, 2100)
  assert.equal(vatTreatment({ country: 'NL', vatId: null }).category, 'S')
})

test('Belgian and Luxembourg payers with a valid VAT id are reverse charged, without one they pay 21 %', () => {
  for (const [country, vatId] of [
    ['BE', 'BE0202239951'],
    ['LU', 'LU26375245'],
  ] as const) {
    const treatment = vatTreatment({ country, vatId })
    assert.deepEqual([treatment.category, treatment.rateBp], ['AE', 0])
    assert.match(treatment.exemptionReason ?? '', /reverse charge/)
    assert.equal(vatTreatment({ country, vatId: null }).category, 'S')
    assert.equal(vatTreatment({ country, vatId: `${vatId.slice(0, -1)}9` }).category, 'S')
  }
})

test('kilometres are charged whole, half up, at least one', () => {
  assert.equal(chargeableM(165_500, 'FTL', 1360), 166_000)
  assert.equal(chargeableM(165_499, 'FTL', 1360), 165_000)
  assert.equal(chargeableM(200, 'FTL', 1360), 1_000)
})

test('a part load pays its share of the trailer and a third, never more than the full trailer', () => {
  assert.equal(chargeableM(200_000, 'LTL', 340), 67_000)
  assert.equal(chargeableM(200_000, 'LTL', 1360), 200_000)
})

test('a short trip is lifted to the minimum freight before diesel is added', () => {
  const lines = freightLines(tariffOf('STANDARD-2026'), 'ARTIC', 28_000)
  assert.deepEqual(
    lines.map((entry) => entry.net.minor),
    [3_864, 5_636, 608],
  )
  assert.equal(freightLines(tariffOf('STANDARD-2026'), 'ARTIC', 166_000)[0]!.net.minor, 22_908)
})

test('the class follows the load: cooled, small enough for a rigid, else articulated', () => {
  assert.equal(requiredClass({ weightG: 1, ldmCm: 40, isCooled: true }), 'REEFER')
  assert.equal(requiredClass({ weightG: 9_000_000, ldmCm: 720, isCooled: false }), 'RIGID')
  assert.equal(requiredClass({ weightG: 9_000_000, ldmCm: 760, isCooled: false }), 'ARTIC')
})

test('the quoted price is the net of the invoice for the same kilometres', () => {
  const invoice = sampleInvoice(sampleRoute())
  const quote = quoteFreight({
    ...{ quoteId: 'q', tariffId: 'REEFER-2026', truckClass: 'ARTIC', service: 'FTL', ldmCm: 1360 },
    ...{ distanceM: invoice.lines[0]!.quantity * 1000, at: '2026-11-01T00:00:00.000Z' },
  })
  assert.deepEqual(quote.net, invoice.net)
})

test('the totals of an invoice are sums of what is printed above them', () => {
  for (const customerId of ['C-0001', 'C-0037', 'C-0052', 'C-0055']) {
    const invoice = sampleInvoice(sampleRoute({ customerId }))
    assert.deepEqual(
      sumMoney(
        invoice.lines.map((entry) => entry.net),
        'EUR',
      ),
      invoice.net,
    )
    assert.deepEqual(
      sumMoney(
        invoice.vat.map((group) => group.tax),
        'EUR',
      ),
      invoice.tax,
    )
    assert.equal(invoice.net.minor + invoice.tax.minor, invoice.gross.minor)
  }
})

test('an invoice is dated and due in the zone of the seller', () => {
  const route = sampleRoute()
  const invoice = buildInvoice({
    ...{ route, buyer: customerOf('C-0001'), orderId: 'o', invoiceId: 'i', invoiceNumber: 'NL-2026-000001' },
    issuedAt: '2026-10-31T23:30:00.000Z',
  })
  assert.deepEqual([invoice.issueDate, invoice.dueDate, invoice.supplyDate], ['2026-11-01', '2026-11-15', '2026-11-01'])
})

test('who is not billed by the route gets no invoice', () => {
  const request = { orderId: 'o', invoiceId: 'i', invoiceNumber: 'n', issuedAt: '2026-11-01T00:00:00.000Z' }
  assert.throws(() => buildInvoice({ ...request, route: sampleRoute(), buyer: customerOf('C-0002') }), {
    code: 'not_a_payer',
  })
})

test('invoice numbers have six digits behind series and year', () => {
  assert.equal(formatInvoiceNumber('NL', 2026, 45), 'NL-2026-000045')
})
