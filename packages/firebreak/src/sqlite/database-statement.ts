import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { FirebreakError, invariant } from '../contracts/errors.ts'

/** One statement as SQLite wants it: `$1` has become `?1`. */
export interface ParsedSql {
  readonly text: string
  /** The highest parameter number; exactly as many values must be passed. */
  readonly parameters: number
}

export interface PreparedStatement extends ParsedSql {
  readonly statement: StatementSync
  readonly returnsRows: boolean
  /** Set once a value beyond 2^53 was met, and from the start where running twice would write twice. */
  bigInts: boolean
}

// Literals, quoted identifiers and comments are matched so that what looks like a parameter inside them is left alone.
const quoted = /'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]/.source
const comment = /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/.source
const token = new RegExp(`${quoted}|${comment}|(?<![\\w$])\\$(\\d+)|;`, 'g')
const leading = new RegExp(`^(?:\\s|${comment})+`)
const nothing = new RegExp(`^(?:\\s|;|${comment})*$`)
const transactionControl = /^(?:begin|commit|end|rollback|savepoint|release)\b/i
const trigger = /^create\s+(?:temp\s+|temporary\s+)?trigger\b/i

export function parseSql(sql: string): ParsedSql {
  const body = sql.replace(leading, '')
  invariant(!transactionControl.test(body), `transactions are opened by commit(), not by a statement: ${sql}`)
  const single = !trigger.test(body)
  let parameters = 0
  const text = sql.replace(token, (found: string, digits: string | undefined, at: number) => {
    if (digits !== undefined) {
      parameters = Math.max(parameters, Number(digits))
      return `?${digits}`
    }
    // SQLite would run the first statement and drop the rest in silence.
    if (found === ';' && single) invariant(nothing.test(sql.slice(at)), `one statement at a time: ${sql}`)
    return found
  })
  return { text, parameters }
}

/** Whether it certainly changes nothing, so that it may run beside an open transaction, or twice. */
export function readsOnly(sql: string): boolean {
  return /^(?:select|values)\b/i.test(sql.replace(leading, ''))
}

/** Prepared statements of one connection; the ones used lately stay, at most twice `keepMax` are held. */
export class StatementCache {
  readonly #database: DatabaseSync
  readonly #keepMax: number
  // Two generations instead of a linked list: a hit on a hot statement costs one lookup and no bookkeeping.
  #young = new Map<string, PreparedStatement>()
  #old = new Map<string, PreparedStatement>()

  constructor(database: DatabaseSync, keepMax: number) {
    this.#database = database
    this.#keepMax = keepMax
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }

  get(sql: string): PreparedStatement {
    const hot = this.#young.get(sql)
    if (hot !== undefined) return hot
    const prepared = this.#old.get(sql) ?? this.#prepare(sql)
    if (this.#young.size >= this.#keepMax) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#old.delete(sql)
    this.#young.set(sql, prepared)
    return prepared
  }

  #prepare(sql: string): PreparedStatement {
    const parsed = parseSql(sql)
    const statement = this.#database.prepare(parsed.text)
    const returnsRows = statement.columns().length > 0
    const bigInts = returnsRows && !readsOnly(sql)
    if (bigInts) statement.setReadBigInts(true)
    return { ...parsed, statement, returnsRows, bigInts }
  }
}

type Value = string | number | bigint | Uint8Array | null
type Row = Record<string, Value>

const noRows: readonly Row[] = Object.freeze([])

export function runStatement(prepared: PreparedStatement, values: readonly Value[]): readonly Row[] {
  if (values.length !== prepared.parameters) throw parameterMismatch(prepared, values.length)
  const { statement } = prepared
  if (!prepared.returnsRows) {
    statement.run(...values)
    return noRows
  }
  if (!prepared.bigInts) {
    try {
      return statement.all(...values) as Row[]
    } catch (error) {
      if ((error as { code?: string }).code !== 'ERR_OUT_OF_RANGE') throw error
      statement.setReadBigInts(true)
      prepared.bigInts = true
    }
  }
  const rows = statement.all(...values) as Row[]
  for (const row of rows) narrow(row)
  return rows
}

/** The same statement for every row; how many rows it changed in all. */
export function runMany(prepared: PreparedStatement, rows: readonly (readonly Value[])[]): number {
  const { statement, parameters } = prepared
  let changes = 0
  for (const values of rows) {
    if (values.length !== parameters) throw parameterMismatch(prepared, values.length)
    changes += Number(statement.run(...values).changes)
  }
  return changes
}

/** Integers are numbers wherever a number holds them exactly, and a bigint beyond. */
function narrow(row: Row): void {
  for (const name in row) {
    const value = row[name]
    if (typeof value !== 'bigint') continue
    const number = Number(value)
    if (Number.isSafeInteger(number)) row[name] = number
  }
}

// SQLite would bind null for what is missing, which turns a slip into lost data.
function parameterMismatch(prepared: PreparedStatement, found: number): FirebreakError {
  const claim = `${prepared.parameters} values for ${prepared.text}, ${found} were passed`
  return new FirebreakError('FB_INVARIANT', { claim })
}
