/**
 * Where the ledger's tables are. Its statements name them bare, as they are on an engine without schemas; on one with
 * schemas a bare name means whatever a connection's search path finds first, which may be the table of another service.
 *
 * Which rows they lock stands in a comment, as for an engine with one writer there is nothing to say; the other reads it.
 */
import type { CommitOptions, Database, Sql, SqlRow, SqlUnit, SqlValue } from '../contracts/database.ts'
import { inTransaction } from '../contracts/sql/in-transaction.ts'

// Not behind a schema, in a text, or as the name of an index, which lives where its table does.
const tableName = /(?<![.'"^\w]|INDEX )fb_\w+/g
const rowLock = /\/\* (FOR UPDATE(?: SKIP LOCKED)?) \*\//g

/** The same database for the ledger's statements: names of its tables mean those in its own schema. */
export function inLedger(database: Database): Database {
  const place = placeOf(database)
  if (place === undefined) return database
  const placed: Database = {
    capabilities: database.capabilities,
    query<Row = SqlRow>(text: string, params?: readonly SqlValue[]): Promise<readonly Row[]> {
      return database.query<Row>(place.placed(text), params)
    },
    commit: <T>(units: readonly SqlUnit<T>[], options?: CommitOptions) =>
      database.commit(
        units.map(
          (unit): SqlUnit<T> =>
            (_, commit) =>
              unit(place.within(commit.ledger), commit),
        ),
        options,
      ),
    transaction: (body) => inTransaction(placed, body),
    close: () => database.close(),
    [Symbol.asyncDispose]: () => database.close(),
  }
  return placed
}

/** For a commit that has units of the ledger and of the user: the handle of a unit of the ledger. */
export function ledgerHandle(database: Database): (sql: Sql) => Sql {
  const place = placeOf(database)
  return place === undefined ? (sql) => sql : (sql) => place.within(sql)
}

const placeOf = ({ capabilities: { schema } }: Database): Place | undefined =>
  schema === null ? undefined : new Place(schema)

class Place {
  readonly #schema: string
  /** The ledger has some dozens of statements, each a constant. */
  readonly #texts = new Map<string, string>()

  constructor(schema: string) {
    this.#schema = schema
  }

  placed(text: string): string {
    let placed = this.#texts.get(text)
    if (placed === undefined) {
      placed = text.replaceAll(tableName, `"${this.#schema}".$&`).replaceAll(rowLock, '$1')
      this.#texts.set(text, placed)
    }
    return placed
  }

  within(sql: Sql): Sql {
    return {
      query: (text, params) => sql.query(this.placed(text), params),
      batch: (text, rows) => sql.batch(this.placed(text), rows),
    }
  }
}
