/**
 * The `Database` port on PostgreSQL.
 *
 * I1  A commit has a connection of its own for as long as it lasts; statements of `query` run beside it on others.
 * I2  When `commit` rejects with anything but `FB_COMMIT_UNKNOWN`, no unit has left a trace: a COMMIT whose answer was
 *     lost is asked for until the server says what became of it.
 * I3  Closing waits for everything that was begun before it.
 * I4  A connection goes back to the pool with the session that it had when it came.
 */
import type {
  CommitOptions,
  Database,
  DatabaseCapabilities,
  Sql,
  SqlParam,
  SqlRow,
  SqlUnit,
  Verdict,
} from '../contracts/database.ts'
import { FirebreakError } from '../contracts/errors.ts'
import { inTransaction } from '../contracts/sql/in-transaction.ts'
import { isInsideUnit } from '../node/open-units.ts'
import { catalogueVersion } from './catalogue.ts'
import { settleDoubt } from './commit-fate.ts'
import { type ConnectionSettings, connectionSettings, type PostgresDatabaseOptions } from './connection-settings.ts'
import { Connections } from './connections.ts'
import type { Link } from './link.ts'
import { isLockTimeout, isStalePlan, postgresError } from './postgres-errors.ts'
import type { Answer, Step } from './round-trip.ts'
import { Outdated, RunAgain } from './run-again.ts'
import { readsOnly, rowsOf } from './statement.ts'
import { type Committed, Transaction } from './transaction.ts'

/**
 * A database on a PostgreSQL server, version 14 or later. Connects on first use.
 *
 * **Shape** Integers are read as numbers wherever a number holds them exactly and as bigint beyond 2^53; booleans as 1 and
 * 0; bytea as Uint8Array; everything else (numeric, json, dates and times, arrays) as the text that the server writes.
 * **Errors** `FB_CONFIG` at once; on use `FB_DATABASE_UNAVAILABLE`, `FB_DATABASE_BUSY`, `FB_DATABASE_FULL`,
 * `FB_DATABASE_READONLY`, `FB_DATABASE_REFUSED`, and `FB_COMMIT_UNKNOWN` from `commit` alone.
 *
 * @example
 * ```ts
 * import { postgresDatabase } from 'firebreak/postgres'
 *
 * export const database = postgresDatabase({ url: 'postgresql://billing@db.internal/billing', poolMax: 10 })
 * ```
 */
export function postgresDatabase(options: PostgresDatabaseOptions): Database {
  return new PostgresDatabase(connectionSettings(options))
}

const noValues: readonly SqlParam[] = Object.freeze([])
const guardedAfterFailure = 100
// A run ends early for want of savepoints, or for a new function; neither is met often.
const runsMax = 5
const askVersion: Step = { text: `SELECT ${catalogueVersion}`, values: [] }

class PostgresDatabase implements Database {
  readonly capabilities: DatabaseCapabilities
  readonly #connections: Connections
  readonly #underWay = new Set<Promise<unknown>>()
  #guardedCommits = 0
  #closing: Promise<void> | undefined

  constructor(settings: ConnectionSettings) {
    this.capabilities = {
      name: 'postgres',
      dialect: 'postgres',
      durable: true,
      shared: true,
      schema: settings.schema,
    }
    this.#connections = new Connections(settings)
  }

