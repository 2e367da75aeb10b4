import { scanSql } from '../contracts/sql/sql-scan.ts'

/**
 * What a statement can leave behind in its session or its transaction, for those that come after it there.
 *
 * `none`: nothing but rows. `settings`: settings, roles or a search path, all of which can be put back behind it. `session`:
 * anything else, such as locks, temporary tables, cursors, prepared statements.
 */
export type StatementEffect = 'none' | 'settings' | 'session'

const rank: Readonly<Record<StatementEffect, number>> = { none: 0, settings: 1, session: 2 }

export const larger = (a: StatementEffect, b: StatementEffect): StatementEffect => (rank[a] >= rank[b] ? a : b)

/** Functions of the server that set what can be put back. `pg_settings` is a view that does. */
export const settingNames = 'set_config|pg_settings'

/** Functions of the server and what is shipped with it that do more, or run a text that can be anything; limits of a session. */
export const sessionNames: string = [
  'pg_(?:try_)?advisory_\\w+',
  'pg_export_snapshot',
  'pg_(?:terminate|cancel)_backend',
  'pg_\\w*(?:replication|backup)_\\w+',
  'setseed',
  'lo_\\w+',
  'dblink\\w*',
  'crosstab\\w*',
  'connectby',
  'xpath_table',
  '(?:query|cursor|table|schema|database)_to_xml\\w*',
  'ts_stat',
  'ts_rewrite',
  '(?:idle_in_transaction_session|idle_session|transaction)_timeout',
].join('|')

const readsOrWrites = /^(?:select|insert|update|delete|merge|values|table|with|show|notify)\b/i
const makesTable = /(?<!\b(?:insert|merge)\s+)\binto\b/i
const sets = /^(?:set|reset)\b/i
// Not a setting, or not one that RESET knows.
const setsTransaction = /^(?:re)?set\s+(?:(?:local|session)\s+)?(?:transaction|constraints|characteristics|seed)\b/i
const settingFunctions = new RegExp(`\\b(?:${settingNames})\\b`, 'i')
const sessionFunctions = new RegExp(`\\b(?:${sessionNames})\\b`, 'i')
// Names that are spelled so that they cannot be read here.
const escapedName = /\bu&"/i

/** By the text of a statement alone, as far as only functions of the server itself are concerned. */
export function effectOfText(text: string): StatementEffect {
  const { code } = scanSql(text, 'postgres')
  const start = Math.max(0, code.search(/[^\s;]/))
  const statement = text.slice(start)
  if (sets.test(statement)) {
    const isMore = setsTransaction.test(code.slice(start)) || sessionFunctions.test(statement)
    return isMore ? 'session' : 'settings'
  }
  if (!readsOrWrites.test(statement)) return 'session'
  if (sessionFunctions.test(statement) || makesTable.test(code) || escapedName.test(statement)) return 'session'
  return settingFunctions.test(statement) ? 'settings' : 'none'
}

// Where a statement can begin in the body of a function.
const begins = /(?:^|[;(]|\b(?:begin|then|else|loop|do|as|atomic)\b)\s*/.source
const setsInBody = new RegExp(`${begins}(?:re)?set\\s`, 'i')
const acts =
  'lock|listen|unlisten|prepare|deallocate|discard|open|fetch|move|close|create|alter|drop|copy|truncate|declare\\s+\\S+\\s+[\\w\\s]*cursor|set\\s+(?:transaction|constraints|seed)'
const actsInBody = new RegExp(`${begins}(?:${acts})\\s+["\\w*]`, 'i')
const selectsIntoTable = /\bselect\b[^;]*\binto\s+(?:temp|temporary|unlogged|table)\b/i
const executes = /\bexecute\b(?!\s+(?:on|function|procedure)\b)/gi
// Without what could end a statement in it.
const literal = /(?:'(?:[^';]|'')*'|\$(\w*)\$[^;$]*\$\1\$)/.source
const runsLiteral = new RegExp(`^\\s*\\(?\\s*(${literal})\\s*\\)?\\s*(?:;|using\\b|into\\b|loop\\b|$)`, 'i')
const runsFormat = new RegExp(`^\\s*\\(?\\s*format\\s*\\(\\s*(${literal})`, 'i')
const readsOrWritesInside = /^(?:'|\$\w*\$)\s*(?:select|insert|update|delete|merge|values|with)\b/i
const writesInside = /^(?:'|\$\w*\$)\s*(?:insert|update|delete|merge)\b/i
// `%s`, or a name that is called: neither `%L` nor a table can be more than it seems.
const openInside = /%(?:\d+\$)?-?(?:\d+|\*(?:\d+\$)?)?s|(?<!\binto\s+(?:%I\.)?)%(?:\d+\$)?I\s*\(/i

/** What runs inside of a function by its text. `onAny`: it writes to a table whose name is put together as it runs. */
export interface BodyEffect {
  readonly effect: StatementEffect
  readonly onAny: boolean
}

/** By the body of a function, in a language of the server; names of other functions are for others to look up. */
export function effectOfBody(body: string): BodyEffect {
  const text = scanSql(body, 'postgres').uncommented
  const run = [...text.matchAll(executes)].map(({ 0: { length }, index }) => reachOf(text.slice(index + length)))
  const onAny = run.includes('any')
  const isMore = [sessionFunctions, actsInBody, selectsIntoTable, escapedName].some((one) => one.test(text))
  if (isMore || run.includes('open')) return { effect: 'session', onAny }
  return { effect: settingFunctions.test(text) || setsInBody.test(text) ? 'settings' : 'none', onAny }
}

/** Of what stands behind EXECUTE: `literal` can be read here, `any` writes to some table, `open` can be anything. */
function reachOf(executed: string): 'literal' | 'any' | 'open' {
  const [, run] = runsLiteral.exec(executed) ?? []
  if (run !== undefined) return readsOrWritesInside.test(run) ? 'literal' : 'open'
  const [, format] = runsFormat.exec(executed) ?? []
  const [statement = ''] = scanSql(executed, 'postgres').code.split(';')
  const isPutTogether = format === undefined || statement.includes('||') || openInside.test(format)
  return !isPutTogether && writesInside.test(format) ? 'any' : 'open'
}
