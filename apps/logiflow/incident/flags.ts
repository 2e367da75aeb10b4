import { accessSync, constants, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { EngineChoice } from '../platform/engine-settings.ts'
import { engineChoiceOf, engineOptions, UsageError } from '../platform/flags.ts'
import { about } from './progress.ts'
import type { Mode } from './result.ts'
import { fullNight, type Scenario, shortNight } from './scenario.ts'

/** In the order of the columns. */
const allModes: readonly Mode[] = ['rest', 'rest-hardened', 'events']

const modesIn = (text: string): readonly Mode[] => {
  const asked = text === 'all' ? allModes : text.split(',')
  const unknown = asked.find((one) => !allModes.some((mode) => mode === one))
  if (unknown !== undefined)
    throw new UsageError(`--mode must be all, or some of ${allModes.join(', ')}, not "${unknown}"`)
  return allModes.filter((mode) => asked.includes(mode))
}

/** What a night takes beside its seconds: to start the processes, and to wait for what comes late. */
const AROUND_S = 36

export const durationS = (scenario: Scenario, nights: number): number => nights * (scenario.lastsS + AROUND_S)

export const help = `npm run incident -- [options]     The night in which invoicing fails, played once for each wiring.

The same customers, trucks and dispatchers meet the same four services three times: services that call each other, the same calls
with a timeout, circuit breaker and bulkhead, and services that publish events. Every time the invoice process runs out of memory
until it is fixed. It takes about ${about(durationS(fullNight, 3))}, with --short about ${about(durationS(shortNight, 3))},
and longer on a busy machine. Ctrl-C ends it at any time and leaves nothing behind.

  --out <file>    writes the result as one HTML page, with charts
  --short         nights of ${shortNight.lastsS} s instead of ${fullNight.lastsS} s
  --mode <m>      all (default), or some of rest (calls), rest-hardened (hardened calls), events: --mode rest,events
  --seed <n>      of the traffic, default 203
  --log <l>       embedded (default) or kafka: KAFKA_BROKERS, or what npm run infra -- up has started
  --database <d>  sqlite (default) or postgres: DATABASE_URL, or what npm run infra -- up has started
  --json          one JSON document on stdout instead of the table
  --help          this text

On servers a night makes topics and databases of its own, with "incident" and a number in their names, and deletes them at
its end.
Exit code 1: a promise about one of the wirings did not hold. 130: ended by Ctrl-C.`

export type Flags = {
  readonly modes: readonly Mode[]
  readonly seed: number
  readonly short: boolean
  readonly json: boolean
  readonly help: boolean
  /** Absolute; undefined: no page. */
  readonly out: string | undefined
  readonly engines: EngineChoice
}

/** Minutes of playing for a file that cannot be written would be wasted: it is checked before. */
const writable = (file: string): string => {
  const path = resolve(file)
  try {
    accessSync(dirname(path), constants.W_OK)
  } catch {
    throw new UsageError(`--out: ${dirname(path)} is no folder that can be written to`)
  }
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw new UsageError(`--out: ${path} is a folder`)
  return path
}

/** **Errors** `UsageError`, and `TypeError` for a flag that is unknown */
export const readFlags = (args?: string[]): Flags => {
  const { values } = parseArgs({
    ...(args === undefined ? {} : { args }),
    options: {
      mode: { type: 'string', default: 'all' },
      seed: { type: 'string', default: '203' },
      ...engineOptions,
      out: { type: 'string' },
      short: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  const seed = Number(values.seed)
  if (!Number.isSafeInteger(seed)) throw new UsageError(`--seed must be a whole number, not "${values.seed}"`)
  const { short, json, help } = values
  const out = values.out === undefined || help ? undefined : writable(values.out)
  return { modes: modesIn(values.mode), seed, short, json, help, out, engines: engineChoiceOf(values) }
}
