import { parseArgs } from 'node:util'
import { type Machine, machine } from './common/settings.ts'
import type { Figures, Suite, SuiteOptions, SuiteResult } from './common/suite.ts'
import { embeddedSuite } from './embedded.ts'
import { jobsSuite } from './jobs.ts'
import { kafkaSuite } from './kafka.ts'
import { labSuite } from './lab.ts'
import { policySuite } from './policy.ts'
import { postgresSuite } from './postgres.ts'

const suites: readonly Suite[] = [embeddedSuite, kafkaSuite, postgresSuite, jobsSuite, policySuite, labSuite]

const help = `Measures firebreak, and beside it what it stands on, in the same run.

  npm run bench                                 all suites whose servers are there, tables
  npm run --silent bench -- --suite kafka --json
  npm run bench -- --suite postgres --quick     a first look, in a minute

Options
  --suite NAME      ${suites.map((suite) => suite.name).join(', ')} (default: all)
  --rounds N        rounds of the short measurements, the median counts (default 3; 5 or more for effect-once and its peer)
  --backlog N       records or rows in the large backlog (default 10000000; about 10 GB on disk for a few minutes)
  --quick           one round, a fifth of the events, a backlog of 200000: figures to look at, not to publish
  --json            one JSON document on standard output
  --help            this text

Servers come from KAFKA_BROKERS and DATABASE_URL, or from npm run infra -- up. Topics and databases have names of their own
and are removed again.

Exit codes  0 measured  1 failed  2 wrong usage, or a suite was asked for whose servers are not there
`

type Shown = SuiteResult & { readonly settings: SuiteResult['settings'] & Machine & { readonly tookSec: number } }

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      suite: { type: 'string' },
      rounds: { type: 'string' },
      backlog: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(help)
    return 0
  }
  const say = (line: string): void => void process.stderr.write(`${line}\n`)
  const options: SuiteOptions = {
    rounds: Number(values.rounds ?? (values.quick ? 1 : 3)),
    backlog: Number(values.backlog ?? (values.quick ? 200_000 : 10_000_000)),
    share: values.quick ? 0.2 : 1,
    say,
  }
  if (!(options.rounds >= 1 && options.backlog >= 1)) return refuse(say, '--rounds and --backlog must be 1 or more')
  const chosen = suites.filter((suite) => values.suite === undefined || suite.name === values.suite)
  if (chosen.length === 0)
    return refuse(say, `There is no suite "${values.suite}"; there are: ${suites.map(({ name }) => name).join(', ')}`)
  const results = new Map<string, Shown>()
  for (const suite of chosen) {
    const missing = suite.missing()
    if (missing !== undefined && values.suite !== undefined) return refuse(say, `The suite ${suite.name} ${missing}`)
    if (missing !== undefined) say(`${suite.name} is skipped: ${missing}`)
    else {
      const startedAtMs = performance.now()
      const result = await suite.run(options)
      const tookSec = Math.round((performance.now() - startedAtMs) / 1000)
      const settings = { ...machine(), rounds: options.rounds, tookSec, ...result.settings }
      results.set(suite.name, { ...result, settings })
      if (!values.json) process.stdout.write(table(suite, results.get(suite.name) as Shown))
    }
  }
  if (values.json) process.stdout.write(`${JSON.stringify(documentOf(results, values.suite), null, 2)}\n`)
  return 0
}

function refuse(say: (line: string) => void, line: string): number {
  say(line)
  return 2
}

// The figures of the one suite that was asked for stand at the top; of several, below the name of each.
function documentOf(results: ReadonlyMap<string, Shown>, only: string | undefined): unknown {
  const flat = ({ figures, ...rest }: Shown): unknown => ({ ...figures, ...rest })
  const [first] = results.values()
  if (only !== undefined && first !== undefined) return flat(first)
  return Object.fromEntries([...results].map(([name, result]) => [name, flat(result)]))
}

function table({ name: title, goals }: Suite, { figures, ratios, settings }: Shown): string {
  const all: Figures = { ...figures, ...ratios }
  const rows = Object.entries(all).map(([name, value]) => {
    const goal = goals.find((g) => g.name === name)
    const verdict = goal === undefined ? '' : `${goal.holds(all) ? 'met   ' : 'missed'}  ${goal.text}`
    return `  ${name.padEnd(30)}${String(value).padStart(10)}   ${verdict}`.trimEnd()
  })
  const facts = Object.entries(settings).map(([name, value]) => {
    return `  ${name}: ${typeof value === 'object' ? JSON.stringify(value) : value}`
  })
  return `${title}\n${rows.join('\n')}\n\n${facts.join('\n')}\n\n`
}

process.exitCode = await main()
