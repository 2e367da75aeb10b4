import { scanSql } from '../contracts/sql-scan.ts'

/**
 * What a statement can leave behind in its session or its transaction, for those that come after it there.
 *
 * `none`: nothing but rows. `settings`: settings, roles or a search path, all of which can be put back behind it. `session`:
 * anything else, such as locks, temporary tables, cursors, prepared statements.
 */
export type StatementEffect = 'none' | 'settings' | 'session'

const rank: Readonly<Record<StatementEffect, number>> = { none: 0, settings: 1, session: 2 }

export const larger = (a: StatementEffect, b: StatementEffect): StatementEffect => (rank[a] >= rank[b] ? a : b)

const readsOrWrites = /^(?:select|insert|update|delete|merge|values|table|with|show|notify)\b/i
const makesTable = /(?<!\b(?:insert|merge)\s+)\binto\b/i
const sets = /^(?:set|reset)\b/i
// Not a setting, or not one that RESET knows.
const setsTransaction = /^(?:re)?set\s+(?:(?:local|session)\s+)?(?:transaction|constraints|characteristics)\b/i
const settingFunctions = /\b(?:set_config|pg_settings)\b/i
const sessionFunctions =
  /\b(?:pg_(?:try_)?advisory_\w+|pg_export_snapshot|pg_(?:terminate|cancel)_backend|setseed|lo_\w+|dblink\w*|(?:query|cursor|table|schema|database)_to_xml\w*|ts_stat|ts_rewrite)\b/i
// Names that are spelled so that they cannot be read here.
const escapedName = /\bu&"/i

/** By the text of a statement alone, as far as only functions of the server itself are concerned. */
export function effectOfText(text: string): StatementEffect {
  const { code } = scanSql(text, 'postgres')
  const statement = text.slice(Math.max(0, code.search(/[^\s;]/)))
  if (sets.test(statement)) return setsTransaction.test(statement) ? 'session' : 'settings'
  if (!readsOrWrites.test(statement)) return 'session'
  if (sessionFunctions.test(statement) || makesTable.test(statement) || escapedName.test(statement)) return 'session'
  return settingFunctions.test(statement) ? 'settings' : 'none'
}

// Where a statement can begin in the body of a function.
const begins = /(?:^|[;(]|\b(?:begin|then|else|loop|do|as|atomic)\b)\s*/.source
const setsInBody = new RegExp(`${begins}(?:re)?set\\b`, 'i')
const actsInBody = new RegExp(
  `${begins}(?:lock|listen|unlisten|prepare|deallocate|discard|declare\\s+\\w+\\s+[\\w\\s]*cursor|fetch|move|close|create|alter|drop|copy|set\\s+transaction|set\\s+constraints)\\b`,
  'i',
)
const selectsIntoTable = /\bselect\b[^;]*\binto\s+(?:temp|temporary|unlogged|table)\b/i
const opensCursor = /\b(?:refcursor|open)\b/i
// Text that is put together and run can be anything, unless it begins with what only reads or writes.
const runsText =
  /\bexecute\b(?!\s+(?:on|function|procedure)\b)(?!\s*\(?\s*(?:format\s*\(\s*)?(?:e|\$\w*\$)?'?\s*(?:select|insert|update|delete|merge|values|with)\b)/i

/** By the body of a function, in a language of the server; names of other functions are for others to look up. */
export function effectOfBody(body: string): StatementEffect {
  const text = body.replaceAll(/--[^\n]*/g, ' ').replaceAll(/\/\*[\s\S]*?\*\//g, ' ')
  if ([sessionFunctions, actsInBody, opensCursor, runsText, selectsIntoTable].some((one) => one.test(text)))
    return 'session'
  return settingFunctions.test(text) || setsInBody.test(text) ? 'settings' : 'none'
}
