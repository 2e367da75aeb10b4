import pg from 'pg'
import type { ErrorCode } from '../contracts/error-catalogue.ts'
import { errorMessage, FirebreakError, isFirebreakError } from '../contracts/errors.ts'

// **Source** https://www.postgresql.org/docs/current/errcodes-appendix.html
const codes: Readonly<Record<string, ErrorCode>> = {
  '40001': 'FB_DATABASE_BUSY',
  '40P01': 'FB_DATABASE_BUSY',
  '53100': 'FB_DATABASE_FULL',
  '53200': 'FB_DATABASE_UNAVAILABLE',
  '53300': 'FB_DATABASE_UNAVAILABLE',
  '57P01': 'FB_DATABASE_UNAVAILABLE',
  '57P02': 'FB_DATABASE_UNAVAILABLE',
  '57P03': 'FB_DATABASE_UNAVAILABLE',
  '58000': 'FB_DATABASE_UNAVAILABLE',
  '58030': 'FB_DATABASE_UNAVAILABLE',
  '53400': 'FB_DATABASE_UNAVAILABLE',
  '25006': 'FB_DATABASE_READONLY',
  '28000': 'FB_DATABASE_REFUSED',
  '28P01': 'FB_DATABASE_REFUSED',
  '3D000': 'FB_DATABASE_REFUSED',
  XX001: 'FB_DATABASE_CORRUPT',
  XX002: 'FB_DATABASE_CORRUPT',
}

/** The statement waited longer than `lock_timeout` for a lock. */
export const isLockTimeout = (error: unknown): boolean => sqlState(error) === '55P03'

/**
 * A prepared statement is of no use any more: its rows look different since the schema was changed, or somebody has dropped
 * it. Messages are in the server's language.
 */
export function isStalePlan(error: unknown): boolean {
  if (!(error instanceof pg.DatabaseError)) return false
  return (
    (error.code === '0A000' && error.routine === 'RevalidateCachedQuery') ||
    (error.code === '26000' && error.routine === 'FetchPreparedStatement')
  )
}

// The server is going, or ends a session that was idle or in a transaction for too long. Not class 08: what the server says
// there is of connections that a statement wanted to others (08001, 08006), or of the statement's own values (08P01).
const sessionEnds = /^(?:57P0|25P0[34])/

/** The server closes the connection after it, or the error did not come from a server at all. */
export function isConnectionError(error: unknown): boolean {
  if (isFirebreakError(error)) return false
  if (!(error instanceof pg.DatabaseError)) return true
  if (sessionEnds.test(error.code ?? '') && isOfServer(error)) return true
  // In the language of the server, in which it may be another word.
  return error.severity === 'FATAL' || error.severity === 'PANIC'
}

// Any code can be raised by a function, or passed on from another server by a foreign table: the file of the server's source
// that reports it tells. One that a pooler reports has none.
const sessionFiles: ReadonlySet<string> = new Set(['postgres.c', 'postmaster.c', 'postinit.c', 'backend_startup.c'])
const isOfServer = ({ file }: pg.DatabaseError): boolean => file === undefined || sessionFiles.has(file)

// Where the server says of itself that it cannot go on with a statement now.
const lockFiles = ['deadlock.c', 'predicate.c', 'nodeModifyTable.c', 'nodeLockRows.c', 'heapam.c', 'heapam_handler.c']
const resourceFiles = [
  'md.c',
  'fd.c',
  'xlog.c',
  'buffile.c',
  'bufmgr.c',
  'aset.c',
  'mcxt.c',
  'generation.c',
  'slab.c',
  'lock.c',
]
const passingFiles: ReadonlySet<string> = new Set([...lockFiles, 'trigger.c', ...resourceFiles, 'dsa.c', 'shmem.c'])
const passing: ReadonlySet<string> = new Set(['40001', '40P01', '53100', '53200', '58030'])

/**
 * The same for a statement of the user: only what the server says of itself, or the network, is not the statement's own. So a
 * function that raises a code of the server's fails its unit, and no more.
 */
export function userError(error: unknown, path: string): unknown {
  if (isFirebreakError(error)) return error
  const isConnections = isConnectionError(error)
  const isServers =
    error instanceof pg.DatabaseError && passing.has(error.code ?? '') && passingFiles.has(error.file ?? '')
  if (!isConnections && !isServers && !isStalePlan(error)) return error
  const mapped = postgresError(error, path)
  if (!isConnections || !isFirebreakError(mapped)) return mapped
  return new FirebreakError(mapped.code, { ...mapped.detail, inUnit: true }, error)
}

/** One of the database as a whole, which no unit of a commit outlives. */
export const isDatabaseCode = (error: unknown): boolean =>
  isFirebreakError(error) && error.code.startsWith('FB_DATABASE_')

/** What the server or the network is to blame for becomes a firebreak error; what the statement did stays as it is. */
export function postgresError(error: unknown, path: string): unknown {
  if (isFirebreakError(error)) return error
  const reason = reasonOf(error)
  const code = codes[sqlState(error) ?? ''] ?? (isTlsError(error) ? 'FB_DATABASE_REFUSED' : undefined)
  if (code !== undefined) return new FirebreakError(code, { path, reason, waitedMs: 0 }, error)
  if (isStalePlan(error) || isConnectionError(error)) {
    return new FirebreakError('FB_DATABASE_UNAVAILABLE', { path, reason }, error)
  }
  return error
}

/** What a role without the right sees. */
export const isForbidden = (error: unknown): boolean => sqlState(error) === '42501'

// Certificates that do not fit, as OpenSSL and Node name them, and a server without TLS.
const tlsCodes = /^(ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_SELF_SIGNED_CERT$|SELF_SIGNED_CERT_IN_CHAIN$|UNABLE_TO_)/

function isTlsError(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return false
  const { code } = error as { readonly code?: unknown }
  return tlsCodes.test(String(code)) || errorMessage(error).includes('does not support SSL')
}

// A host with several addresses fails with one error for each, and an empty message around them.
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(errorMessage).join('; ')
  return errorMessage(error)
}

function sqlState(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined
}
