/**
 * What can be said of a statement before anybody runs it: whether it is one, how many values it takes, and whether it stays
 * within its unit of work.
 */
import { FirebreakError } from '../errors.ts'
import { RecentMap } from './recent-map.ts'
import { type Placeholder, type SqlDialect, scanSql } from './sql-scan.ts'

export interface SqlText {
  readonly text: string
  readonly dialect: SqlDialect
  readonly placeholders: readonly Placeholder[]
  /** Exactly as many values belong to it. */
  readonly parameters: number
  /** Where its first word begins. */
  readonly start: number
  readonly otherPlaceholder: string | undefined
}

/** What an engine takes. The code of a statement is its text from the first word on, without what is quoted. */
export interface SqlRules {
  readonly dialect: SqlDialect
  readonly parametersMax: number
  /** What is wrong with it, if anything. */
  readonly problemOf: (code: string) => string | undefined
}

const statementShownMax = 300

/** **Errors** is one: `FB_STATEMENT_INVALID`, which no second attempt makes right. Values are never part of it. */
export function statementInvalid(problem: string, text: string, more?: StatementFault): FirebreakError {
  const { cause, ...place } = more ?? {}
  return new FirebreakError('FB_STATEMENT_INVALID', { problem, statement: shown(text), ...place }, cause)
}

/** Which value it is about, counted from 1, and what the engine said. */
interface StatementFault {
  readonly row?: number
  readonly value?: number
  readonly cause?: unknown
}

function shown(text: string): string {
  const line = text
    .slice(0, 4 * statementShownMax)
    .replace(/\s+/g, ' ')
    .trim()
  return line.length > statementShownMax ? `${line.slice(0, statementShownMax)}…` : line
}

/** **Errors** `FB_STATEMENT_INVALID`, whatever it is given. */
export function readSql(text: unknown, { dialect, parametersMax, problemOf }: SqlRules): SqlText {
  if (typeof text !== 'string') throw statementInvalid('a statement is text', `(${text === null ? null : typeof text})`)
  if (text.includes('\0')) throw statementInvalid('it has a character NUL', text.replaceAll('\0', '\u2400'))
  const { code, placeholders, otherPlaceholder } = scanSql(text, dialect)
  const start = code.search(/[^\s;]/)
  if (start === -1) throw statementInvalid('it is empty', text)
  const statement = code.slice(start)
  const problem = problemOf(statement) ?? secondStatement(statement) ?? misnumbered(placeholders, parametersMax)
  if (problem !== undefined) throw statementInvalid(problem, text)
  return { text, dialect, start, placeholders, parameters: highest(placeholders), otherPlaceholder }
}

/** **Errors** `FB_STATEMENT_INVALID` unless every value has its placeholder, and every placeholder its value. */
export function checkCount(
  { text, dialect, parameters, otherPlaceholder: other }: SqlText,
  values: number,
  row?: number,
): void {
  const hint = other === undefined ? '' : `write $1, $2 … instead of ${other}`
  // PostgreSQL has operators that look like a placeholder, and says itself when it is none.
  const isOther = dialect === 'sqlite' || other?.startsWith('$')
  if (values === parameters && (hint === '' || !isOther)) return
  const counts = `${counted(parameters, 'placeholder')}, ${counted(values, 'value')}`
  const problem = hint !== '' && (parameters === 0 || isOther) ? `${counts}: ${hint}` : counts
  throw statementInvalid(row === undefined ? problem : `row ${row}: ${problem}`, text, row === undefined ? {} : { row })
}

/** What opens, ends or divides a transaction is its unit's, not a statement's. */
export function steering(code: string): string | undefined {
  const [words] = steeringWords.exec(code) ?? []
  if (words === undefined) return undefined
  return `a unit of work begins and ends its transaction itself: leave ${words.toUpperCase()} out`
}

const begin = /^with\b/i
const write = /\b(?:insert|update|delete|merge|replace)\b/i

/** A statement that begins with the tables it reads; one that holds the word of a write anywhere is taken for one. */
export const readsOnlyWith = (statement: string): boolean => begin.test(statement) && !write.test(statement)

const writesFirst = /^(?:insert|update|delete|merge|replace|create|alter|drop|truncate)\b/i
const writesWithin = /\b(?:(?:insert|merge|replace)\s+into|delete\s+from|update\s+\S+(?:\s+as)?(?:\s+\S+)?\s+set)\b/i

/**
 * What can be seen to write, where only reading is meant. It finds mistakes and is no wall: a function may write, and nobody
 * sees it.
 *
 * **Errors** none; of what is no text the engine tells.
 */
export function seenToWrite(text: unknown, dialect: SqlDialect): boolean {
  if (typeof text !== 'string') return false
  const code = scanSql(text, dialect).code.replace(/^[\s;]+/, '')
  return writesFirst.test(code) || (begin.test(code) && writesWithin.test(code))
}

const steeringWords = /^(?:begin|start|commit|end|abort|rollback|savepoint|release|prepare\s+transaction)\b/i
// The body of a trigger or of a function has statements of its own; there the engine tells.
const mayHaveBody = /^create\b/i

export const severalStatements = 'these are several statements: run each by itself'

function secondStatement(code: string): string | undefined {
  const isSingle = mayHaveBody.test(code) || !/;\s*[^\s;]/.test(code)
  return isSingle ? undefined : severalStatements
}

const highest = (placeholders: readonly Placeholder[]): number =>
  placeholders.reduce((max, { number }) => Math.max(max, number), 0)

// PostgreSQL finds no type for a number that does not occur, and SQLite would drop its value in silence.
function misnumbered(placeholders: readonly Placeholder[], parametersMax: number): string | undefined {
  const numbers = new Set(placeholders.map(({ number }) => number))
  if (numbers.has(0)) return 'placeholders are counted from $1'
  const max = highest(placeholders)
  if (max > parametersMax) return `a statement takes ${parametersMax} values at most, not ${max}`
  for (let number = 1; number < max; number++) {
    if (!numbers.has(number)) return `it has $${max} and no $${number}`
  }
  return undefined
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`

/** The statements of one database as they were read, each once while it is in use. */
export class SqlTexts {
  readonly #rules: SqlRules
  readonly #recent: RecentMap<SqlText>

  constructor(rules: SqlRules, keepMax: number) {
    this.#rules = rules
    this.#recent = new RecentMap(keepMax)
  }

  /** **Errors** `FB_STATEMENT_INVALID`, whatever it is given. */
  read(text: string): SqlText {
    const known = this.#recent.get(text)
    if (known !== undefined) return known
    const read = readSql(text, this.#rules)
    this.#recent.set(text, read)
    return read
  }
}
