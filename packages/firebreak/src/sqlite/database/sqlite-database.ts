/**
 * The `Database` port on node:sqlite.
 *
 * I1  The writing connection has one owner at a time, first come first served: a commit, or a statement on its own. So a
 *     statement of `query` never lands inside the transaction of a `commit`.
 * I2  While a commit owns it, a SELECT runs on a second, read-only connection: it sees what is committed. A private
 *     ':memory:' database has no second connection, so there it waits.
 * I3  Waiting for a lock of another process is done on the clock; SQLite itself blocks for 5 ms at most.
 * I4  A connection whose transaction could not be ended is thrown away.
 * I5  What would wait for the unit that calls it is refused at once.
 */
import { realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Clock, sleep } from '../../contracts/clock.ts'
import type {
  Database,
  DatabaseCapabilities,
  Sql,
  SqlParam,
  SqlRow,
  SqlUnit,
  Verdict,
} from '../../contracts/database.ts'
import type { Entropy } from '../../contracts/entropy.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import { choice, filled, ms, type OptionTable, optionProblems, other, pathProblems } from '../../contracts/option.ts'
import { inTransaction } from '../../contracts/sql/in-transaction.ts'
import type { SqlText } from '../../contracts/sql/sql-text.ts'
import { systemClock } from '../../node/clock.ts'
import { systemEntropy } from '../../node/entropy.ts'
import { isInsideUnit } from '../../node/open-units.ts'
import { boundValues, isBytes } from '../../node/sql-values.ts'
import { type Connection, openReader, openWriter } from './database-connection.ts'
import { databaseError, isBusy } from './database-errors.ts'
import { readsOnly, sqliteTexts } from './database-statement.ts'
import { runUnits } from './database-transaction.ts'

export interface SqliteDatabaseOptions {
  /** A file, created with its folder on first use, or ':memory:'. */
  readonly path: string
  /** `full` (default): an acknowledged commit survives a power cut. The other gives that up for fewer fsyncs. */
  readonly durability?: 'full' | 'survives-process-crash-only'
  /** How long to wait for another process that holds the file, default 5000. */
  readonly busyTimeoutMs?: number
  /** How long one unit may hold the transaction open, default 5000. */
  readonly transactionMaxMs?: number
  readonly clock?: Clock
  readonly entropy?: Entropy
}

export const sqliteDatabaseOptions: OptionTable<SqliteDatabaseOptions> = {
  path: other,
  durability: choice({
    choices: ['full', 'survives-process-crash-only'],
    default: 'full',
    meaning: 'whether an acknowledged commit survives a power cut',
  }),
  busyTimeoutMs: ms({ least: 0, default: 5000, meaning: 'how long to wait for another process that holds the file' }),
  transactionMaxMs: ms({ least: 1, default: 5000, meaning: 'how long one unit may hold the transaction open' }),
  clock: other,
  entropy: other,
}

/**
 * A database in one file, or in memory.
 *
 * **Shape** Integers are read as numbers wherever a number holds them exactly and as bigint beyond 2^53; a whole number is
 * bound as an INTEGER, any other as a REAL. Blobs are read as Uint8Array.
 * **Errors** `FB_CONFIG` at once; the others on first use: `FB_DATABASE_READONLY`, `FB_DATABASE_CORRUPT`.
 *
 * @example
 * ```ts
 * import { sqliteDatabase } from 'firebreak'
 *
 * await using database = sqliteDatabase({ path: 'data/billing.db' })
 * await database.query('CREATE TABLE IF NOT EXISTS invoices (order_id TEXT PRIMARY KEY, amount_minor BIGINT NOT NULL)')
 * await database.transaction((tx) => tx.query('INSERT INTO invoices VALUES ($1, $2)', ['4711', 12_900]))
 * ```
 */
export function sqliteDatabase(options: SqliteDatabaseOptions): Database {
  const place = 'sqliteDatabase: '
  const problems = [...pathProblems(place, options), ...optionProblems(sqliteDatabaseOptions, options, place)]
  if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
  return new SqliteDatabase(options)
}

const noValues: readonly SqlParam[] = Object.freeze([])

class SqliteDatabase implements Database {
  readonly capabilities: DatabaseCapabilities
  readonly #options: Required<SqliteDatabaseOptions>
  #place: string | symbol | undefined
  readonly #texts = sqliteTexts()
  #writer: Connection | undefined
  #reader: Connection | undefined
  #owned = false
  readonly #line: (() => void)[] = []
  #closing: Promise<void> | undefined

  constructor(options: SqliteDatabaseOptions) {
    const inMemory = options.path === ':memory:'
    this.capabilities = {
      name: 'sqlite',
      dialect: 'sqlite',
      durable: !inMemory,
      shared: false,
      schema: null,
    }
    const defaults = { durability: 'full', busyTimeoutMs: 5000, transactionMaxMs: 5000 } as const
    const all = { ...defaults, clock: systemClock, entropy: systemEntropy, path: options.path }
    const path = inMemory ? options.path : resolve(options.path)
    this.#options = { ...filled<Required<SqliteDatabaseOptions>>(all, options), path }
    if (inMemory) this.#place = Symbol('memory')
  }

