import { errorMessage, FirebreakError } from '../../contracts/errors.ts'
import { statementInvalid } from '../../contracts/sql/sql-text.ts'

// Primary result codes. **Source** https://sqlite.org/rescode.html
const busy = 5
const readonly = 8
const ioError = 10
const corrupt = 11
const full = 13
const cannotOpen = 14
const protocol = 15
const notADatabase = 26

/** Somebody else holds the lock: trying again is all there is to do. */
export function isBusy(error: unknown): boolean {
  const code = primaryCode(error)
  return code === busy || code === protocol
}

/** What the engine itself reports becomes a firebreak error; what the statement did wrong stays the user's error. */
export function databaseError(error: unknown, path: string): unknown {
  const reason = errorMessage(error)
  switch (primaryCode(error)) {
    case busy:
    case protocol:
      return new FirebreakError('FB_DATABASE_BUSY', { path, waitedMs: 0 }, error)
    case readonly:
    case cannotOpen:
      return new FirebreakError('FB_DATABASE_READONLY', { path, reason }, error)
    case corrupt:
    case notADatabase:
      return new FirebreakError('FB_DATABASE_CORRUPT', { path, reason }, error)
    case full:
      return new FirebreakError('FB_DATABASE_FULL', { path }, error)
    case ioError:
      return new FirebreakError('FB_DATABASE_UNAVAILABLE', { path, reason }, error)
    default:
      return error
  }
}

// What SQLite says of the text alone, whatever tables there are. It has one code for these and for missing tables.
const wrongText = new RegExp(
  [
    '^near ".*": syntax error$',
    '^incomplete input$',
    '^unrecognized token: ',
    '^\\d+ values for \\d+ columns$',
    '^all VALUES must have the same number of terms$',
    '^SELECTs to the left and right of .* do not have the same number of result columns$',
    '^misuse of (?:aggregate|window function)\\b',
    '^a GROUP BY clause is required before HAVING$',
    '^parser stack overflow$',
  ].join('|'),
  's',
)

/** What preparing a statement failed with: permanent where only its author can put it right. */
export function statementError(error: unknown, text: string): unknown {
  const said = errorMessage(error)
  return wrongText.test(said) ? statementInvalid(`SQLite says ${said}`, text, { cause: error }) : error
}

function primaryCode(error: unknown): number {
  const code = (error as { errcode?: unknown } | null)?.errcode
  return typeof code === 'number' ? code & 255 : 0
}
