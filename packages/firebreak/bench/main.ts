import { execFileSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { type EmbeddedFigures, embeddedSuite } from './embedded.ts'
import { settings } from './settings.ts'

const help = `Measures firebreak, and beside it what it stands on, in the same run.

  npm run bench                                 all suites, a table
  npm run --silent bench -- --suite embedded --json
  npm run bench -- --rounds 1 --backlog 1000000  quicker, less certain

Options
  --suite NAME      embedded (default: all)
  --rounds N        rounds of the short measurements, the median counts (default 3)
  --backlog N       records in the large backlog (default 10000000; about 5 GB on disk for a minute or two)
  --json            one JSON document on standard output
  --help            this text
`

interface Goal {
  readonly name: keyof EmbeddedFigures
  readonly text: string
  readonly holds: (f: EmbeddedFigures) => boolean
}

const goals: readonly Goal[] = [
  {
    name: 'publishPipedPerSec',
    text: '>= 0.6 of raw piped',
    holds: (f) => f.publishPipedPerSec >= 0.6 * f.rawPublishPipedPerSec,
  },
  {
    name: 'publishAwaitedPerSec',
    text: '>= 0.85 of raw awaited',
    holds: (f) => f.publishAwaitedPerSec >= 0.85 * f.rawPublishAwaitedPerSec,
  },
  {
    name: 'consumePerSec',
    text: '>= 0.34 of raw piped',
    holds: (f) => f.consumePerSec >= 0.34 * f.rawPublishPipedPerSec,
  },
  {
    name: 'effectOncePerSec',
    text: '>= 0.114 of raw piped',
    holds: (f) => f.effectOncePerSec >= 0.114 * f.rawPublishPipedPerSec,
  },
  { name: 'handler5msPerSec', text: '>= 18000', holds: (f) => f.handler5msPerSec >= 18_000 },
  { name: 'latencyP50Ms', text: '<= 0.5', holds: (f) => f.latencyP50Ms <= 0.5 },
  { name: 'consumerRssMb', text: '<= 80', holds: (f) => f.consumerRssMb <= 80 },
  { name: 'backlogRatio10M', text: '>= 0.8', holds: (f) => f.backlogRatio10M >= 0.8 },
]

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      suite: { type: 'string' },
      rounds: { type: 'string', default: '3' },
      backlog: { type: 'string', default: '10000000' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(help)
    return 0
  }
  if (values.suite !== undefined && values.suite !== 'embedded') {
    process.stderr.write(`There is no suite "${values.suite}"; there is: embedded\n`)
    return 2
  }
  const say = (line: string): void => void process.stderr.write(`${line}\n`)
  say('building what the consumer process runs')
  execFileSync('npm', ['run', 'build'], { stdio: ['ignore', 'ignore', 'inherit'] })
  const figures = await embeddedSuite({ rounds: Number(values.rounds), backlog: Number(values.backlog), say })
  if (values.json) process.stdout.write(`${JSON.stringify({ ...figures, settings: settings() }, null, 2)}\n`)
  else process.stdout.write(table(figures))
  return 0
}

function table(figures: EmbeddedFigures): string {
  const rows = Object.entries(figures).map(([name, value]) => {
    const goal = goals.find((g) => g.name === name)
    const verdict = goal === undefined ? '' : `${goal.holds(figures) ? 'met   ' : 'missed'}  ${goal.text}`
    return `  ${name.padEnd(26)}${String(value).padStart(10)}   ${verdict}`.trimEnd()
  })
  const facts = Object.entries(settings()).map(([name, value]) => `${name} ${value}`)
  return `${rows.join('\n')}\n\n  ${facts.join(' · ')}\n`
}

process.exitCode = await main()
