/**
 * One transaction over many units of work.
 *
 * I1  Between BEGIN and COMMIT only the handle of the unit that is running reaches the connection.
 * I2  A unit ends exactly once: released, or rolled back to its savepoint. From then on its handle is dead.
 * I3  When SQLite itself drops the transaction (disk full, RAISE(ROLLBACK)), nothing more is run: the statements that
 *     follow would each commit on their own.
 * I4  However it ends, no transaction is left open on the connection.
 */
import type { Clock } from '../contracts/clock.ts'
import type { Sql, SqlParam, SqlRow, SqlUnit, Verdict } from '../contracts/database.ts'
import { FirebreakError, isFirebreakError } from '../contracts/errors.ts'
import { TransactionWatch } from '../node/transaction-watch.ts'
import type { Connection } from './database-connection.ts'

const done: Verdict = Object.freeze({ ok: true })
const noValues: readonly SqlParam[] = Object.freeze([])

/** The transaction as its units share it. Written by the handles, read by `runUnits`. */
class Transaction {
  readonly connection: Connection
  /** Why SQLite dropped the transaction, if it has. */
  lost: { readonly error: unknown } | undefined
  readonly watch: TransactionWatch

  constructor(connection: Connection, watch: TransactionWatch) {
    this.connection = connection
    this.watch = watch
  }
}

class UnitHandle implements Sql {
  ended = false
  readonly #transaction: Transaction

  constructor(transaction: Transaction) {
    this.#transaction = transaction
  }

  async query<Row = SqlRow>(sql: string, params: readonly SqlParam[] = noValues): Promise<readonly Row[]> {
    this.#alive()
    try {
      return this.#transaction.connection.rows(sql, params) as readonly Row[]
    } catch (error) {
      throw this.#failed(error)
    }
  }

  async run(sql: string, rows: readonly (readonly SqlParam[])[]): Promise<number> {
    this.#alive()
    try {
      return this.#transaction.connection.run(sql, rows)
    } catch (error) {
      throw this.#failed(error)
    }
  }

  #alive(): void {
    if (this.ended) throw new FirebreakError('FB_UNIT_ENDED', { what: 'this handle' })
  }

  #failed(cause: unknown): unknown {
    const { connection } = this.#transaction
    const error = connection.mapped(cause)
    if (!connection.raw.isTransaction) {
      this.ended = true
      this.#transaction.lost = { error }
    }
    return error
  }
}

/** Runs inside a transaction that the caller has begun; commits it or leaves nothing. */
export async function runUnits(
  connection: Connection,
  units: readonly SqlUnit[],
  clock: Clock,
  limitMs: number,
): Promise<readonly Verdict[]> {
  const transaction = new Transaction(connection, new TransactionWatch(clock, limitMs))
  const verdicts: Verdict[] = []
  try {
    for (const unit of units) verdicts.push(await runUnit(transaction, unit))
    connection.control.commit.run()
    return verdicts
  } catch (error) {
    rollBack(connection)
    throw connection.mapped(error)
  } finally {
    transaction.watch.stop()
  }
}

async function runUnit(transaction: Transaction, unit: SqlUnit): Promise<Verdict> {
  const { savepoint, undo, release } = transaction.connection.control
  const handle = new UnitHandle(transaction)
  savepoint.run()
  try {
    await transaction.watch.run(unit, handle)
    handle.ended = true
  } catch (error) {
    handle.ended = true
    if (isDatabaseError(error)) throw error
    if (transaction.lost === undefined) {
      undo.run()
      release.run()
      return { ok: false, error }
    }
  }
  if (transaction.lost !== undefined) throw transaction.lost.error
  release.run()
  return done
}

// Not the unit's own: whoever raises it says that the transaction as a whole cannot stand.
function isDatabaseError(error: unknown): boolean {
  return isFirebreakError(error) && error.code.startsWith('FB_DATABASE_')
}

function rollBack({ raw }: Connection): void {
  if (raw.isTransaction) raw.exec('rollback')
}
