import { formatMoney } from '../../domain/values/money.ts'
import { engineName } from '../../platform/engine-settings.ts'
import type { Flags } from '../flags.ts'
import { count, nightsOf, rows, sentenceOf } from '../report.ts'
import { type Mode, type Result, type Results, wirings } from '../result.ts'
import { answeredChart, uninvoicedChart } from './charts.ts'
import { style } from './style.ts'

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const escaped = (text: string): string => text.replace(/[&<>"]/g, (found) => escapes[found] ?? found)

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

/** The three figures that decide, as a reader would ask for them. */
const card = ([mode, result]: readonly [Mode, Result]): string => {
  const { invoices, badSeconds } = result
  const surplus = formatMoney({ minor: invoices.surplusMinor, currency: 'EUR' }, 'en-IE')
  const figures: readonly (readonly [value: number, says: string])[] = [
    [badSeconds, `${badSeconds === 1 ? 'second' : 'seconds'} in which customers got errors`],
    [
      invoices.duplicated,
      `${invoices.duplicated === 1 ? 'order' : 'orders'} invoiced more than once${invoices.duplicated > 0 ? ` (${surplus} too much)` : ''}`,
    ],
    [invoices.lost, `${invoices.lost === 1 ? 'order' : 'orders'} never invoiced`],
  ]
  const list = figures.map(
    ([value, says], index) =>
      `<dt style="--row:${index + 1}">${says}</dt><dd class="${value === 0 ? 'good' : 'bad'}">${value.toLocaleString('en-GB')}</dd>`,
  )
  const { name, is } = wirings[mode]
  return `<li class="${mode}"><h2>${capital(name)}</h2><p class="muted">${capital(is)}.</p><dl>${list.join('')}</dl></li>`
}

const headings = (results: Results): string =>
  nightsOf(results)
    .map(([mode]) => `<th scope="col">${capital(wirings[mode].name)}</th>`)
    .join('')

const allFigures = (results: Results): string => {
  const nights = nightsOf(results)
  const body = rows.map(([label, cell]) => {
    const cells = nights.map(([, result]) => `<td>${escaped(cell(result))}</td>`)
    return `<tr><th scope="row">${escaped(label.trim())}</th>${cells.join('')}</tr>`
  })
  return `<div class="table" tabindex="0" role="region" aria-label="All figures"><table><caption>All figures</caption><thead><tr><td></td>${headings(results)}</tr></thead><tbody>${body.join('')}</tbody></table></div>`
}

const PER_ROW_S = 5

/** What the charts draw, for those who read numbers. */
const curves = (results: Results): string => {
  const nights = nightsOf(results)
  const lastS = Math.max(...nights.map(([, { curve }]) => curve.uninvoiced.length))
  const body = Array.from({ length: Math.ceil(lastS / PER_ROW_S) }, (_, row) => {
    const second = row * PER_ROW_S
    const answered = nights.map(([, { curve }]) => {
      const share = curve.answered[second]
      return `<td>${share == null ? '' : `${Math.round(share * 100)} %`}</td>`
    })
    const waiting = nights.map(
      ([, { curve }]) => `<td>${curve.uninvoiced[second] ?? curve.uninvoiced.at(-1) ?? ''}</td>`,
    )
    return `<tr><th scope="row">${second}</th>${answered.join('')}${waiting.join('')}</tr>`
  })
  const groups = `<td></td><th scope="colgroup" colspan="${nights.length}">Customers answered</th><th scope="colgroup" colspan="${nights.length}">Orders without an invoice</th>`
  return `<details><summary>The charts as numbers</summary><div class="table" tabindex="0" role="region" aria-label="The charts as numbers"><table><thead><tr>${groups}</tr><tr><th scope="col">Second</th>${headings(results)}${headings(results)}</tr></thead><tbody>${body.join('')}</tbody></table></div></details>`
}

const legend = (results: Results): string =>
  nightsOf(results)
    .map(
      ([mode]) =>
        `<li><svg viewBox="0 0 28 10" aria-hidden="true"><path class="line ${mode}" d="M0 5H28"/></svg>${wirings[mode].name}</li>`,
    )
    .join('')

const setting = (results: Results): string => {
  const nights = nightsOf(results)
  const first = nights[0]?.[1]
  const seconds = first?.curve.answered.length ?? 0
  return `The same ${seconds} seconds were played ${nights.length === 1 ? 'once' : `with ${nights.length} wirings`} of the same four services of a carrier: portal, routing, tracking, invoicing.
${(first?.portal.offered ?? 0).toLocaleString('en-GB')} times a customer looked at a shipment, and ${count(first?.invoices.expected ?? 0, 'order')} had to be dispatched and invoiced. In each night the invoice process leaked memory, became slow and ran out of it, until a repaired version was deployed.`
}

/** One file that needs nothing else: the sentence, the nights side by side, two charts, all figures. */
export const pageOf = (results: Results, flags: Pick<Flags, 'seed' | 'short' | 'engines'>): string => {
  const nights = nightsOf(results)
  const command = `npm run incident --${flags.short ? ' --short' : ''} --seed ${flags.seed} --out report.html`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>The night invoicing failed: ${nights.map(([mode]) => wirings[mode].name).join(', ')}</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>The night invoicing failed</h1>
<p class="lead">${escaped(sentenceOf(results))}</p>
<p class="muted">${setting(results)}</p>
<ul class="nights">${nights.map(card).join('')}</ul>
<div class="charts">
<figure>
<h2>What customers got</h2>
<figcaption>Coloured: customers who got an answer. Pale red: customers who got an error. The line below each night leads from the first crash of invoicing to its fix, with a cross for each crash.</figcaption>
${answeredChart(nights)}
</figure>
<figure>
<h2>Orders without an invoice</h2>
<figcaption>Dispatched, not invoiced yet. A line that does not return to zero shows orders that were never invoiced.</figcaption>
<ul class="legend">${legend(results)}</ul>
${uninvoicedChart(nights)}
</figure>
</div>
${allFigures(results)}
${curves(results)}
<p class="muted foot">Measured on one machine, on ${engineName(flags.engines)}. Play it again:<br><code>${escaped(command)}</code></p>
</main>
</body>
</html>
`
}
