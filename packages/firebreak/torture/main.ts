/** `npm run torture`: kills an engine for real and counts what is wrong afterwards. */
import { parseArgs } from 'node:util'
import { errorsOf, type JobEngine, jobEngines, tortureJobs } from './jobs/torture-jobs.ts'
import { type EngineName, engineNames } from './process/engines.ts'
import { whenNpmIsGone } from './process/npm-parent.ts'
import { tryRecords } from './records.ts'
import type { Report } from './report.ts'
import { type TortureOptions, torture } from './torture.ts'
import { tryValues } from './values.ts'

const help = `Usage: npm run torture -- [options]

Runs two producers and two services in processes of their own, kills them with SIGKILL at random moments, lets the
system drain, and reads from what they left behind what was lost, done twice, done out of order or counted wrongly. A
history of operations is written meanwhile and searched for the anomalies that Jepsen looks for in Kafka.

The engines with servers start their own (PostgreSQL, three Kafka brokers) on free ports and in a folder of the run, and
hurt them too: brokers are killed and frozen, cut off from some of the services by a proxy; PostgreSQL is restarted; members
join and leave every second.

  --engine <name>     embedded (default), embedded-postgres, kafka-postgres
  --kills <n>         processes to kill, default 200
  --seed <n>          decides whom and when, default 1
  --hostile           one order in four makes the service behave badly: it throws what cannot be described, never ends, steers
                      transactions, changes its session, defines what cannot be. Producers send records that no publisher
                      writes. Clocks are set by an hour and by a day, and disks are full for a moment. Nobody else may notice
  --values <n>        instead of all that: so many random values are thrown, returned, bound to SQL and made by schemas in
                      virtual time, and counted; 100000 take some minutes
  --records <n>       instead of all that: so many random records, with any key, headers and value, between good ones, are
                      played in virtual time, and counted
  --target jobs       instead of all that: three processes enqueue and run jobs on one database (--engine embedded or postgres)
                      and are killed, frozen and stopped
  --json              one JSON document instead of a table
  --keep              keeps the folder with the databases also when nothing was found, and names it
  --progress          progress on stderr also when it is no terminal
  --help              this text

Exit code: 0 when all error figures are zero and nothing else went wrong, 1 otherwise, 2 for a wrong option,
130 after Ctrl-C.
`

interface Choice extends Omit<TortureOptions, 'engine'> {
  readonly engine: EngineName
  readonly target: 'events' | 'jobs'
  readonly jobEngine: JobEngine
  readonly json: boolean
  /** 0: a torture. */
  readonly values: number
  readonly records: number
}

const chosen = choose()
if (typeof chosen === 'string') {
  process.stderr.write(`${chosen}\nTry --help.\n`)
  process.exitCode = 2
} else if (chosen === undefined) process.stdout.write(help)
else if (chosen.values > 0) await runValues(chosen)
else if (chosen.records > 0) await runRecords(chosen)
else if (chosen.target === 'jobs') await runJobs(chosen)
else await run(chosen)

