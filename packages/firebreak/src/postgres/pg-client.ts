/**
 * A client as `pg` has it, inside a unit of work.
 *
 * I1  Every statement runs in the unit's transaction, and none after its end (`FB_UNIT_ENDED`).
 * I2  The unit alone decides about its transaction: BEGIN, COMMIT and ROLLBACK become savepoints within it.
 */
import pg, { type PoolClient, type QueryConfig, type QueryResult, type Submittable } from 'pg'
import type { Sql } from '../contracts/database.ts'
import { checkCount, statementInvalid } from '../contracts/sql/sql-text.ts'
import { TransactionHandle } from '../contracts/transaction.ts'
import type { DriverQuery, Step } from './round-trip.ts'
import { readWithinUnit } from './statement.ts'
import { statementError } from './statement-errors.ts'
import { UnitHandle } from './unit-handle.ts'

/**
 * The handle of a unit on `postgresDatabase` as a `pg` client, for libraries that take one: `drizzle(pgClient(db))`, and
 * Kysely's `PostgresDialect` with a pool whose `connect()` gives it.
 *
 * **Shape** `query` with promises, and `release`, which does nothing. Values and rows are those of `pg`: dates, JSON and
 * the rest. A transaction within it is a savepoint; it cannot choose an isolation level. A statement with a name runs as one
 * without.
 * **Errors** `FB_STATEMENT_INVALID` for the handle of another engine, a callback, a cursor, COPY from or to the client, and
 * for what `sql.query` refuses in a text.
 */
export function pgClient(sql: Sql): PoolClient {
  const handle = TransactionHandle.sqlOf(sql)
  if (!(handle instanceof UnitHandle))
    throw statementInvalid('it takes the handle of a unit on postgresDatabase', 'pgClient(sql)')
  // Of a client it has what libraries call that wait for promises.
  const client: Pick<PoolClient, 'release'> = new UnitClient(handle)
  return client as PoolClient
}

type Config = QueryConfig<unknown[]> & { readonly rowMode?: 'array'; readonly queryMode?: 'extended' }

// Exactly these are emulated, from their first word on; whatever else steers transactions is refused.
const begins = /^(?:begin|start\s+transaction)(?:\s+(?:work|transaction))?\s*;?\s*$/i
const commits = /^(?:commit|end)(?:\s+(?:work|transaction))?\s*;?\s*$/i
const rollsBack = /^(?:rollback|abort)(?:\s+(?:work|transaction))?\s*;?\s*$/i
const rollsBackTo = /^rollback\s+(?:(?:work|transaction)\s+)?to\b/i
const setsOrReleases = /^(?:savepoint|release)\b/i

class UnitClient {
  readonly #handle: UnitHandle
  /** How many transactions are open one in the other. */
  #depth = 0

  constructor(handle: UnitHandle) {
    this.#handle = handle
  }

  query(given: string | Config, values?: readonly unknown[]): Promise<QueryResult> {
    return this.#handle.quietly(() => {
      const config = typeof given === 'string' ? { text: given } : given
      const { text, before } = this.#withinUnit(config?.text, values ?? config?.values)
      // A savepoint of its own by name could be taken for that of a neighbour.
      const isNamed = setsOrReleases.test(text) || rollsBackTo.test(text)
      this.#handle.admit(text, isNamed && !innerName.test(text) ? 'session' : isNamed ? 'none' : undefined)
      // Without its name: the driver takes a statement that was skipped behind a failed one for prepared, and so one that the
      // schema has made stale, and keeps names without a bound.
      const { name: _, ...unnamed } = config
      return this.#run({ ...unnamed, text, queryMode: 'extended' }, values, before)
    })
  }

  release(): void {}

  #withinUnit(given: string, values: unknown): { readonly text: string; readonly before: readonly Step[] } {
    const { statement, steers } = readWithinUnit(given)
    if (values && !Array.isArray(values)) throw statementInvalid('pgClient takes text and an array of values', given)
    checkCount(statement, Array.isArray(values) ? values.length : 0)
    const before: readonly Step[] = []
    if (!steers) return { before, text: given }
    const text = given.slice(statement.start)
    if (rollsBackTo.test(text) || setsOrReleases.test(text)) {
      if (unitsName.test(text)) throw statementInvalid("this savepoint is the unit's own", given)
      return { before, text }
    }
    if (begins.test(text)) return { before, text: `SAVEPOINT ${inner(++this.#depth)}` }
    const isCommit = commits.test(text)
    if (!isCommit && !rollsBack.test(text)) throw statementInvalid('the unit decides about its transaction', given)
    if (this.#depth === 0) throw statementInvalid('no transaction was begun here', given)
    const name = inner(this.#depth--)
    return { before: isCommit ? before : [{ text: `ROLLBACK TO ${name}`, values: [] }], text: `RELEASE ${name}` }
  }

  async #run(config: Config, values: readonly unknown[] | undefined, before: readonly Step[]): Promise<QueryResult> {
    let outcome: { readonly error?: Error; readonly result?: QueryResult } | undefined
    // Its types hide the handlers, which the driver's own connection calls.
    const query: Submittable = new pg.Query(
      config,
      values === undefined ? config.values : [...values],
      (error, result) => {
        outcome ??= error ? { error } : { result }
      },
    )
    try {
      await this.#handle.send(before, query as DriverQuery)
    } catch (error) {
      throw statementError(error, config.text)
    }
    // The statement stands; what failed is reading its values, or writing them.
    if (outcome?.result === undefined) throw outcome?.error ?? new Error('the driver gave no result')
    if (before.length > 0 || rollsBackTo.test(config.text)) this.#handle.unit.failure = undefined
    return outcome.result
  }
}

// By any spelling.
const unitsName = /firebreak_unit|\bu&"/i
const innerName = /\bfirebreak_inner_\d+\s*$/
const inner = (depth: number): string => `firebreak_inner_${depth}`
