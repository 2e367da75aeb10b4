import { createHash } from 'node:crypto'
import { chmodSync, closeSync, constants, existsSync, lstatSync, mkdirSync, openSync, realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { FirebreakError } from '../../contracts/errors.ts'
import { makePrivateFolder } from '../../node/private-files.ts'
import { asLogError } from './log-errors.ts'

/** Where the parts of one log live; plain values, so that they can be sent to the owner's thread. */
export interface LogFiles {
  readonly database: string
  /** A tiny SQLite file; the holder of its exclusive lock owns the log. The system drops the lock when a process dies. */
  readonly lock: string
  readonly socket: string
}

const openFolders = '/proc/self/fd'
// sun_path holds 108 bytes on Linux and 104 on macOS, the closing zero included.
const socketBytesMax = 100

/** `path` as the user gave it, a folder or `.../name.db`, without touching the disk. */
export function databasePath(path: string): string {
  return resolve(path.endsWith('.db') ? path : join(path, 'log.db'))
}

/** Creates the folder and names the files in it; the same log gives the same names through any symbolic link. */
export function logFiles(path: string): LogFiles {
  const database = databasePath(path)
  try {
    makePrivateFolder(dirname(database))
    const folder = realpathSync(dirname(database))
    const stem = join(folder, basename(database, '.db'))
    return { database: `${stem}.db`, lock: `${stem}.lock`, socket: socketOf(stem) }
  } catch (error) {
    throw asLogError(error, database)
  }
}

function socketOf(stem: string): string {
  const hash = createHash('sha256').update(stem).digest('hex').slice(0, 24)
  if (process.platform === 'win32') return `\\\\.\\pipe\\firebreak-${hash}`
  if (fits(`${stem}.sock`)) return `${stem}.sock`
  if (existsSync(openFolders)) return join(dirname(stem), `${hash}.sock`)
  const folder = join(tmpdir(), `firebreak-${process.getuid?.() ?? 0}`)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const found = lstatSync(folder)
  // The temporary folder is open to everybody: a folder that somebody else made there could listen in.
  if (!found.isDirectory() || (process.getuid !== undefined && found.uid !== process.getuid())) {
    throw new FirebreakError('FB_LOG_READONLY', { path: folder, reason: 'it belongs to another user' })
  }
  if ((found.mode & 0o077) !== 0) chmodSync(folder, 0o700)
  return join(folder, `${hash}.sock`)
}

const fits = (path: string): boolean => Buffer.byteLength(path) <= socketBytesMax

/** A name of the socket that is short enough, until `release`. */
export interface SocketName {
  readonly path: string
  release(): void
}

/**
 * Where the path of the log is too long for a socket, Linux finds it through its open folder. A place in a folder that is open
 * to everybody could be taken by somebody else.
 */
export function nameSocket({ socket }: LogFiles): SocketName {
  if (process.platform === 'win32' || fits(socket)) return { path: socket, release() {} }
  const folder = openSync(dirname(socket), constants.O_RDONLY | constants.O_DIRECTORY)
  let isOpen = true
  return {
    path: `${openFolders}/${folder}/${basename(socket)}`,
    release() {
      if (isOpen) closeSync(folder)
      isOpen = false
    },
  }
}
