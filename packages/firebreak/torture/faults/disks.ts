/** A full disk, made from outside while a process runs: a limit on the size of its files. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Whether the machine has the command that sets limits of others; Linux has. */
export const canFillDisks = (): Promise<boolean> =>
  run('prlimit', ['--version']).then(
    () => true,
    () => false,
  )

/** The processes cannot write beyond so many bytes of any file. One that has died has no limit. */
export const fillDisk = (pids: readonly number[], bytes: number): Promise<void> => limit(pids, String(bytes))

export const freeDisk = (pids: readonly number[]): Promise<void> => limit(pids, 'unlimited')

// The hard limit stays as it is: raising it again would take rights that a user need not have.
async function limit(pids: readonly number[], bytes: string): Promise<void> {
  const set = (pid: number): Promise<unknown> =>
    run('prlimit', ['--pid', String(pid), `--fsize=${bytes}:`]).catch(() => undefined)
  await Promise.all(pids.map(set))
}
