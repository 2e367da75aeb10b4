import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { SqlParam, SqlRow, SqlValue } from '../../contracts/database.ts'
import { RecentMap } from '../../contracts/sql/recent-map.ts'
import { scanSql } from '../../contracts/sql/sql-scan.ts'
import {
  readsOnlyWith,
  type SqlRules,
  type SqlText,
  SqlTexts,
  severalStatements,
  statementInvalid,
  steering,
} from '../../contracts/sql/sql-text.ts'
import { boundValues, rowsGiven } from '../../node/sql-values.ts'
import { statementError } from './database-errors.ts'
import type { Integers } from './integers.ts'

export interface PreparedStatement {
  readonly source: SqlText
  readonly statement: StatementSync
  readonly returnsRows: boolean
  /** Set once a value beyond 2^53 was met, and from the start where running twice would write twice. */
  bigInts: boolean
}

// **Source** https://www.sqlite.org/limits.html#max_variable_number
const parametersMax = 32_766
const textsMax = 500

const rules: SqlRules = {
  dialect: 'sqlite',
  parametersMax,
  problemOf: (code) => {
    // Many pragmas take effect when they are only explained.
    const statement = code.replace(explaining, '')
    return steering(statement) ?? changeOfConnection(statement) ?? widerRollback(statement)
  },
}

const explaining = /^explain\s+(?:query\s+plan\s+)?/i
const connectionWords = /^(?:attach|detach|pragma|vacuum)\b/i
const pragmaThatReads =
  /^pragma\s+(?:\w+\s*\.\s*)?(?!(?:incremental_vacuum|optimize|shrink_memory|wal_checkpoint)\b)\w+\s*;?\s*$/i
const pragmaOnContent =
  /^pragma\s+(?:\w+\s*\.\s*)?(?:application_id|foreign_key_check|foreign_key_list|index_info|index_list|index_xinfo|integrity_check|quick_check|table_info|table_list|table_xinfo|user_version)\b/i

/** A connection outlives the unit: what is set on it, the next would find. */
function changeOfConnection(code: string): string | undefined {
  const [word] = connectionWords.exec(code) ?? []
  if (word === undefined || pragmaThatReads.test(code) || pragmaOnContent.test(code)) return undefined
  const isPragma = word.toLowerCase() === 'pragma'
  const what = isPragma ? 'this PRAGMA' : word.toUpperCase()
  return `${what} changes the connection, which other units use too: open a connection of your own for it`
}

// SQLite would drop the whole transaction, with the units beside this one.
function widerRollback(code: string): string | undefined {
  const isWider = /\bor\s+rollback\b|\bon\s+conflict\s+rollback\b|\braise\s*\(\s*rollback\b/i.test(code)
  return isWider ? 'ROLLBACK would undo other units too: write ABORT' : undefined
}

/** The texts of one database as they were read. */
export const sqliteTexts = (): SqlTexts => new SqlTexts(rules, textsMax)

/** As SQLite counts: `$1` has become `?1`, which takes the first value. */
export function withNumbers({ text, placeholders }: SqlText): string {
  let rewritten = ''
  let copied = 0
  for (const { at, length, number } of placeholders) {
    rewritten += `${text.slice(copied, at)}?${number}`
    copied = at + length
  }
  return rewritten + text.slice(copied)
}

/** Whether it certainly changes nothing, so that it may run beside an open transaction, or twice. */
export function readsOnly({ text, start }: SqlText): boolean {
  return /^(?:select|values)\b/i.test(text.slice(start, start + 10)) || readsOnlyWith(text.slice(start))
}

/** Prepared statements of one connection; the ones used lately stay, at most twice `keepMax` are held. */
export class StatementCache {
  readonly #database: DatabaseSync
  readonly #texts: SqlTexts
  readonly #recent: RecentMap<PreparedStatement>

  constructor(database: DatabaseSync, texts: SqlTexts, keepMax: number) {
    this.#database = database
    this.#texts = texts
    this.#recent = new RecentMap(keepMax)
  }

  get size(): number {
    return this.#recent.size
  }

  /** **Errors** `FB_STATEMENT_INVALID` for what only its author can put right; the engine's own for the rest. */
  get(sql: string): PreparedStatement {
    const known = this.#recent.get(sql)
    if (known !== undefined) return known
    const prepared = this.#prepare(this.#texts.read(sql))
    this.#recent.set(sql, prepared)
    return prepared
  }

  #prepare(source: SqlText): PreparedStatement {
    const statement = this.#compile(source)
    const returnsRows = statement.columns().length > 0
    const bigInts = returnsRows && !readsOnly(source)
    if (bigInts) statement.setReadBigInts(true)
    return { source, statement, returnsRows, bigInts }
  }

  #compile(source: SqlText): StatementSync {
    const text = withNumbers(source)
    let statement: StatementSync
    try {
      statement = this.#database.prepare(text)
    } catch (error) {
      throw statementError(error, source.text)
    }
    // SQLite takes the first statement and drops the rest in silence; behind the body of a trigger only it knows where.
    const rest = scanSql(text.slice(statement.sourceSQL.length), 'sqlite').code
    if (/[^\s;]/.test(rest)) throw statementInvalid(severalStatements, source.text)
    return statement
  }
}

const noRows: readonly SqlRow[] = Object.freeze([])

/** The values are those that `Integers` has made ready. */
export function runStatement(prepared: PreparedStatement, values: readonly SqlValue[]): readonly SqlRow[] {
  const { statement } = prepared
  if (!prepared.returnsRows) {
    statement.run(...values)
    return noRows
  }
  if (!prepared.bigInts) {
    try {
      return statement.all(...values) as SqlRow[]
    } catch (error) {
      if ((error as { code?: string }).code !== 'ERR_OUT_OF_RANGE') throw error
      statement.setReadBigInts(true)
      prepared.bigInts = true
    }
  }
  const rows = statement.all(...values) as Record<string, SqlValue>[]
  for (const row of rows) narrow(row)
  return rows
}

/** The same statement for every row; how many rows it changed in all. */
export function runMany(
  { source, statement }: PreparedStatement,
  rows: readonly (readonly SqlParam[])[],
  integers: Integers,
): number {
  let changes = 0
  // By number: a hole in the array is a row that is missing.
  const given = rowsGiven(source, rows)
  for (let i = 0; i < given.length; i++) {
    const values = integers.bind(boundValues(source, given[i] as readonly SqlParam[], i + 1))
    changes += Number(statement.run(...values).changes)
  }
  return changes
}

/** Integers are numbers wherever a number holds them exactly, and a bigint beyond. */
function narrow(row: Record<string, SqlValue>): void {
  for (const name in row) {
    const value = row[name]
    if (typeof value !== 'bigint') continue
    const number = Number(value)
    if (Number.isSafeInteger(number)) row[name] = number
  }
}
