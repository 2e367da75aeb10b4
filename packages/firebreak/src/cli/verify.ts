import { type LedgerReport, type PartitionLedger, verifyLedger } from '../ledger/verify/verify.ts'
import type { Call, Command } from './program/command.ts'
import { exit } from './program/exit.ts'
import { counted, grouped } from './program/output.ts'

export const verifyCommand: Command = {
  name: 'verify',
  summary: 'recompute the ledger of each service: is every record accounted for',
  operands: '',
  operandsMin: 0,
  operandsMax: 0,
  examples: [
    { line: 'verify', what: 'all services; exit code 1 when something is missing' },
    { line: 'verify --service invoicing', what: 'one service' },
    { line: 'verify --no-log --json', what: 'the tables only, for a cron job every night' },
  ],
  options: {
    service: { value: 'name', help: 'only this service' },
    'no-log': { help: 'only the tables: do not read the log beside them' },
  },
  notes: [
    'Safe beside running services. Per partition:\nconsumed = done + duplicate + skipped + parked + dead + discarded.\nThe left side follows from the positions that are finished; the right side is counted where\noutcomes are written.',
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

function show({ output }: Call, reports: readonly ServiceReport[], asleep: readonly string[]): void {
  const { style } = output
  for (const { service, ok, imbalance, partitions, outbox, blocked, problems } of reports) {
    const verdict = ok ? style.green('balanced') : style.red(`off by ${grouped(imbalance)}`)
    const stuck = blocked > 0 ? style.yellow(`, ${counted(blocked, 'event')} blocked: firebreak outbox list`) : ''
    const waiting = outbox > 0 ? `, ${counted(outbox, 'event')} in the outbox` : ''
    output.line(style.bold(service), '  ', verdict, waiting, stuck)
    if (partitions.length > 0) output.table(columns, partitions.map(equation))
    for (const problem of problems) output.line('  ', style.red(problem))
    output.line()
  }
  if (asleep.length > 0) output.note(`(${asleep.join(', ')} has never run: no ledger yet)`)
  const off = reports.filter(({ ok }) => !ok).length
  if (off > 0)
    output.note(
      `${counted(off, 'ledger')} of ${reports.length} out of balance. Do not discard or replay before it is clear why.`,
    )
  else if (reports.length > 0) output.note(`Every record of ${counted(reports.length, 'service')} is accounted for.`)
}

const number = (title: string): { title: string; align: 'right' } => ({ title, align: 'right' })
const sign = (title: string): { title: string } => ({ title })

// The columns read as the equation that they are.
const columns = [
  sign('  PARTITION'),
  number('CONSUMED'),
  sign('='),
  number('DONE'),
  sign('+'),
  number('DUPLICATE'),
  sign('+'),
  number('SKIPPED'),
  sign('+'),
  number('PARKED'),
  sign('+'),
  number('DEAD'),
  sign('+'),
  number('DISCARDED'),
]

function equation(row: PartitionLedger): readonly string[] {
  const { done, duplicate, skipped, parked, dead, discarded } = row
  const accounts = [done, duplicate, skipped, parked, dead, discarded].map(grouped)
  const right = accounts.flatMap((account, i) => (i === 0 ? [account] : ['+', account]))
  return [`  ${row.topic}/${row.partition}`, grouped(row.consumed), row.imbalance === 0 ? '=' : '≠', ...right]
}