  async query<Row = SqlRow>(sql: string, params: readonly SqlParam[] = noValues): Promise<readonly Row[]> {
    this.#open()
    const text = this.#texts.read(sql)
    if (!(this.capabilities.durable && readsOnly(text))) this.#refuseInside('a statement of its own')
    // It may have to wait, and bytes belong to their caller.
    const values = boundValues(text, params).map((value) => (isBytes(value) ? new Uint8Array(value) : value))
    const rows = this.#besideCommit(text)
      ? await this.#patiently(() => this.#readerNow().rowsOf(sql, values))
      : await this.#alone(() => this.#patiently(() => this.#writerNow().rowsOf(sql, values)))
    return rows as readonly Row[]
  }

  async commit<T>(units: readonly SqlUnit<T>[]): Promise<readonly Verdict<T>[]> {
    this.#open()
    this.#refuseInside('a commit')
    return this.#alone(async () => {
      const { clock, transactionMaxMs: maxMs, path } = this.#options
      const writer = await this.#patiently(() => this.#begin())
      try {
        return await runUnits(writer, units, { clock, maxMs, path, database: this.#placeNow() })
      } finally {
        if (writer.raw.isTransaction) this.#abandon(writer)
      }
    })
  }

  transaction<T>(body: (sql: Sql) => Promise<T>): Promise<T> {
    return inTransaction(this, body)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  close(): Promise<void> {
    this.#closing ??= this.#alone(async () => this.#shut())
    return this.#closing
  }

  #open(): void {
    if (this.#closing !== undefined)
      throw new FirebreakError('FB_CLOSED', {
        what: `database ${this.#options.path}`,
      })
  }

  /** I5. */
  #refuseInside(what: string): void {
    if (isInsideUnit(this.#placeNow())) throw new FirebreakError('FB_TRANSACTION_NESTED', { what })
  }

  /** Equal for two handles on one file, by whatever links they came to it. */
  #placeNow(): string | symbol {
    const { path } = this.#options
    try {
      this.#place ??= realpathSync(path)
    } catch {}
    // Without a file nobody has a unit on it.
    return this.#place ?? path
  }

  #besideCommit(text: SqlText): boolean {
    if (!this.#owned || this.#writer === undefined || !this.capabilities.durable) return false
    return readsOnly(text)
  }

  #begin(): Connection {
    const writer = this.#writerNow()
    writer.control.begin.run()
    return writer
  }

  #writerNow(): Connection {
    this.#writer ??= openWriter({ ...this.#options, texts: this.#texts })
    return this.#writer
  }

  #readerNow(): Connection {
    this.#reader ??= openReader({ path: this.#options.path, texts: this.#texts })
    return this.#reader
  }

  /** I1. `work` starts within this call when nobody owns the connection. */
  async #alone<T>(work: () => Promise<T>): Promise<T> {
    if (this.#owned) await new Promise<void>((proceed) => this.#line.push(proceed))
    this.#owned = true
    try {
      return await work()
    } finally {
      const next = this.#line.shift()
      if (next === undefined) this.#owned = false
      else next()
    }
  }

  /** I3. Runs again while the file is locked; any other failure leaves as it is. */
  async #patiently<T>(run: () => T): Promise<T> {
    const { clock, entropy, busyTimeoutMs, path } = this.#options
    let startedAtMs: number | undefined
    for (let attempt = 0; ; attempt++) {
      try {
        return run()
      } catch (error) {
        if (!isBusy(error)) throw databaseError(error, path)
        startedAtMs ??= clock.monotonic()
        const waitedMs = clock.monotonic() - startedAtMs
        if (waitedMs >= busyTimeoutMs) throw new FirebreakError('FB_DATABASE_BUSY', { path, waitedMs }, error)
        // Half fixed, half chance: two processes that wait for each other must not stay in step.
        const stepMs = Math.min(20, 2 ** attempt)
        await sleep(clock, stepMs * (0.5 + entropy.random()))
      }
    }
  }

  #abandon(writer: Connection): void {
    this.#writer = undefined
    closeQuietly(writer)
  }

  #shut(): void {
    if (this.#reader !== undefined) closeQuietly(this.#reader)
    if (this.#writer === undefined) return
    try {
      // Best effort: without it the next process that opens the file reads the log again.
      if (this.capabilities.durable) this.#writer.raw.exec('pragma wal_checkpoint(truncate)')
    } catch {}
    closeQuietly(this.#writer)
  }
}

function closeQuietly({ raw }: Connection): void {
  try {
    raw.close()
  } catch {}
}
