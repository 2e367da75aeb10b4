import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import type { ErrorCode } from '../../contracts/error-catalogue.ts'
import { errorMessage, FirebreakError, isFirebreakError } from '../../contracts/errors.ts'

// Primary result codes, https://www.sqlite.org/rescode.html
const sqlite = {
  error: 1,
  perm: 3,
  busy: 5,
  locked: 6,
  readonly: 8,
  ioerr: 10,
  corrupt: 11,
  full: 13,
  cantopen: 14,
  toobig: 18,
  constraint: 19,
  mismatch: 20,
  notadb: 26,
}

const unwritable: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'EISDIR', 'ENOENT'])

/** What went wrong in SQLite or in the file system, as one of the `FB_LOG_` errors. */
export function asLogError(error: unknown, path: string): FirebreakError {
  if (isFirebreakError(error)) return error
  const reason = errorMessage(error)
  const { errcode, code } = error as { errcode?: number; code?: string }
  // Text in the file that is not the JSON it must be, or a number that nobody has written there.
  if (error instanceof SyntaxError || code === 'ERR_OUT_OF_RANGE')
    return new FirebreakError('FB_LOG_CORRUPT', { path, reason }, error)
  if (code === 'ENOSPC' || code === 'EDQUOT') return new FirebreakError('FB_LOG_FULL', { path }, error)
  if (typeof errcode === 'number') return new FirebreakError(codeOf(errcode & 0xff, path), { path, reason }, error)
  if (code !== undefined && unwritable.has(code)) return new FirebreakError('FB_LOG_READONLY', { path, reason }, error)
  return new FirebreakError('FB_LOG_UNAVAILABLE', { path, reason }, error)
}

export function isSqliteBusy(error: unknown): boolean {
  const primary = ((error as { errcode?: number }).errcode ?? 0) & 0xff
  return primary === sqlite.busy || primary === sqlite.locked
}

function codeOf(primary: number, path: string): ErrorCode {
  switch (primary) {
    case sqlite.corrupt:
    case sqlite.notadb:
    // Statements of ours that cannot be run, or do what never happens: the tables are not those that we made.
    case sqlite.error:
    case sqlite.toobig:
    case sqlite.constraint:
    case sqlite.mismatch:
      return 'FB_LOG_CORRUPT'
    case sqlite.full:
      return 'FB_LOG_FULL'
    case sqlite.readonly:
    case sqlite.cantopen:
    case sqlite.perm:
      return 'FB_LOG_READONLY'
    // Growing the shared memory file on a full disk is reported as a plain I/O error.
    case sqlite.ioerr:
      return diskIsFull(path) ? 'FB_LOG_FULL' : 'FB_LOG_UNAVAILABLE'
    default:
      return 'FB_LOG_UNAVAILABLE'
  }
}

function diskIsFull(path: string): boolean {
  try {
    const disk = statfsSync(dirname(path))
    return disk.bavail * disk.bsize < 65_536
  } catch {
    return false
  }
}

export interface WireError {
  readonly code: ErrorCode
  readonly detail: Readonly<Record<string, unknown>>
}

export const toWireError = ({ code, detail }: FirebreakError): WireError => ({ code, detail })

export const fromWireError = ({ code, detail }: WireError): FirebreakError => new FirebreakError(code, detail)
