import pg from 'pg'
import { statementInvalid } from '../contracts/sql/sql-text.ts'

/**
 * What the server says of the text alone, whatever tables there are: syntax, aggregates, windows and recursion in the wrong
 * place, a parameter without a type.
 *
 * **Source** https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const wrongText = new Set(['42601', '42803', '42P18', '42P19', '42P20'])
// Of Bind, when the counts do not match: the driver's statements are not counted before.
const miscounted = { code: '08P01', routine: 'exec_bind_message' }

/** What a statement failed with: permanent where only its author can put it right. */
export function statementError(error: unknown, text: string): unknown {
  if (!(error instanceof pg.DatabaseError)) return error
  // From inside a function or a trigger anything can be raised, and it is not about this text.
  const isInside = error.where !== undefined || error.internalQuery !== undefined
  const isMiscounted = error.code === miscounted.code && error.routine === miscounted.routine
  const isWrong = isMiscounted || (wrongText.has(error.code ?? '') && !isInside)
  return isWrong ? statementInvalid(`PostgreSQL says ${error.message}`, text, { cause: error }) : error
}
