/**
 * The `Database` port on PostgreSQL.
 *
 * I1  A commit has a connection of its own for as long as it lasts; statements of `query` run beside it on others.
 * I2  When `commit` rejects with anything but `FB_COMMIT_UNKNOWN`, no unit has left a trace: a COMMIT whose answer was
 *     lost is asked for until the server says what became of it.
 * I3  Closing waits for everything that was begun before it.
 */
import type { Database, DatabaseCapabilities, SqlParam, SqlRow, SqlUnit, Verdict } from '../contracts/database.ts'
import { FirebreakError } from '../contracts/errors.ts'
import { settleDoubt } from './commit-fate.ts'
import { type ConnectionSettings, connectionSettings, type PostgresDatabaseOptions } from './connection-settings.ts'
import { Connections } from './connections.ts'
import type { Link } from './link.ts'
import { isLockTimeout, isStalePlan } from './postgres-errors.ts'
import { rowsOf } from './statement.ts'
import { type Committed, Transaction, Unguarded } from './transaction.ts'

/**
 * A database on a PostgreSQL server, version 14 or later. Connects on first use.
 *
 * **Shape** Integers are read as numbers wherever a number holds them exactly and as bigint beyond 2^53; booleans as 1 and
 * 0; bytea as Uint8Array; everything else (numeric, json, dates and times, arrays) as the text that the server writes.
 * **Errors** `FB_CONFIG` at once; on use `FB_DATABASE_UNAVAILABLE`, `FB_DATABASE_BUSY`, `FB_DATABASE_FULL`,
 * `FB_DATABASE_READONLY`, `FB_DATABASE_REFUSED`, and `FB_COMMIT_UNKNOWN` from `commit` alone.
 */
export function postgresDatabase(options: PostgresDatabaseOptions): Database {
  return new PostgresDatabase(connectionSettings(options))
}

const noValues: readonly SqlParam[] = Object.freeze([])
const guardedAfterFailure = 100

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
    const ask = async (link: Link): Promise<readonly SqlRow[]> => {
      const [answer] = await link.answers([step])
      return answer === undefined ? [] : rowsOf(answer)
    }
    return this.#track(async () => {
      try {
        // The schema was changed since the statement was prepared: nothing has run, and the link has forgotten it.
        const rows = await this.#connections.lend((link) => ask(link).catch((error) => again(error, () => ask(link))))
        return rows as readonly Row[]
      } catch (error) {
        if (!isLockTimeout(error)) throw error
        const { path, lockTimeoutMs } = this.#connections.settings
        throw new FirebreakError('FB_DATABASE_BUSY', { path, waitedMs: lockTimeoutMs }, error)
      }
    })
  }

  commit(units: readonly SqlUnit[]): Promise<readonly Verdict[]> {
    return this.#track(async () => {
      if (units.length === 0) return []
      const connections = this.#connections
      const { verdicts, doubt } = await connections.lend((link) => this.#commitOn(link, units))
      if (doubt !== undefined) await settleDoubt(doubt, connections)
      return verdicts
    })
  }

  // Savepoints cost a quarter of a commit of small units, and hardly a unit ever fails in its SQL. Where they do, the groups
  // that follow are guarded at once.
  async #commitOn(link: Link, units: readonly SqlUnit[]): Promise<Committed> {
    const guarded = this.#guardedCommits > 0
    if (guarded) this.#guardedCommits--
    try {
      return await new Transaction(link, this.#connections, guarded).run(units)
    } catch (error) {
      if (!(error instanceof Unguarded)) throw error
      this.#guardedCommits = guardedAfterFailure
      const again = units.map((unit, place) => (place === error.going ? this.#outOfTime : unit))
      return new Transaction(link, this.#connections, true).run(again)
    }
  }

  readonly #outOfTime: SqlUnit = async () => {
    throw new FirebreakError('FB_TRANSACTION_TIMEOUT', { limitMs: this.#connections.settings.transactionMaxMs })
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

function again<T>(error: unknown, ask: () => Promise<T>): Promise<T> {
  return isStalePlan(error) ? ask() : Promise.reject(error)
}
