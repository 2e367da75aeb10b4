import { writeFileSync } from 'node:fs'
import { type EngineSettings, engineName } from '../platform/engine-settings.ts'
import { UsageError } from '../platform/flags.ts'
import { whenNpmIsGone } from '../platform/npm-parent.ts'
import { serversFor } from '../platform/servers.ts'
import { complain as say } from '../platform/terminal.ts'
import { durationS, type Flags, help, readFlags } from './flags.ts'
import { Night } from './night.ts'
import { pageOf } from './page/page.ts'
import { about, endProgress, progressOn } from './progress.ts'
import { broken } from './promises.ts'
import { sentenceOf, tableOf } from './report.ts'
import { type Mode, type Result, wirings } from './result.ts'
import { fullNight, shortNight, type Trace, traceOf } from './scenario.ts'

/** What is played, and how long it takes: said before the first process starts. */
const announce = (flags: Flags, { steps }: Trace): void => {
  const scenario = flags.short ? shortNight : fullNight
  const [nights, takesS] = [flags.modes.length, durationS(scenario, flags.modes.length)]
  const dispatches = steps.filter(({ kind }) => kind === 'dispatch').length
  const names = flags.modes.map((mode) => wirings[mode].name).join(', ')
  say(
    `This takes about ${about(takesS)}: ${nights === 1 ? 'a night' : `${nights} nights`} of ${scenario.lastsS} s (${names}). Ctrl-C ends it.\n` +
      `In each, ${steps.length} requests of customers, trucks and dispatchers meet four services (seed ${flags.seed}),\n` +
      `${dispatches} trucks are dispatched, and the invoice process runs out of memory until it is fixed.\n` +
      `On ${engineName(flags.engines)}.`,
  )
}

const play = async (flags: Flags): Promise<Partial<Record<Mode, Result>>> => {
  const settings: EngineSettings = {
    ...flags.engines,
    ...(await serversFor(flags.engines)),
    ...{ dataDir: '', namespace: '' },
  }
  const scenario = flags.short ? shortNight : fullNight
  const trace = traceOf(scenario, flags.seed)
  announce(flags, trace)
  const results: Partial<Record<Mode, Result>> = {}
  for (const [index, mode] of flags.modes.entries()) {
    const { name, is } = wirings[mode]
    say(`\n${index + 1}/${flags.modes.length} ${name}: ${is}`)
    const leftS = durationS(scenario, flags.modes.length - index)
    const played = { title: name.padEnd(14), lastsS: scenario.lastsS, leftS }
    night = new Night({ mode, scenario, trace, settings }, progressOn(process.stderr, played))
    results[mode] = await night.run()
    endProgress(process.stderr)
  }
  return results
}

const run = async (flags: Flags): Promise<void> => {
  const results = await play(flags)
  const problems = broken(results, flags.short)
  process.stdout.write(
    flags.json
      ? `${JSON.stringify({ seed: flags.seed, short: flags.short, engines: flags.engines, ...results, broken: problems }, null, 2)}\n`
      : tableOf(results),
  )
  if (flags.json) say(sentenceOf(results))
  for (const problem of problems) say(`Does not hold: ${problem}`)
  process.exitCode = problems.length > 0 ? 1 : 0
  if (flags.out === undefined) return
  try {
    writeFileSync(flags.out, pageOf(results, flags))
    say(`The page with the charts: ${flags.out}`)
  } catch (error) {
    say(`The page could not be written: ${(error as Error).message}`)
    process.exitCode = 1
  }
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
  endProgress(process.stderr)
  say('Stopping: the processes end, and what this night has made is deleted. There is no result.')
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