  async query<Row = SqlRow>(sql: string, params: readonly SqlParam[] = noValues): Promise<readonly Row[]> {
    const step = this.#connections.inserts.step(sql, params)
    const mayWrite = !readsOnly(this.#connections.inserts.read(sql))
    if (mayWrite) this.#refuseInside('a statement of its own')
    return this.#track(() =>
      this.#connections.lend(async (link) => {
        // Once more: which database it is may be known only by now.
        if (mayWrite) this.#refuseInside('a statement of its own')
        await this.#connections.refreshEffects(link)
        const effect = this.#connections.effects.of(sql)
        let isKnown = effect === 'none'
        try {
          // Not behind what does more than read and write: some of that runs by itself or not at all.
          const [answer, now] = await askOnce(link, isKnown ? [step, askVersion] : [step])
          isKnown &&= now?.rows[0]?.[0] === this.#connections.effects.version
          return rowsOf(answer as Answer) as readonly Row[]
        } catch (error) {
          throw this.#queryError(error)
        } finally {
          if (!isKnown) await this.#clean(link)
        }
      }),
    )
  }

  #queryError(error: unknown): unknown {
    const { path, lockTimeoutMs } = this.#connections.settings
    if (isLockTimeout(error)) return new FirebreakError('FB_DATABASE_BUSY', { path, waitedMs: lockTimeoutMs }, error)
    return postgresError(error, path)
  }

  async commit<T>(units: readonly SqlUnit<T>[], options: CommitOptions = {}): Promise<readonly Verdict<T>[]> {
    this.#refuseInside('a commit')
    return this.#track(async () => {
      if (units.length === 0) return []
      const connections = this.#connections
      const own = options.own === true || units.length === 1
      const { verdicts, doubt } = await connections.lend((link) => {
        this.#refuseInside('a commit')
        return this.#commitOn(link, units, own)
      })
      if (doubt !== undefined) await settleDoubt(doubt, connections)
      return verdicts
    })
  }

  transaction<T>(body: (sql: Sql) => Promise<T>): Promise<T> {
    return inTransaction(this, body)
  }

  // Savepoints cost a quarter of a commit of small units, and hardly a unit ever needs one: where one has failed, or has
  // changed its session, the groups that follow are guarded at once.
  async #commitOn<T>(link: Link, units: readonly SqlUnit<T>[], own: boolean): Promise<Committed<T>> {
    let running = units
    let isGuarded = this.#guardedCommits > 0
    if (isGuarded) this.#guardedCommits--
    for (let run = 1; ; run++) {
      await this.#connections.refreshEffects(link)
      const transaction = new Transaction(link, this.#connections, { guarded: isGuarded, own })
      try {
        return await transaction.run(running)
      } catch (error) {
        if (!(error instanceof RunAgain) || run === runsMax) throw error
        running = without(running, error.instead)
        if (error instanceof Outdated) this.#connections.effectsChanged()
        // In a transaction of its own what is new no longer matters to a unit that is guarded.
        if (own || !(error instanceof Outdated)) {
          this.#guardedCommits = guardedAfterFailure
          isGuarded = true
        }
      } finally {
        if (transaction.leavesTraces) await this.#clean(link)
      }
    }
  }

  /** Gives a session back as it was when it began, or not at all. What was done there may have defined functions. */
  async #clean(link: Link): Promise<void> {
    this.#connections.effectsChanged()
    if (link.broken !== undefined) return
    try {
      await link.discard()
    } catch (error) {
      link.cut(error)
    }
  }

  /** It would wait for the unit that calls it, or take effect once for each of its attempts. */
  #refuseInside(what: string): void {
    const { place } = this.#connections
    if (place !== undefined && isInsideUnit(place)) throw new FirebreakError('FB_TRANSACTION_NESTED', { what })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  close(): Promise<void> {
    this.#closing ??= Promise.allSettled(this.#underWay).then(() => this.#connections.close())
    return this.#closing
  }

  async #track<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closing !== undefined)
      throw new FirebreakError('FB_CLOSED', { what: `database ${this.#connections.settings.path}` })
    const working = work()
    this.#underWay.add(working)
    try {
      return await working
    } finally {
      this.#underWay.delete(working)
    }
  }
}

/** The schema may have changed since the statement was prepared: then nothing has run, and the link has forgotten it. */
async function askOnce(link: Link, steps: readonly Step[]): Promise<readonly Answer[]> {
  try {
    return await link.answers(steps)
  } catch (error) {
    if (!isStalePlan(error)) throw error
    return link.answers(steps)
  }
}

function without<T>(units: readonly SqlUnit<T>[], instead: RunAgain['instead']): readonly SqlUnit<T>[] {
  if (instead === undefined) return units
  const refused: SqlUnit<T> = () => Promise.reject(instead.error)
  return units.map((unit, place) => (place === instead.place ? refused : unit))
}
