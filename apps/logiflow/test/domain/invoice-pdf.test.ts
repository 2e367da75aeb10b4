import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { pagesOf, renderInvoicePdf } from '../../domain/invoice/invoice-pdf.ts'
import { renderInvoicePdf as renderLeaky } from '../../domain/invoice/invoice-pdf-leaky.ts'
import { sampleInvoice, sampleRoute } from './samples.ts'

const noPdfToText =
  spawnSync('pdftotext', ['-v']).error === undefined ? false : 'pdftotext (poppler-utils) is not installed'

const textOf = (pdf: Buffer): string =>
  spawnSync('pdftotext', ['-layout', '-', '-'], { input: pdf })
    .stdout.toString()
    .replaceAll(/[\u00a0\u202f]/g, ' ')

/** Cents of all amounts in a line, written `€ 1.234,56` or `1 234,56 €`. */
const centsIn = (line: string): number[] =>
  [...line.matchAll(/€ ?(-?[\d.]+,\d\d)|(-?\d[\d ]*,\d\d) ?€/g)].map(([, before, after]) =>
    Number((before ?? after ?? '').replaceAll(/[., ]/g, '')),
  )
const lineWith = (text: string, label: RegExp): string => text.split('\n').find((line) => label.test(line)) ?? ''

for (const customerId of ['C-0001', 'C-0040', 'C-0052']) {
  test(`totals recompute from the printed text for ${customerId}`, { skip: noPdfToText }, async () => {
    const route = sampleRoute({ customerId })
    const text = textOf(await renderInvoicePdf(sampleInvoice(route), route))
    const rows = text.split('\n').filter((line) => /\d (km|pc) .* (S|AE) \d+ %/.test(line))
    const nets = rows.map((line) => centsIn(line).at(-1)!)
    for (const row of rows) {
      const [unitPrice, net] = centsIn(row)
      assert.equal(Number(/(\d+) (?:km|pc)/.exec(row)![1]) * unitPrice!, net)
    }
    const net = nets.reduce((sum, cents) => sum + cents, 0)
    const ratePercent = Number(/(?:S|AE) (\d+) %/.exec(text)![1])
    const tax = Math.floor((net * ratePercent * 2 + 100) / 200)
    assert.deepEqual(centsIn(lineWith(text, /^ *Net /)), [net])
    assert.deepEqual(centsIn(lineWith(text, /^ *VAT {5}/)), [tax])
    assert.deepEqual(centsIn(lineWith(text, /^ *Total /)), [net + tax])
  })
}

test('a reverse charge invoice says so and shows both VAT ids, page and account', { skip: noPdfToText }, async () => {
  const route = sampleRoute({ customerId: 'C-0040' })
  const invoice = sampleInvoice(route)
  const text = textOf(await renderInvoicePdf(invoice, route))
  for (const part of [
    invoice.buyerVatId!,
    invoice.sellerVatId,
    invoice.buyer.name,
    'reverse charge',
    'Page 1 of 1',
    'IBAN NL22 VSTB',
  ]) {
    assert.ok(text.includes(part), part)
  }
})

test('the same invoice gives the same bytes, so the content key of a redelivery is the same', async () => {
  const route = sampleRoute()
  const [first, second] = [
    await renderInvoicePdf(sampleInvoice(route), route),
    await renderInvoicePdf(sampleInvoice(route), route),
  ]
  assert.ok(first.equals(second))
  assert.equal(pagesOf(first), 1)
})

test('an invoice of sixty lines goes over pages and keeps its map', async () => {
  const route = sampleRoute()
  const invoice = sampleInvoice(route)
  const lines = Array.from({ length: 60 }, (_, index) => ({ ...invoice.lines[0]!, lineNo: index + 1 }))
  assert.equal(pagesOf(await renderInvoicePdf({ ...invoice, lines }, route)), 3)
})

test('the leaky renderer keeps about a megabyte of heap per invoice, the other keeps nothing', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const route = sampleRoute()
  const grownPerInvoice = async (render: typeof renderInvoicePdf): Promise<number> => {
    for (let index = 0; index < 3; index++) await render(sampleInvoice(route), route)
    collect()
    const before = process.memoryUsage().heapUsed
    for (let index = 0; index < 8; index++) await render(sampleInvoice(route, `NL-2026-${100_000 + index}`), route)
    collect()
    return (process.memoryUsage().heapUsed - before) / 8
  }
  assert.ok((await grownPerInvoice(renderInvoicePdf)) < 200_000)
  const leakedBytes = await grownPerInvoice(renderLeaky)
  assert.ok(leakedBytes > 900_000 && leakedBytes < 1_700_000, String(leakedBytes))
  assert.ok((await grownPerInvoice((invoice, way) => renderLeaky(invoice, way, { retainEvery: 0 }))) < 200_000)
})
