import { spawn } from 'node:child_process'
import { globSync, readdirSync, rmdirSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join, resolve } from 'node:path'
import { allEnded } from './failure.ts'
import { isRunning, killServer, notedAt } from './server-process.ts'

/** Where a server is noted in its folder. */
export const noteName = 'process.json'

/**
 * Kills what still runs of the server or the cluster of a folder, for a command or a test that was cut off before it could,
 * or could say that they run. Resolves to whether there was anything.
 */
export async function endLeftBehind(folder: string): Promise<boolean> {
  const notes = globSync([noteName, `n*/${noteName}`], { cwd: folder })
  const left = notes.flatMap((note) => notedAt(join(folder, note)) ?? []).filter(isRunning)
  await allEnded(left.map(killServer))
  // PostgreSQL's mark is its data, which may be outside of the folder.
  for (const { mark } of left) rmSync(mark, { recursive: true, force: true })
  return left.length > 0
}

/**
 * From now on what runs in the folder ends with this process, also when this process is killed: another one waits for
 * the end of a pipe from here. In a group of its own, so that Ctrl-C does not reach it.
 */
export function endWithThisProcess(folder: string): void {
  const program = join(import.meta.dirname, 'end-with-owner.ts')
  const watcher = spawn(process.execPath, [program, resolve(folder)], {
    ...{ cwd: '/', detached: true },
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  const pipe = watcher.stdin as Socket
  // Neither keeps this process from ending.
  pipe.unref()
  watcher.unref()
}

/** Empties a folder down to its log files, and removes the folders that are empty then. */
export function removeAllButLogs(folder: string): void {
  for (const entry of entriesOf(folder)) {
    const path = join(folder, entry.name)
    if (entry.isDirectory() && entry.name !== 'data') removeAllButLogs(path)
    else if (!entry.name.endsWith('.log')) rmSync(path, { recursive: true, force: true })
  }
  if (entriesOf(folder).length === 0) rmdirIfThere(folder)
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return []
  }
}

function rmdirIfThere(folder: string): void {
  try {
    rmdirSync(folder)
  } catch {
    // Not there at all.
  }
}
