import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/** Held by the LogiFlow that runs on a data folder. */
export type DataLock = { readonly release: () => void }

/** Its name in the folder; a reset leaves it there, because it is held then. */
export const LOCK_NAME = 'logiflow.lock'

const SQLITE_BUSY = 5

/**
 * The lock of a data folder, which is made where it is not; undefined when another process has it. The system drops it with the
 * process, however that ends: no number of a process is left that may be another's by now.
 */
export const lockData = (dataDir: string): DataLock | undefined => {
  makePrivateDir(dataDir)
  const path = join(dataDir, LOCK_NAME)
  makePrivateFile(path)
  const file = new DatabaseSync(path, { timeout: 0 })
  try {
    // With a journal on disk the lock could not be had on a full one.
    file.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
    return { release: () => file.close() }
  } catch (error) {
    file.close()
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return undefined
    throw error
  }
}

/** For its owner alone, whatever the umask; what is there already stays as it is. */
export const makePrivateDir = (dir: string): void => {
  if (mkdirSync(dir, { recursive: true, mode: 0o700 }) !== undefined) chmodSync(dir, 0o700)
}

const makePrivateFile = (path: string): void => {
  try {
    closeSync(openSync(path, 'wx', 0o600))
    chmodSync(path, 0o600)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}
