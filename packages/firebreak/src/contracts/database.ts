/**
 * The `Database` port: SQL for a service's own state and for its ledger. Statements are written once, in SQL that SQLite
 * (3.45+) and PostgreSQL (14+) both understand, with `$1`-style parameters.
 *
 * An adapter is done when it passes `databaseConformance` of `firebreak/testing`.
 */
export interface Database {
  readonly capabilities: DatabaseCapabilities
  /** One statement on its own, committed when it resolves. */
  query<Row = SqlRow>(sql: string, params?: readonly SqlParam[]): Promise<readonly Row[]>
  /**
   * Runs units of work one after the other in **one** transaction, each behind its own savepoint, and commits once.
   *
   * A unit that throws is undone alone and gets `{ ok: false, error }`; the others stand. An error with a code
   * `FB_DATABASE_…` is not the unit's own: it undoes all of them.
   * **Guarantee** When this resolves, every unit with `ok: true` is durable. When it rejects (`FB_DATABASE_UNAVAILABLE`,
   * `FB_DATABASE_BUSY`, `FB_DATABASE_FULL`, `FB_CLOSED`), no unit has left a trace; `FB_COMMIT_UNKNOWN` alone says that the
   * commit may have taken effect and that nobody could be asked. A unit may be run again from the start before that.
   */
  commit(units: readonly SqlUnit[]): Promise<readonly Verdict[]>
  /** Idempotent; waits for the commit under way. */
  close(): Promise<void>
}

export type SqlUnit = (sql: Sql) => Promise<void>

/** A handle on the open transaction; dead as soon as its unit has ended (`FB_UNIT_ENDED`). */
export interface Sql {
  /**
   * Runs a statement and resolves to its rows.
   *
   * **Guarantee** A statement sees what the unit wrote before it. That a write without `RETURNING` has resolved says only
   * that it will be in the commit or take the unit with it: an engine may send it with what follows. Whoever needs its
   * lock or its constraint checked at that moment asks for an answer: `RETURNING`, `run`, or `SELECT … FOR UPDATE`.
   */
  query<Row = SqlRow>(sql: string, params?: readonly SqlParam[]): Promise<readonly Row[]>
  /** The same statement for many parameter rows, in order. Resolves to the number of rows changed by all of them. */
  run(sql: string, rows: readonly (readonly SqlParam[])[]): Promise<number>
}

/**
 * What a statement takes in the place of `$1`. The same on every engine, checked before anything is sent
 * (`FB_STATEMENT_INVALID`).
 *
 * **Shape** What each becomes:
 * - text stays text; half of a surrogate pair becomes U+FFFD, and a character NUL is refused, for PostgreSQL cannot keep it
 * - a number becomes a number; a whole one an integer, and -0 becomes 0; NaN and the infinities are refused
 * - a bigint becomes an integer; one beyond 64 bits is refused
 * - a boolean becomes 1 or 0
 * - a Date becomes text, ISO 8601 in UTC with milliseconds; one without a time, or outside of the years 1 to 9999, is refused
 * - a Uint8Array, and so a Buffer, becomes bytes: those of the moment of the call
 * - null becomes NULL; `undefined` and a hole in the array are refused
 * - everything else is refused: objects, arrays, functions, symbols, other views of bytes, proxies
 */
export type SqlParam = SqlValue | boolean | Date

/** What a row holds. */
export type SqlValue = string | number | bigint | Uint8Array | null
export type SqlRow = Readonly<Record<string, SqlValue>>

export type Verdict = { readonly ok: true } | { readonly ok: false; readonly error: unknown }

export interface DatabaseCapabilities {
  readonly name: string
  readonly dialect: 'sqlite' | 'postgres'
  /** Data outlives the process. */
  readonly durable: boolean
  /** Instances of a service on several machines can share it. */
  readonly shared: boolean
  /** The schema that the ledger's tables are created in; null where the database has none. */
  readonly schema: string | null
}
