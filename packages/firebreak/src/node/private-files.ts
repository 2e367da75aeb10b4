/** What is made for data is its owner's alone, whatever the umask says. What is there already stays as it is. */
import { chmodSync, closeSync, existsSync, fchmodSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'

const forOwner = { folder: 0o700, file: 0o600 } as const

// Step by step: Node's recursive mkdir never returns from a file system that refuses with ENOENT, as /proc does.
export function makePrivateFolder(folder: string): void {
  if (existsSync(folder)) return
  if (dirname(folder) !== folder) makePrivateFolder(dirname(folder))
  try {
    mkdirSync(folder, forOwner.folder)
  } catch (error) {
    // Another process was faster.
    if ((error as { code?: string }).code !== 'EEXIST') throw error
    return
  }
  chmodSync(folder, forOwner.folder)
}

/** An empty file where none is. Never fails: the next open of the file says what is wrong with it. */
export function makePrivateFile(path: string): void {
  let file: number | undefined
  try {
    file = openSync(path, 'wx', forOwner.file)
    fchmodSync(file, forOwner.file)
  } catch {
    return
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

/** For what others have to make, such as a socket. */
export function makePrivate(path: string): void {
  chmodSync(path, forOwner.file)
}
