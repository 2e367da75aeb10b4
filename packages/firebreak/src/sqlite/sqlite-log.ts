import type { Clock } from '../contracts/clock.ts'
import type { Entropy } from '../contracts/entropy.ts'
import { FirebreakError } from '../contracts/errors.ts'
import type { Log } from '../contracts/log.ts'
import { choice, filled, type OptionTable, optionProblems, other, pathProblems } from '../contracts/option.ts'
import { systemClock } from '../node/clock.ts'
import { systemEntropy } from '../node/entropy.ts'
import { createLogClient } from './client/log-client.ts'
import type { SessionOptions } from './client/owner-session.ts'
import type { LogDurability } from './file/log-schema.ts'

export interface SqliteLogOptions {
  /** A folder, created if missing, or a file `.../name.db` in it. Every process that names it shares the log. */
  readonly path: string
  /**
   * `full` (default): an acknowledged record survives a power cut. `survives-process-crash-only`: it survives any crash of
   * processes, but the last ones may go with the power.
   */
  readonly durability?: LogDurability
  readonly clock?: Clock
  readonly entropy?: Entropy
}

export const sqliteLogOptions: OptionTable<SqliteLogOptions> = {
  path: other,
  durability: choice({
    choices: ['full', 'survives-process-crash-only'],
    default: 'full',
    meaning: 'whether an acknowledged record survives a power cut',
  }),
  clock: other,
  entropy: other,
}

/**
 * The embedded log: one SQLite file, shared by all processes of one machine, without any set-up.
 *
 * One process owns the file and writes, on a thread of its own; the others reach it over a socket. When it dies, the next
 * one takes over. Nothing is opened before the first call.
 * **Guarantee** No acknowledged record is lost and none is stored twice by a change of owner.
 * **Errors** `FB_LOG_CORRUPT`, `FB_LOG_VERSION`, `FB_LOG_READONLY`, `FB_LOG_FULL`, `FB_LOG_UNAVAILABLE` from its methods;
 * `FB_CONFIG` at once.
 *
 * @example
 * ```ts
 * import { sqliteLog } from 'firebreak'
 *
 * await using log = sqliteLog({ path: 'data' })
 * console.log(await log.inspect().topics())
 * ```
 */
export function sqliteLog(options: SqliteLogOptions): Log {
  const problems = [
    ...pathProblems('sqliteLog: ', options),
    ...optionProblems(sqliteLogOptions, options, 'sqliteLog: '),
  ]
  if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
  const defaults = { durability: 'full', clock: systemClock, entropy: systemEntropy, unavailableMs: 10_000 } as const
  return createLogClient(filled<SessionOptions>({ ...defaults, path: options.path }, options))
}
