import type { SqlParam, SqlRow } from '../contracts/database.ts'
import { readSql, readsOnlyWith, type SqlRules, type SqlText, SqlTexts, steering } from '../contracts/sql/sql-text.ts'
import { boundValues } from '../node/sql-values.ts'
import type { Answer, Step } from './round-trip.ts'
import { rowOf, toWire } from './values.ts'

/** The protocol counts the parameters of a statement in two bytes. */
export const parametersMax = 65_535
const textsMax = 500

const copiesToClient = (code: string): string | undefined =>
  /^copy\b[\s\S]*\b(?:stdin|stdout)\b/i.test(code) ? 'COPY needs a file, for a unit has no stream' : undefined

const rules: SqlRules = {
  dialect: 'postgres',
  parametersMax,
  problemOf: (code) => steering(code) ?? copiesToClient(code),
}

/** The texts of one database as they were read. */
export const postgresTexts = (): SqlTexts => new SqlTexts(rules, textsMax)

/** For those who see to transactions themselves: also whether it steers one. **Errors** `FB_STATEMENT_INVALID`. */
export function readWithinUnit(text: string): { readonly statement: SqlText; readonly steers: boolean } {
  let steers = false
  const problemOf = (code: string): string | undefined => {
    steers = steering(code) !== undefined
    return copiesToClient(code)
  }
  const statement = readSql(text, { ...rules, problemOf })
  return { statement, steers }
}

/** One statement with values of its own: a caller may change what it has passed. **Errors** `FB_STATEMENT_INVALID`. */
export function stepOf(statement: SqlText, params: readonly SqlParam[], row?: number): Step {
  return { text: statement.text, values: boundValues(statement, params, row).map(toWire) }
}

/** It certainly changes nothing, as far as its own words go. */
export function readsOnly({ text, start }: SqlText): boolean {
  const statement = text.slice(start)
  return (reads.test(statement) || readsOnlyWith(statement)) && !locksRows.test(statement)
}

const reads = /^(?:select|values|table|show)\b/i
const locksRows = /\bfor\s+(?:no\s+key\s+|key\s+)?(?:update|share)\b/i

const write = /^\s*(?:insert|update|delete)\b/i

/** It writes and has no rows to give. Where that is not certain at a glance, it may have some. */
export const answersNothing = (text: string): boolean => write.test(text) && !/returning/i.test(text)

export function rowsOf({ fields, rows }: Answer): readonly SqlRow[] {
  return rows.map((texts) => rowOf(fields ?? [], texts))
}

/** How many rows a statement has changed; 0 for one that only reads. */
export function changedRows({ tag }: Answer): number {
  if (tag.startsWith('SELECT')) return 0
  return Number(/\d+$/.exec(tag)?.[0] ?? 0)
}
