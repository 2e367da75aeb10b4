import assert from 'node:assert/strict'
import { test } from 'node:test'
import { curveOf } from '../incident/curve.ts'
import { pageOf } from '../incident/page/page.ts'
import { progressOn } from '../incident/progress.ts'
import { sentenceOf, tableOf } from '../incident/report.ts'
import type { Result, Results } from '../incident/result.ts'
import { axeViolations, noBrowser, openBrowser } from './browser.ts'

const night = (invoices: Partial<Result['invoices']>, rest: Partial<Result>): Result => ({
  portal: { offered: 1290, ok: 1200, p50Ms: 20, p99Ms: 5100 },
  healthy: { portalP50Ms: 15.4, dispatchP50Ms: 80 },
  duringOutage: { portalSuccess: 0.5, routingSuccess: 1, trackingSuccess: 0.997 },
  ...{ badSeconds: 0, recoverMs: 0, strip: '##-.##', dispatchersGaveUp: 0, crashes: 1, crashedAtS: [20], fixedAtS: 30 },
  invoices: { expected: 261, issued: 261, lost: 0, duplicated: 0, surplus: 0, surplusMinor: 0, ...invoices },
  curve: {
    answered: Array.from({ length: 64 }, (_, second) => (second === 3 ? null : second > 20 && second < 30 ? 0.4 : 1)),
    uninvoiced: Array.from({ length: 90 }, (_, second) =>
      Math.max(0, second < 40 ? second * 4 : 160 - (second - 40) * 5),
    ),
  },
  ...rest,
})

const results: Results = {
  rest: night({ issued: 700, duplicated: 214, surplus: 439, surplusMinor: 11_943_486 }, { badSeconds: 1, crashes: 3 }),
  'rest-hardened': night({ issued: 260, lost: 1 }, { badSeconds: 22 }),
  events: night({}, { backlogPeak: 222, drainMs: 15_500, deadLetters: 0, ledgerImbalance: 0 }),
}
const flags = { seed: 203, short: true, engines: { log: 'embedded', database: 'sqlite' } } as const

test('one sentence says what each wiring cost, in singular and plural', () => {
  assert.equal(
    sentenceOf(results),
    'One service broke: with calls, customers got errors for 1 second and 214 orders were invoiced more than once (€119,434.86 too much); with hardened calls, customers got errors for 22 seconds and 1 order was never invoiced; with events, no customer got an error and every order was invoiced once.',
  )
})

test('the table has a column per wiring, fits a terminal of 80, and ends with the sentence', () => {
  const table = tableOf(results)
  const lines = table.split('\n').filter((line) => !line.startsWith('One service broke'))
  assert.deepEqual(
    lines.filter((line) => line.length > 80),
    [],
  )
  assert.match(table, /CALLS +HARDENED CALLS +EVENTS/)
  assert.match(table, /ran out of memory +3 times +1 time +1 time/)
  assert.ok(table.trimEnd().endsWith(sentenceOf(results)))
})

test('the curve counts orders that were dispatched and not invoiced, second by second', () => {
  const view = (atMs: number, ok: boolean) => ({ kind: 'view', atMs, tookMs: 5, ok }) as const
  const curve = curveOf([view(100, true), view(900, false), view(2_100, true)], 3, {
    startedAtMs: 50_000,
    dispatchedAtMs: new Map([
      ['a', 50_500],
      ['b', 51_500],
      ['lost', 51_600],
    ]),
    invoicedAtMs: new Map([
      ['a', 52_900],
      ['b', 54_200],
    ]),
  })
  assert.deepEqual(curve.answered, [0.5, null, 1])
  assert.deepEqual(curve.uninvoiced, [0, 1, 3, 2, 2, 1])
})

test('on a terminal the seconds share one line and events stay; elsewhere a line comes every 10 s', () => {
  const played = { title: 'calls', lastsS: 64, leftS: 300 }
  const shown = (isTTY: boolean): string => {
    let text = ''
    const progress = progressOn({ isTTY, write: (part) => (text += part) }, played)
    for (let atS = 1; atS <= 21; atS++) progress({ kind: 'second', atS, text: 'all answered' })
    progress({ kind: 'event', atS: 21, text: 'invoicing died' })
    return text
  }
  assert.equal(shown(true).split('\n').length - 1, 1)
  assert.match(shown(true), /about 5 min left/)
  assert.deepEqual(shown(false).trimEnd().split('\n'), [
    '  calls    1 s  all answered',
    '  calls   11 s  all answered',
    '  calls   21 s  all answered',
    '  calls   21 s  invoicing died',
  ])
})

test('the page needs nothing else, says the sentence, and has three nights and two charts', {
  skip: noBrowser,
}, async (t) => {
  const browser = await openBrowser()
  t.after(() => browser.close())
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const viewport of [
      { width: 1280, height: 900 },
      { width: 390, height: 844 },
    ]) {
      const page = await browser.newPage({ colorScheme, viewport })
      const asked: string[] = []
      page.on('request', (request) => asked.push(request.url()))
      await page.setContent(pageOf(results, flags))
      assert.equal(await page.locator('.lead').textContent(), sentenceOf(results))
      assert.equal(await page.locator('.nights > li').count(), 3)
      assert.equal(await page.locator('figure svg[role=img]').count(), 2)
      assert.deepEqual(asked, [])
      assert.deepEqual(await axeViolations(page), [])
      assert.equal(await page.evaluate('document.documentElement.scrollWidth > innerWidth'), false)
      await page.close()
    }
  }
})
