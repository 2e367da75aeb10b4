import { type LedgerReport, type PartitionLedger, verifyLedger } from '../ledger/verify/verify.ts'
import type { JobLedger } from '../ledger/verify/verify-jobs.ts'
import type { Call, Command } from './program/command.ts'
import { exit } from './program/exit.ts'
import { counted, grouped } from './program/output.ts'
import type { Column } from './program/table.ts'
import { wrap } from './program/text-width.ts'

export const verifyCommand: Command = {
  name: 'verify',
  summary: 'recompute the ledger of each service: is every record accounted for',
  operands: '',
  operandsMin: 0,
  operandsMax: 0,
  examples: [
    { line: 'verify', what: 'all services; exit code 1 when something is missing' },
    { line: 'verify --service invoicing --partitions', what: 'one service, partition by partition' },
    { line: 'verify --no-log --json', what: 'the tables only, for a cron job every night' },
  ],
  options: {
    service: { value: 'name', help: 'only this service' },
    partitions: { help: 'the accounts of every partition' },
    'no-log': { help: 'only the tables: do not read the log beside them' },
  },
  notes: [
    'Safe beside running services. Per partition:\nconsumed = done + duplicate + skipped + parked + dead + discarded.\nThe left side follows from the positions that are finished; the right side is counted where\noutcomes are written. Of jobs, per type:\nenqueued = live + done + failed + cancelled + expired + discarded.',
    'Without --no-log it also reads every finished record that the log still holds, which takes as\nlong as reading the log. Exit code 1 without a document on stdout: it could not be asked.',
  ],
  async run(call) {
    const { args, session, output } = call
    const { awake, asleep } = await session.ledgers(args.text('service'))
    const inspection = args.flag('no-log') ? undefined : (await session.log()).inspect()
    const reports: ServiceReport[] = []
    for (const { service, database } of awake) {
      const view = inspection === undefined ? undefined : { inspection, group: service.name }
      reports.push({ service: service.name, ...(await verifyLedger(database, view)) })
    }
    const ok = reports.every((report) => report.ok)
    if (output.json) output.document({ ok, services: reports, asleep })
    else show(call, reports, asleep)
    return ok ? exit.ok : exit.failed
  },
}

interface ServiceReport extends LedgerReport {
  readonly service: string
}

function show(call: Call, reports: readonly ServiceReport[], asleep: readonly string[]): void {
  const { output, args } = call
  const { style } = output
  if (args.flag('partitions')) for (const report of reports) showPartitions(call, report)
  else if (reports.length > 0) showServices(call, reports)
  if (asleep.length > 0) output.note(`(${asleep.join(', ')} has never run: no ledger yet)`)
  const stuck = reports.reduce((sum, { blocked }) => sum + blocked, 0)
  if (stuck > 0) output.line(style.yellow(`${counted(stuck, 'event')} blocked: firebreak outbox list`))
  if (reports.length === 0) return
  const off = reports.filter(({ ok }) => !ok).length
  if (off === 0) output.line(`Every record of ${counted(reports.length, 'service')} is accounted for.`)
  else {
    output.line(`${counted(off, 'ledger')} of ${reports.length} out of balance.`)
    output.note('Do not discard or replay before it is clear why.')
  }
}

const verdictOf = ({ ok, imbalance }: ServiceReport): string =>
  ok ? 'balanced' : imbalance === 0 ? 'damaged' : `off by ${grouped(imbalance)}`

function showServices({ io, output }: Call, reports: readonly ServiceReport[]): void {
  const { style } = output
  const paint = (verdict: string) => (verdict === 'balanced' ? style.green : style.red)(verdict)
  const rows = reports.map((report) => {
    const sum = (of: 'consumed' | 'parked' | 'dead'): string =>
      grouped(report.partitions.reduce((total, row) => total + row[of], 0))
    const [outbox, blocked] = [grouped(report.outbox), grouped(report.blocked)]
    return [report.service, verdictOf(report), sum('consumed'), sum('parked'), sum('dead'), outbox, blocked]
  })
  const numbers = ['CONSUMED', 'PARKED', 'DEAD', 'OUTBOX', 'BLOCKED'].map(number)
  output.table([{ title: 'SERVICE', flexible: true, paint: style.bold }, { title: 'VERDICT', paint }, ...numbers], rows)
  for (const { service, problems } of reports)
    for (const problem of problems)
      for (const text of wrap(`${service}: ${problem}`, io.columns)) output.line(style.red(text))
}

function showPartitions({ io, output }: Call, report: ServiceReport): void {
  const { style } = output
  const { service, ok, partitions, outbox, blocked, problems } = report
  const stuck = blocked > 0 ? style.yellow(`, ${counted(blocked, 'event')} blocked`) : ''
  const waiting = outbox > 0 ? `, ${counted(outbox, 'event')} in the outbox` : ''
  output.line(style.bold(service), '  ', (ok ? style.green : style.red)(verdictOf(report)), waiting, stuck)
  if (partitions.length > 0) output.table(columns, partitions.map(equation))
  if (report.jobs.length > 0) output.table(jobColumns, report.jobs.map(jobEquation))
  for (const problem of problems) for (const text of wrap(problem, io.columns - 2)) output.line('  ', style.red(text))
  output.line()
}

const number = (title: string): Column => ({ title, align: 'right' })
const plus: Column = { title: '+', optional: true }

// The columns read as the equation that they are.
const columns = [
  { title: '  PARTITION', flexible: true },
  number('CONSUMED'),
  { title: '=' },
  number('DONE'),
  plus,
  number('DUPLICATE'),
  plus,
  number('SKIPPED'),
  plus,
  number('PARKED'),
  plus,
  number('DEAD'),
  plus,
  number('DISCARDED'),
]

const jobColumns = [
  { title: '  JOB', flexible: true },
  number('ENQUEUED'),
  { title: '=' },
  number('LIVE'),
  plus,
  number('DONE'),
  plus,
  number('FAILED'),
  plus,
  number('CANCELLED'),
  plus,
  number('EXPIRED'),
  plus,
  number('DISCARDED'),
]

function jobEquation(row: JobLedger): readonly string[] {
  const { live, done, failed, cancelled, expired, discarded } = row
  return [`  ${row.type}`, grouped(row.enqueued), ...sumOf(row, [live, done, failed, cancelled, expired, discarded])]
}

function equation(row: PartitionLedger): readonly string[] {
  const { done, duplicate, skipped, parked, dead, discarded } = row
  const right = sumOf(row, [done, duplicate, skipped, parked, dead, discarded])
  return [`  ${row.topic}/${row.partition}`, grouped(row.consumed), ...right]
}

function sumOf({ imbalance }: { readonly imbalance: number }, accounts: readonly number[]): readonly string[] {
  const right = accounts.map(grouped).flatMap((account, i) => (i === 0 ? [account] : ['+', account]))
  return [imbalance === 0 ? '=' : '≠', ...right]
}
