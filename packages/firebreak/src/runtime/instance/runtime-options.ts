import type { Clock } from '../../contracts/clock.ts'
import type { Database } from '../../contracts/database.ts'
import type { Entropy } from '../../contracts/entropy.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import type { Observer } from '../../contracts/journal.ts'
import type { Log, StartFrom } from '../../contracts/log.ts'
import {
  choice,
  flag,
  ms,
  type OptionTable,
  optionProblems,
  other,
  type Problems,
  shown,
} from '../../contracts/option.ts'
import { fieldOf } from '../../contracts/text/text-of.ts'
import type { ServiceDefinition } from '../../define/service.ts'
import type { Caller } from '../calls/caller.ts'
import type { ReadBack } from '../message/payload-writer.ts'
import type { Limits } from './limits.ts'

export interface RuntimeOptions<S extends ServiceDefinition = ServiceDefinition> {
  readonly service: S
  readonly log: Log
  /** The service's own; needed for handlers and for `transaction`. */
  readonly database?: Database
  /** Makes the calls; needed when the service declares some. All runtimes of a process share one. */
  readonly caller?: Caller
  readonly limits?: Partial<Limits>
  /** Where this service starts on a log that does not know it yet; default `earliest`. */
  readonly startFrom?: StartFrom
  /** Copies every dead letter to the topic `<service>.dlq`, for tools that read the log; default false. */
  readonly mirrorDeadLetters?: boolean
  /**
   * Which payloads are read from their bytes again when they are published, to see that every reader gets the same:
   * `always`, or (default) `when-changed`: the first 100 of each event, and later those in which the schema has changed a value
   * or made something that JSON does not carry. A payload that is read as something else is refused.
   */
  readonly readBack?: ReadBack
  /**
   * Hears what happened to each message. Without it, warnings of kinds that no `runtime.on` listens to are printed on stderr, a few
   * lines each 10 s; `false` prints nothing.
   */
  readonly observe?: Observer | false
  /** Name of this instance among those of its service; default random. */
  readonly instance?: string
  readonly clock?: Clock
  readonly entropy?: Entropy
}

export interface ServiceWithHandlers {
  readonly database: Database
}

/** What a service with handlers needs beside the options that all may have. */
export type DatabaseOf<S extends ServiceDefinition> = S['needsDatabase'] extends true ? ServiceWithHandlers : unknown

export const runtimeOptions: OptionTable<RuntimeOptions> = {
  service: other,
  log: other,
  database: other,
  caller: other,
  limits: other,
  startFrom: other,
  mirrorDeadLetters: flag({ default: false, meaning: 'whether dead letters are copied to the topic `<service>.dlq`' }),
  readBack: choice({
    choices: ['always', 'when-changed'],
    default: 'when-changed',
    meaning: 'which payloads are read from their bytes again when they are published',
  }),
  observe: other,
  instance: other,
  clock: other,
  entropy: other,
}

export const startOptions: OptionTable<Extract<StartFrom, object>> = {
  // As far as a `Date` reaches.
  atMs: ms({ least: 0, most: 8.64e15, meaning: 'a log that does not know the service starts here, since the epoch' }),
}

/** What is wrong with `startFrom`. */
export function startProblems(from: unknown): Problems {
  if (from === undefined || from === 'earliest' || from === 'latest') return []
  if (typeof from !== 'object' || from === null)
    return [`startFrom must be 'earliest', 'latest' or { atMs }, not ${shown(from)}`]
  return optionProblems(startOptions, from, 'startFrom.')
}

/** A runtime is not even built without these. **Errors** `FB_CONFIG`. */
export function refuseWithoutParts(options: RuntimeOptions): void {
  const [given, log] = [fieldOf(options, 'service'), fieldOf(options, 'log')]
  const problems: string[] = []
  if (fieldOf(given, 'kind') !== 'service') problems.push(`service must be made by service(), not ${shown(given)}`)
  if (typeof fieldOf(log, 'append') !== 'function') problems.push(`log must be a log, not ${shown(log)}`)
  if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
}
