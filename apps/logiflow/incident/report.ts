import { formatMoney } from '../domain/values/money.ts'
import { type Mode, type Result, type Results, wirings } from './result.ts'

export const count = (many: number, one: string): string => `${many} ${one}${many === 1 ? '' : 's'}`
const percent = (share: number): string => `${(share * 100).toFixed(share > 0.995 && share < 1 ? 2 : 0)} %`
const ms = (value: number): string => (value >= 10_000 ? `${(value / 1000).toFixed(1)} s` : `${Math.round(value)} ms`)
const secondsOf = (value: number): string => `${(value / 1000).toFixed(1)} s`
const euros = (minor: number): string => formatMoney({ minor, currency: 'EUR' }, 'en-IE')

type Row = readonly [label: string, cell: (result: Result) => string]

/** What the nights are compared by, in words that need no legend. */
export const rows: readonly Row[] = [
  ['Healthy: a customer waits (median)', (r) => ms(r.healthy.portalP50Ms)],
  ['Healthy: a dispatcher waits (median)', (r) => ms(r.healthy.dispatchP50Ms)],
  ['Invoicing ran out of memory', (r) => count(r.crashes, 'time')],
  ['  at second', (r) => r.crashedAtS.join(', ')],
  ['While broken: customers answered', (r) => percent(r.duringOutage.portalSuccess)],
  ['While broken: dispatches accepted', (r) => percent(r.duringOutage.routingSuccess)],
  ['While broken: positions accepted', (r) => percent(r.duringOutage.trackingSuccess)],
  ['Seconds with errors for customers', (r) => String(r.badSeconds)],
  ['Errors went on after the fix for', (r) => secondsOf(r.recoverMs)],
  ['All night: median wait', (r) => ms(r.portal.p50Ms)],
  ['All night: 1 % waited more than', (r) => ms(r.portal.p99Ms)],
  ['Dispatches given up after 4 tries', (r) => String(r.dispatchersGaveUp)],
  ['Orders to invoice', (r) => String(r.invoices.expected)],
  ['Invoices written', (r) => String(r.invoices.issued)],
  ['Orders never invoiced', (r) => String(r.invoices.lost)],
  ['Orders invoiced more than once', (r) => String(r.invoices.duplicated)],
  ['Invoiced too much', (r) => euros(r.invoices.surplusMinor)],
  ['Wait for an invoice (median)', (r) => (r.invoiceDelay ? ms(r.invoiceDelay.p50Ms) : '-')],
  ['Wait for an invoice (longest)', (r) => (r.invoiceDelay ? ms(r.invoiceDelay.maxMs) : '-')],
  ['Events waiting for invoicing, at most', (r) => String(r.backlogPeak ?? '-')],
  [
    'All of them handled after the fix in',
    (r) => (r.backlogPeak === undefined ? '-' : r.drainMs == null ? 'never' : secondsOf(r.drainMs)),
  ],
  ['Dead letters', (r) => String(r.deadLetters ?? '-')],
  ['Events the ledgers cannot account for', (r) => String(r.ledgerImbalance ?? '-')],
]

export const nightsOf = (results: Results): readonly (readonly [Mode, Result])[] =>
  (Object.keys(wirings) as Mode[]).flatMap((mode) => {
    const result = results[mode]
    return result === undefined ? [] : [[mode, result] as const]
  })

const customersSaw = ({ badSeconds }: Result): string =>
  badSeconds === 0 ? 'no customer got an error' : `customers got errors for ${count(badSeconds, 'second')}`

const invoicesSaw = ({ invoices }: Result): string => {
  const parts = [
    invoices.duplicated > 0
      ? `${count(invoices.duplicated, 'order')} ${invoices.duplicated === 1 ? 'was' : 'were'} invoiced more than once (${euros(invoices.surplusMinor)} too much)`
      : '',
    invoices.lost > 0 ? `${count(invoices.lost, 'order')} ${invoices.lost === 1 ? 'was' : 'were'} never invoiced` : '',
  ].filter((part) => part !== '')
  return parts.length === 0 ? 'every order was invoiced once' : parts.join(' and ')
}

/** The outcome of all nights in one sentence. */
export const sentenceOf = (results: Results): string => {
  const parts = nightsOf(results).map(
    ([mode, result]) => `with ${wirings[mode].name}, ${customersSaw(result)} and ${invoicesSaw(result)}`,
  )
  return `One service broke: ${parts.join('; ')}.`
}

/** The nights side by side, and the sentence. */
export const tableOf = (results: Results): string => {
  const nights = nightsOf(results)
  const cells = rows.map(([label, cell]) => [label, ...nights.map(([, result]) => cell(result))])
  const table = [['', ...nights.map(([mode]) => wirings[mode].name.toUpperCase())], ...cells]
  const widths = cells[0]?.map((_, column) => Math.max(...table.map((row) => (row[column] ?? '').length))) ?? []
  const lines = table.map((row) =>
    row
      .map((text, column) => (column === 0 ? text.padEnd(widths[0] ?? 0) : text.padStart(widths[column] ?? 0)))
      .join('  '),
  )
  const strips = nights.map(([mode, result]) => `${wirings[mode].name.padEnd(15)}${result.strip}`)
  return [
    ...['', lines[0] ?? '', '-'.repeat(lines[0]?.length ?? 0), ...lines.slice(1)],
    ...['', 'Customers, in steps of 5 s:  # answered   - some errors   . mostly errors', ...strips],
    ...['', sentenceOf(results), ''],
  ].join('\n')
}