function choose(): Choice | string | undefined {
  try {
    const { values } = parseArgs({
      options: {
        engine: { type: 'string', default: 'embedded' },
        kills: { type: 'string', default: '200' },
        seed: { type: 'string', default: '1' },
        target: { type: 'string', default: 'events' },
        hostile: { type: 'boolean', default: false },
        values: { type: 'string', default: '0' },
        records: { type: 'string', default: '0' },
        json: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
        progress: { type: 'boolean', default: process.stderr.isTTY === true },
        help: { type: 'boolean', default: false },
      },
    })
    if (values.help) return undefined
    const target = (['events', 'jobs'] as const).find((name) => name === values.target)
    if (target === undefined) return `--target ${values.target}: there is events, jobs`
    const [engine = 'embedded', jobEngine = 'embedded'] = [
      engineNames.find((name) => name === values.engine),
      jobEngines.find((name) => name === values.engine),
    ]
    const known: readonly string[] = target === 'jobs' ? jobEngines : engineNames
    if (!known.includes(values.engine)) return `--engine ${values.engine}: there is ${known.join(', ')}`
    const [kills, seed, tried] = [Number(values.kills), Number(values.seed), Number(values.values)]
    if (!Number.isSafeInteger(kills) || kills < 0) return `--kills must be a whole number, not ${values.kills}`
    if (!Number.isSafeInteger(tried) || tried < 0) return `--values must be a whole number, not ${values.values}`
    const records = Number(values.records)
    if (!Number.isSafeInteger(records) || records < 0) return `--records must be a whole number, not ${values.records}`
    if (!Number.isSafeInteger(seed)) return `--seed must be a whole number, not ${values.seed}`
    const { hostile, keep, json } = values
    const choice = { engine, jobEngine, target, kills, seed, hostile, values: tried, records, keep, json }
    return values.progress ? { ...choice, onProgress: showProgress } : choice
  } catch (error) {
    return (error as Error).message
  }
}

async function runValues({ json, ...options }: Choice): Promise<void> {
  const report = await tryValues(options)
  if (process.stderr.isTTY === true && options.onProgress !== undefined) process.stderr.write('\n')
  process.stdout.write(json ? `${JSON.stringify(report)}\n` : rowsOf(report))
  process.exitCode = report.halts + report.unsettled + report.misread > 0 ? 1 : 0
}

async function runRecords({ json, ...options }: Choice): Promise<void> {
  const report = await tryRecords(options)
  if (process.stderr.isTTY === true && options.onProgress !== undefined) process.stderr.write('\n')
  process.stdout.write(json ? `${JSON.stringify(report)}\n` : rowsOf(report))
  const { halts, unsettled, neighboursHarmed, ledgerImbalance } = report
  process.exitCode = halts + unsettled + neighboursHarmed + ledgerImbalance > 0 ? 1 : 0
}

async function runJobs({ json, jobEngine, seed, kills, keep = false, onProgress }: Choice): Promise<void> {
  const interrupted = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupted.abort())
  whenNpmIsGone(() => interrupted.abort())
  const told = onProgress === undefined ? {} : { onProgress }
  const report = await tortureJobs({ engine: jobEngine, seed, kills, keep, signal: interrupted.signal, ...told })
  if (report === undefined) {
    process.exitCode = 130
    return
  }
  const { problems, ...figures } = report
  const table = [rowsOf(figures), ...problems.map((text) => `${text}\n`)].join('')
  process.stdout.write(json ? `${JSON.stringify(report)}\n` : table)
  process.exitCode = errorsOf(report) + problems.length > 0 ? 1 : 0
}

async function run({ json, values, records, target, jobEngine, ...options }: Choice): Promise<void> {
  const interrupted = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupted.abort())
  whenNpmIsGone(() => interrupted.abort())
  const report = await torture({ ...options, signal: interrupted.signal })
  if (process.stderr.isTTY === true && options.onProgress !== undefined) process.stderr.write('\n')
  if (report === undefined) {
    process.stderr.write('interrupted: all processes are stopped\n')
    process.exitCode = 130
    return
  }
  process.stdout.write(json ? `${JSON.stringify(jsonOf(report))}\n` : tableOf(report))
  process.exitCode = report.problems.length + report.ledgerImbalance > 0 ? 1 : 0
}

function jsonOf({ folder, ...report }: Report): object {
  return folder === null ? report : { ...report, folder }
}

function tableOf({ problems, hostileActsByKind, ...figures }: Report): string {
  return [rowsOf(figures), ...problems.map((text) => `${text}\n`)].join('')
}

function rowsOf(figures: object): string {
  const rows = Object.entries(figures).filter(([, value]) => value !== null)
  return rows.map(([name, value]) => `${name.padEnd(18)}${value}\n`).join('')
}

function showProgress(line: string): void {
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[2K${line}` : `${line}\n`)
}
