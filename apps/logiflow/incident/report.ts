import { formatMoney } from '../domain/values/money.ts'
import type { Mode, Result } from './result.ts'

const percent = (share: number): string => `${(share * 100).toFixed(share > 0.995 && share < 1 ? 2 : 0)} %`
const ms = (value: number): string => (value >= 10_000 ? `${(value / 1000).toFixed(1)} s` : `${value} ms`)
const secondsOf = (value: number): string => `${(value / 1000).toFixed(1)} s`

type Row = readonly [label: string, cell: (result: Result) => string]

const rows: readonly Row[] = [
  ['Before it breaks: portal p50', (r) => ms(r.healthy.portalP50Ms)],
  ['Before it breaks: dispatch p50', (r) => ms(r.healthy.dispatchP50Ms)],
  ['Invoice process crashed', (r) => `${r.crashes} times`],
  ['  at T+ s', (r) => r.crashedAtS.join(', ')],
  ['During the outage: portal', (r) => percent(r.duringOutage.portalSuccess)],
  ['During the outage: routing', (r) => percent(r.duringOutage.routingSuccess)],
  ['During the outage: tracking', (r) => percent(r.duringOutage.trackingSuccess)],
  ['Portal: bad seconds', (r) => String(r.badSeconds)],
  ['Portal: bad after the hotfix for', (r) => secondsOf(r.recoverMs)],
  ['Portal p50 / p99, all night', (r) => `${ms(r.portal.p50Ms)} / ${ms(r.portal.p99Ms)}`],
  ['Dispatchers who gave up', (r) => String(r.dispatchersGaveUp)],
  ['Invoices expected / issued', (r) => `${r.invoices.expected} / ${r.invoices.issued}`],
  ['Routes never invoiced', (r) => String(r.invoices.lost)],
  ['Routes invoiced more than once', (r) => String(r.invoices.duplicated)],
  ['Invoiced too much', (r) => formatMoney({ minor: r.invoices.surplusMinor, currency: 'EUR' }, 'en-IE')],
  [
    'Invoice delay p50 / max',
    (r) => (r.invoiceDelay ? `${ms(r.invoiceDelay.p50Ms)} / ${ms(r.invoiceDelay.maxMs)}` : '-'),
  ],
  [
    'Backlog: peak, drained after',
    (r) =>
      r.backlogPeak === undefined ? '-' : `${r.backlogPeak}, ${r.drainMs == null ? 'never' : secondsOf(r.drainMs)}`,
  ],
  [
    'Dead letters / ledger imbalance',
    (r) => (r.deadLetters === undefined ? '-' : `${r.deadLetters} / ${r.ledgerImbalance}`),
  ],
]

/** The two nights side by side. */
export const tableOf = (results: Partial<Record<Mode, Result>>): string => {
  const columns = Object.entries(results)
  const cells = rows.map(([label, cell]) => [label, ...columns.map(([, result]) => cell(result))])
  const table = [['', ...columns.map(([mode]) => mode.toUpperCase())], ...cells]
  const widths = cells[0]?.map((_, column) => Math.max(...table.map((row) => (row[column] ?? '').length))) ?? []
  const lines = table.map((row) =>
    row
      .map((text, column) => (column === 0 ? text.padEnd(widths[0] ?? 0) : text.padStart(widths[column] ?? 0)))
      .join('   '),
  )
  const strips = columns.map(([mode, result]) => `${mode.padEnd(14)} ${result.strip}`)
  return [
    ...['', lines[0] ?? '', '-'.repeat(lines[0]?.length ?? 0), ...lines.slice(1)],
    ...['', 'The portal in steps of 5 s:  # answered   - some failed   . most failed', ...strips, ''],
  ].join('\n')
}

/** Which promises do not hold; empty when all do. Bands, not values: machines differ. */
export const broken = (results: Partial<Record<Mode, Result>>, isShort: boolean): readonly string[] => {
  // In a short night a quick machine is back before everybody has waited in vain.
  const { badSecondsMin, portalBelow } = isShort
    ? { badSecondsMin: 4, portalBelow: 0.85 }
    : { badSecondsMin: 60, portalBelow: 0.6 }
  const problems: string[] = []
  const expect = (holds: boolean, claim: string): void => void (holds || problems.push(claim))
  const { rest, events } = results
  if (rest !== undefined) {
    expect(
      rest.duringOutage.portalSuccess < portalBelow,
      `rest: the portal fails with invoicing (below ${portalBelow * 100} % during the outage)`,
    )
    expect(rest.badSeconds > badSecondsMin, `rest: more than ${badSecondsMin} bad seconds`)
    expect(rest.invoices.duplicated > 0, 'rest: retries without a key invoice twice')
  }
  if (events !== undefined) {
    expect(events.portal.ok / events.portal.offered >= 0.999, 'events: the portal answers 99.9 % all night')
    expect(
      events.invoices.lost === 0 && events.invoices.duplicated === 0,
      'events: every route is invoiced exactly once',
    )
    expect(events.backlogAtEnd === 0, 'events: nothing is left in the backlog')
    expect(events.ledgerImbalance === 0, 'events: the ledgers account for every record')
    expect(events.deadLetters === 0, 'events: no innocent message is a dead letter')
  }
  if (rest !== undefined && events !== undefined)
    expect(Math.abs(rest.crashes - events.crashes) <= 1, 'both: the invoice process crashes as often')
  return problems
}
