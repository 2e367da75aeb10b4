import { parseArgs } from 'node:util'
import { type EngineSettings, engineName } from '../platform/engine-settings.ts'
import { engineChoiceOf, engineOptions, UsageError } from '../platform/flags.ts'
import { whenNpmIsGone } from '../platform/npm-parent.ts'
import { serversFor } from '../platform/servers.ts'
import { complain as say } from '../platform/terminal.ts'
import { Night } from './night.ts'
import { broken, tableOf } from './report.ts'
import type { Mode, Result } from './result.ts'
import { fullNight, shortNight, traceOf } from './scenario.ts'

const help = `npm run incident -- [options]     The night of 2 AM, once with direct calls and once with events.

  --mode <m>      rest, events, rest-hardened, or all; default rest and events
  --seed <n>      of the traffic, default 203
  --short         about a minute per wiring instead of five
  --log <l>       embedded (default) or kafka: KAFKA_BROKERS, or what npm run infra -- up has started
  --database <d>  sqlite (default) or postgres: DATABASE_URL, or what npm run infra -- up has started
  --json          one JSON document on stdout instead of the table
  --help          this text

On servers a night makes topics and databases of its own, with "incident" and a number in their names, and deletes them at
its end.
Exit code 1: a promise about one of the wirings did not hold.`

const modesOf: Readonly<Record<string, readonly Mode[]>> = {
  default: ['rest', 'events'],
  all: ['rest', 'events', 'rest-hardened'],
  rest: ['rest'],
  events: ['events'],
  'rest-hardened': ['rest-hardened'],
}

const readFlags = () => {
  const { values } = parseArgs({
    options: {
      mode: { type: 'string', default: 'default' },
      seed: { type: 'string', default: '203' },
      ...engineOptions,
      short: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  const modes = modesOf[values.mode]
  const seed = Number(values.seed)
  if (modes === undefined)
    throw new TypeError(`--mode must be rest, events, rest-hardened or all, not "${values.mode}"`)
  if (!Number.isSafeInteger(seed)) throw new TypeError(`--seed must be a whole number, not "${values.seed}"`)
  return { ...values, modes, seed, engines: engineChoiceOf(values) }
}

/** Every fifth second and everything that happens; on a terminal the seconds share one line. */
const progressOf = (mode: Mode) => {
  let lastS = -1
  return (atS: number, text: string): void => {
    const second = Math.floor(atS)
    const isTick = text.startsWith('portal') || text.startsWith('waiting') || text.startsWith('calls')
    if (isTick && (second === lastS || second % 5 !== 0)) return
    lastS = isTick ? second : lastS
    say(`  ${mode.padEnd(13)} T+${String(second).padStart(3)} s  ${text}`)
  }
}

const run = async (flags: ReturnType<typeof readFlags>): Promise<void> => {
  const settings: EngineSettings = {
    ...flags.engines,
    ...(await serversFor(flags.engines)),
    dataDir: '',
    namespace: '',
  }
  const scenario = flags.short ? shortNight : fullNight
  const trace = traceOf(scenario, flags.seed)
  const dispatches = trace.steps.filter(({ kind }) => kind === 'dispatch').length
  say(
    `Seed ${flags.seed}: ${trace.steps.length} requests in ${scenario.lastsS} s, ${dispatches} trucks to dispatch, the same for each wiring. On ${engineName(flags.engines)}.`,
  )
  const results: Partial<Record<Mode, Result>> = {}
  for (const mode of flags.modes) {
    say(`\n${mode}: four processes, the invoice process with ${scenario.heapMb} MB of heap and a leak`)
    night = new Night({ mode, scenario, trace, settings }, progressOf(mode))
    results[mode] = await night.run()
  }
  const problems = broken(results, flags.short)
  process.stdout.write(
    flags.json
      ? `${JSON.stringify({ seed: flags.seed, short: flags.short, engines: flags.engines, ...results, broken: problems }, null, 2)}\n`
      : tableOf(results),
  )
  for (const problem of problems) say(`Does not hold: ${problem}`)
  process.exitCode = problems.length > 0 ? 1 : 0
}

let night: Night | undefined
let isInterrupted = false
/** What the night has made goes before the process does; asked a second time it ends at once. */
const endBy = (signal: NodeJS.Signals, code: number): void => {
  process.once(signal, () => {
    process.once(signal, () => process.exit(code))
    end(code)
  })
}

const end = (code: number): void => {
  isInterrupted = true
  const discarded = night?.discard() ?? Promise.resolve()
  discarded.catch((error: Error) => say(error.message)).finally(() => process.exit(code))
}

const complain = (error: unknown): void => {
  if (!(error instanceof TypeError || error instanceof UsageError)) throw error
  say(error.message)
  process.exitCode = 2
}

endBy('SIGINT', 130)
endBy('SIGTERM', 143)
whenNpmIsGone(() => end(143))
try {
  const flags = readFlags()
  if (flags.help) process.stdout.write(`${help}\n`)
  else await run(flags)
} catch (error) {
  // A night that is ended fails in whatever it was about; the process ends when what it has made is gone.
  if (!isInterrupted) complain(error)
}
