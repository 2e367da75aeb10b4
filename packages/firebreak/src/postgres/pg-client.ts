/**
 * A client as `pg` has it, inside a unit of work.
 *
 * I1  Every statement runs in the unit's transaction, and none after its end (`FB_UNIT_ENDED`).
 * I2  The unit alone decides about its transaction: BEGIN, COMMIT and ROLLBACK become savepoints within it.
 */
import { type PoolClient, Query, type QueryConfig, type QueryResult } from 'pg'
import type { Sql } from '../contracts/database.ts'
import { invariant } from '../contracts/errors.ts'
import type { DriverQuery, Step } from './round-trip.ts'
import { UnitHandle } from './unit-handle.ts'

/**
 * The handle of a unit on `postgresDatabase` as a `pg` client, for libraries that take one: `drizzle(pgClient(db))`, and
 * Kysely's `PostgresDialect` with a pool whose `connect()` gives it.
 *
 * **Shape** `query` with promises, and `release`, which does nothing. Values and rows are those of `pg`: dates, JSON and
 * the rest. A transaction within it is a savepoint; it cannot choose an isolation level.
 * **Errors** `FB_INVARIANT` for the handle of another engine, a callback, or a cursor.
 */
export function pgClient(sql: Sql): PoolClient {
  invariant(sql instanceof UnitHandle, 'pgClient takes the handle of a unit on postgresDatabase')
  return new UnitClient(sql) as unknown as PoolClient
}

type Config = QueryConfig<unknown[]> & { readonly rowMode?: 'array'; readonly queryMode?: 'extended' }

const begins = /^\s*(?:begin|start\s+transaction)(?:\s+(?:work|transaction))?\s*;?\s*$/i
const commits = /^\s*(?:commit|end)(?:\s+(?:work|transaction))?\s*;?\s*$/i
const rollsBack = /^\s*(?:rollback|abort)(?:\s+(?:work|transaction))?\s*;?\s*$/i
const rollsBackTo = /^\s*rollback\s+(?:(?:work|transaction)\s+)?to\b/i
const refused = /^\s*(?:begin|start\s+transaction|commit|end|abort|prepare\s+transaction)\b/i

class UnitClient {
  readonly #handle: UnitHandle
  /** How many transactions are open one in the other. */
  #depth = 0

  constructor(handle: UnitHandle) {
    this.#handle = handle
  }

  async query(given: string | Config, values?: readonly unknown[]): Promise<QueryResult> {
    const config = typeof given === 'string' ? { text: given } : given
    invariant(typeof config.text === 'string' && typeof values !== 'function', 'one statement, and a promise')
    const { text, before } = this.#withinUnit(config.text)
    const answer = await this.#run({ ...config, text, queryMode: 'extended' }, values, before)
    if (before.length > 0 || rollsBackTo.test(text)) this.#handle.failure = undefined
    return answer
  }

  release(): void {}

  #withinUnit(text: string): { readonly text: string; readonly before: readonly Step[] } {
    const none = { before: [] }
    if (begins.test(text)) return { ...none, text: `SAVEPOINT ${inner(++this.#depth)}` }
    const ends = commits.test(text) || rollsBack.test(text)
    if (!ends) {
      invariant(!refused.test(text), `the unit decides about its transaction: ${text}`)
      return { ...none, text }
    }
    invariant(this.#depth > 0, `no transaction was begun here: ${text}`)
    const name = inner(this.#depth--)
    const undo = { text: `ROLLBACK TO ${name}`, values: [] }
    return { before: commits.test(text) ? [] : [undo], text: `RELEASE ${name}` }
  }

  async #run(config: Config, values: readonly unknown[] | undefined, before: readonly Step[]): Promise<QueryResult> {
    let outcome: { readonly error?: Error; readonly result?: QueryResult } | undefined
    const query = new Query(config, values === undefined ? config.values : [...values], (error, result) => {
      outcome ??= error ? { error } : { result }
    })
    await this.#handle.send(before, query as unknown as DriverQuery)
    // The statement stands; what failed is reading its values, or writing them.
    if (outcome?.result === undefined) throw outcome?.error ?? new Error('the driver gave no result')
    return outcome.result
  }
}

const inner = (depth: number): string => `firebreak_inner_${depth}`
