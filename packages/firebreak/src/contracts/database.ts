/**
 * The `Database` port: SQL for a service's own state and for its ledger. Statements are written once, in SQL that SQLite
 * (3.45+) and PostgreSQL (14+) both understand, with `$1`-style parameters.
 *
 * An adapter is done when it passes `databaseConformance` of `firebreak/testing`.
 */
export interface Database extends AsyncDisposable {
  readonly capabilities: DatabaseCapabilities
  /**
   * One statement on its own, committed when it resolves.
   *
   * **Errors** `FB_TRANSACTION_NESTED`, at once, for one that may write inside a unit of the same database.
   */
  query<Row = SqlRow>(sql: string, params?: readonly SqlParam[]): Promise<readonly Row[]>
  /**
   * Runs units of work one after the other in **one** transaction, each behind its own savepoint, and commits once.
   *
   * A unit that throws is undone alone and gets `{ ok: false, error }`; the others stand.
   * **Guarantee** When this resolves, every unit with `ok: true` is durable, and none of the others has left a trace. When it
   * rejects (`FB_DATABASE_UNAVAILABLE`, `FB_DATABASE_BUSY`, `FB_DATABASE_FULL`, `FB_CLOSED`, or the error of a unit that is
   * required), no unit has; `FB_COMMIT_UNKNOWN` alone says that the commit may have taken effect and that nobody could be
   * asked. A unit may be run again from the start before that. What a unit does to its session or its transaction ends with
   * it.
   * **Errors** `FB_TRANSACTION_NESTED`, at once, inside a unit of the same database: it would wait for itself.
   */
  commit<T>(units: readonly SqlUnit<T>[], options?: CommitOptions): Promise<readonly Verdict<T>[]>
  /**
   * One unit of work in a commit of its own: what it resolves to is durable, and when it throws nothing of it is left.
   *
   * **Errors** what `body` throws, and those of `commit`.
   */
  transaction<T>(body: (sql: Sql) => Promise<T>): Promise<T>
  /** Idempotent; waits for the commit under way. */
  close(): Promise<void>
}

export interface CommitOptions {
  /** The units belong to one piece of work that may do what others must not see: settings, roles, locks, temporary tables. */
  readonly own?: boolean
}

/** What runs inside a transaction. What it resolves to is in its verdict, so nothing of a unit that was undone gets out. */
export type SqlUnit<T = void> = (sql: Sql, commit: CommitScope<T>) => Promise<T>

/** What the library itself needs of the commit that a unit is part of. User code never sees it. */
export interface CommitScope<T = unknown> {
  /**
   * The same transaction for statements of the library's own. Where the engine is to blame for their failure, they undo the
   * commit as a whole; what the user's statements raise is only ever the failure of their unit.
   */
  readonly ledger: Sql
  /** The verdicts of the units before this one. They do not change any more. */
  readonly before: readonly Verdict<T>[]
  /**
   * Without this unit the commit is nothing: where it fails, the commit rejects with its error, or with `FB_DATABASE_BUSY`
   * where it was out of time. Called before anything else.
   */
  require(): void
}

/** A handle on the open transaction; dead as soon as its unit has ended (`FB_UNIT_ENDED`). */
export interface Sql {
  /**
   * Runs a statement and resolves to its rows.
   *
   * **Guarantee** A statement sees what the unit wrote before it. That a write without `RETURNING` has resolved says only
   * that it will be in the commit or take the unit with it: an engine may send it with what follows. A unit that needs its
   * lock or its constraint checked at that moment asks for an answer: `RETURNING`, `batch`, or `SELECT … FOR UPDATE`.
   */
  query<Row = SqlRow>(sql: string, params?: readonly SqlParam[]): Promise<readonly Row[]>
  /** The same statement for many parameter rows, in order. Resolves to the number of rows changed by all of them. */
  batch(sql: string, rows: readonly (readonly SqlParam[])[]): Promise<number>
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

export type Verdict<T = unknown> = { readonly ok: true; readonly value: T } | FailedVerdict

export interface FailedVerdict {
  readonly ok: false
  readonly error: unknown
  /** The units beside it may be the reason: only in a commit of its own does its failure count. */
  readonly alone?: true
}

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
