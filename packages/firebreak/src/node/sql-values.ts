/**
 * What a caller passes in the place of `$1` becomes what a database binds: the same on every engine, and nothing that
 * somebody could change afterwards, but for bytes.
 */
import { types } from 'node:util'
import type { SqlParam, SqlValue } from '../contracts/database.ts'
import { checkCount, type SqlText, statementInvalid } from '../contracts/sql/sql-text.ts'

/**
 * The values of one statement, each read once; `row` is the place of the array among others, counted from 1.
 *
 * **Errors** `FB_STATEMENT_INVALID` with the place of the value, counted from 1.
 */
export function boundValues(statement: SqlText, params: readonly SqlParam[], row?: number): SqlValue[] {
  if (!Array.isArray(params)) {
    const problem = row === undefined ? 'the values are no array' : `row ${row} is no array of values`
    throw statementInvalid(problem, statement.text, row === undefined ? {} : { row })
  }
  const { parameters } = statement
  checkCount(statement, params.length, row)
  const values = new Array<SqlValue>(parameters)
  for (let i = 0; i < parameters; i++) {
    const param: unknown = params[i]
    const value = bound(param)
    if (value === undefined) throw refused(statement, param, i + 1, row)
    values[i] = value
  }
  return values
}

/** The rows of a batch; **Errors** `FB_STATEMENT_INVALID` when it is none. */
export function rowsGiven(
  statement: SqlText,
  rows: readonly (readonly SqlParam[])[],
): readonly (readonly SqlParam[])[] {
  if (!Array.isArray(rows)) throw statementInvalid('the rows are no array', statement.text)
  return rows
}

/** Asked of the machine, as an object may say of itself what it is not. */
export const isBytes = (value: unknown): value is Uint8Array => types.isUint8Array(value)

const int64Min = -(2n ** 63n)
const int64Max = 2n ** 63n - 1n

/** Undefined for what no database holds. */
function bound(param: unknown): SqlValue | undefined {
  switch (typeof param) {
    case 'string':
      if (param.includes('\0')) return undefined
      return param.isWellFormed() ? param : param.toWellFormed()
    case 'number':
      return boundNumber(param)
    case 'bigint':
      return param >= int64Min && param <= int64Max ? param : undefined
    case 'boolean':
      return param ? 1 : 0
    case 'object':
      return param === null ? null : boundObject(param)
    default:
      return undefined
  }
}

// -0 would be a fraction to one engine and an integer to the other; of a large whole number, text has rounded digits.
function boundNumber(number: number): number | bigint | undefined {
  if (Number.isSafeInteger(number)) return number + 0
  if (Number.isInteger(number) && Math.abs(number) < 2 ** 63) return BigInt(number)
  return Number.isFinite(number) ? number : undefined
}

// Asked of the machine: what an object says of itself may be anything, and a proxy is none of them.
function boundObject(param: object): Uint8Array | string | undefined {
  if (types.isUint8Array(param)) return isDetached(param) ? undefined : param
  return types.isDate(param) ? isoText(param) : undefined
}

const isDetached = (bytes: Uint8Array): boolean => bytes.byteLength === 0 && (bytes.buffer as ArrayBuffer).detached

function isoText(date: Date): string | undefined {
  if (Number.isNaN(Date.prototype.getTime.call(date))) return undefined
  const text = Date.prototype.toISOString.call(date)
  // Years with a sign do not sort as text, and PostgreSQL reads neither them nor a year 0.
  return /^(?:[+-]|0000)/.test(text) ? undefined : text
}

function refused(statement: SqlText, param: unknown, value: number, row: number | undefined): Error {
  const place = row === undefined ? `value ${value}` : `row ${row}, value ${value}`
  const detail = row === undefined ? { value } : { row, value }
  return statementInvalid(`${place} is ${whatIsWrong(param)}`, statement.text, detail)
}

/** Never shows the value, which may be a secret, and never runs code of its own. */
function whatIsWrong(param: unknown): string {
  switch (typeof param) {
    case 'undefined':
      return 'undefined, write null'
    case 'string':
      return 'text with a character NUL, which PostgreSQL cannot keep: pass it as bytes'
    case 'number':
      return `${param}, write null or text`
    case 'bigint':
      return 'a bigint beyond 64 bits, pass it as text'
    case 'object':
      return whatIsWrongWith(param as object)
    default:
      return `a ${typeof param}`
  }
}

function whatIsWrongWith(param: object): string {
  if (types.isProxy(param)) return 'a proxy, pass a plain value'
  if (types.isDate(param)) return 'a date without a time, or outside of the years 1 to 9999'
  if (types.isUint8Array(param)) return 'a view of bytes that were given away'
  if (types.isBoxedPrimitive(param)) return 'an object around a plain value, pass the value itself'
  if (types.isPromise(param)) return 'a promise, await it'
  if (types.isAnyArrayBuffer(param)) return 'a buffer of bytes, write new Uint8Array(…)'
  if (ArrayBuffer.isView(param))
    return 'a view of bytes, write new Uint8Array(view.buffer, view.byteOffset, view.byteLength)'
  if (Array.isArray(param)) return 'an array, write JSON.stringify(…) or a placeholder for each element'
  return 'an object, write JSON.stringify(…)'
}
