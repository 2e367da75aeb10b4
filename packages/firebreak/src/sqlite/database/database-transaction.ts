/**
 * One transaction over many units of work.
 *
 * I1  Between BEGIN and COMMIT only the handles of the unit that is running reach the connection.
 * I2  A unit ends exactly once: released, or rolled back to its savepoint. From then on its handles are dead, and its verdict
 *     stands, whatever its code does later.
 * I3  When SQLite itself drops the transaction (disk full, RAISE(ROLLBACK)), nothing more is run: the statements that
 *     follow would each commit on their own.
 * I4  However it ends, no transaction is left open on the connection.
 * I5  What a unit throws never undoes its neighbours: only the engine, or a unit that is required, gives the commit up as a
 *     whole.
 */
import type { Clock } from '../../contracts/clock.ts'
import type { CommitScope, Sql, SqlParam, SqlRow, SqlUnit, Verdict } from '../../contracts/database.ts'
import { FirebreakError, isFirebreakError } from '../../contracts/errors.ts'
import { insideUnits, type OpenUnits } from '../../node/open-units.ts'
import { requiredError, TransactionWatch } from '../../node/transaction-watch.ts'
import { Unheard } from '../../node/unheard.ts'
import type { Connection } from './database-connection.ts'

const noValues: readonly SqlParam[] = Object.freeze([])

export interface TransactionLimits {
  readonly clock: Clock
  /** How long one unit may hold it open. */
  readonly maxMs: number
  /** Names the database for units inside units. */
  readonly database: unknown
  /** Names it for people. */
  readonly path: string
}

/** The transaction as its units share it. Written by the handles, read by `runUnits`. */
class Transaction {
  readonly connection: Connection
  readonly limits: TransactionLimits
  readonly watch: TransactionWatch
  /** Why it cannot stand as a whole. */
  lost: { readonly error: unknown } | undefined

  constructor(connection: Connection, limits: TransactionLimits) {
    this.connection = connection
    this.limits = limits
    this.watch = new TransactionWatch(limits.clock, limits.maxMs)
  }
}

/** `failed`: the error of a statement, as its unit is to see it; it may give the whole transaction up. */
type Failed = (transaction: Transaction, cause: unknown) => unknown

class UnitHandle implements Sql {
  ended = false
  readonly unheard = new Unheard()
  readonly #transaction: Transaction
  readonly #failed: Failed

  constructor(transaction: Transaction, failed: Failed) {
    this.#transaction = transaction
    this.#failed = failed
  }

  query<Row = SqlRow>(sql: string, params: readonly SqlParam[] = noValues): Promise<readonly Row[]> {
    return this.#run(({ connection }) => connection.rows(sql, params) as readonly Row[])
  }

  batch(sql: string, rows: readonly (readonly SqlParam[])[]): Promise<number> {
    return this.#run(({ connection }) => connection.run(sql, rows))
  }

  #run<T>(statement: (transaction: Transaction) => T): Promise<T> {
    const { lost } = this.#transaction
    if (this.ended) return this.unheard.add(new FirebreakError('FB_UNIT_ENDED', { what: 'this handle' }))
    if (lost !== undefined) return this.unheard.add(lost.error)
    try {
      return Promise.resolve(statement(this.#transaction))
    } catch (cause) {
      return this.unheard.add(this.#failed(this.#transaction, cause))
    }
  }
}

/** What units of the library need. Hardly one of the user's units asks for the handle, so it is made on demand. */
class UnitScope<T> implements CommitScope<T> {
  readonly before: readonly Verdict<T>[]
  isRequired = false
  readonly #transaction: Transaction
  #ledger: UnitHandle | undefined
  #ended = false

  constructor(transaction: Transaction, before: readonly Verdict<T>[]) {
    this.#transaction = transaction
    this.before = before
  }

  get ledger(): UnitHandle {
    this.#ledger ??= new UnitHandle(this.#transaction, ofLedger)
    if (this.#ended) this.#ledger.ended = true
    return this.#ledger
  }

  require(): void {
    this.isRequired = true
  }

  end(): void {
    this.#ended = true
    if (this.#ledger !== undefined) this.#ledger.ended = true
  }
}

/** An error of the engine gives the transaction up; one of the statement is its unit's own. */
function ofUser(transaction: Transaction, cause: unknown): unknown {
  const error = transaction.connection.mapped(cause)
  const isOfDatabase = isFirebreakError(error) && error.code.startsWith('FB_DATABASE_')
  const isEngines = isOfDatabase && passes.has(error.code)
  if (isEngines || !transaction.connection.raw.isTransaction) transaction.lost ??= { error }
  return isOfDatabase && !isEngines ? cause : error
}

function ofLedger(transaction: Transaction, cause: unknown): unknown {
  const error = transaction.connection.mapped(cause)
  const isEngines = isFirebreakError(error) && error.code.startsWith('FB_DATABASE_')
  if (isEngines || !transaction.connection.raw.isTransaction) transaction.lost ??= { error }
  return error
}

// What a statement of the user can say of the engine and be believed. That the file is damaged it can bring about by itself:
// a full-text table that was written wrongly says the same.
const passes: ReadonlySet<string> = new Set(['FB_DATABASE_BUSY', 'FB_DATABASE_FULL', 'FB_DATABASE_UNAVAILABLE'])

/** Runs inside a transaction that the caller has begun; commits it or leaves nothing. */
export async function runUnits<T>(
  connection: Connection,
  units: readonly SqlUnit<T>[],
  limits: TransactionLimits,
): Promise<readonly Verdict<T>[]> {
  const transaction = new Transaction(connection, limits)
  const verdicts: Verdict<T>[] = []
  try {
    await insideUnits(limits.database, async (open) => {
      for (const unit of units) {
        open.begin()
        verdicts.push(await runUnit(transaction, unit, verdicts, open))
      }
    })
    connection.commit()
    return verdicts
  } catch (error) {
    rollBack(connection)
    throw connection.mapped(error)
  } finally {
    transaction.watch.stop()
  }
}

async function runUnit<T>(
  transaction: Transaction,
  unit: SqlUnit<T>,
  before: readonly Verdict<T>[],
  open: OpenUnits,
): Promise<Verdict<T>> {
  const { connection, limits } = transaction
  const { savepoint, undo, release } = connection.control
  const [own, scope] = [new UnitHandle(transaction, ofUser), new UnitScope(transaction, before)]
  savepoint.run()
  let verdict: Verdict<T>
  try {
    const value = await transaction.watch.run(() => unit(own, scope))
    const failure = own.unheard.first
    verdict = failure === undefined ? { ok: true, value } : { ok: false, error: failure.error }
  } catch (error) {
    verdict = { ok: false, error }
  } finally {
    own.ended = true
    scope.end()
    open.end()
  }
  if (transaction.lost !== undefined) throw transaction.lost.error
  if (!verdict.ok && scope.isRequired) throw requiredError(verdict.error, limits.path, limits.maxMs)
  if (!verdict.ok) undo.run()
  release.run()
  return verdict
}

function rollBack({ raw }: Connection): void {
  if (raw.isTransaction) raw.exec('rollback')
}
