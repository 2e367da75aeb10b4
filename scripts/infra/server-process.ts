import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { InfraError } from './failure.ts'

/**
 * A process that outlives its starter. Its number alone does not name it, since numbers are used again: it is ours
 * while an argument of its command line is `mark`.
 */
export interface ServerProcess {
  readonly pid: number
  readonly mark: string
}

/** Is told of a server that did not stop in time: it was killed and has not written everything down. */
export type OnKilled = (what: string) => void

export interface Start {
  readonly program: string
  readonly args: readonly string[]
  readonly folder: string
  readonly logPath: string
  /** Where the process is noted for the next run. */
  readonly notePath: string
  readonly mark: string
  /** The user that it runs as; needs root. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined
}

/** Starts a server in a process group of its own, so that Ctrl-C does not reach it. Its output is added to the log. */
export async function startServer({ program, args, folder, logPath, notePath, mark, user }: Start): Promise<number> {
  const log = openSync(logPath, 'a')
  try {
    const child = spawn(program, args, { cwd: folder, detached: true, stdio: ['ignore', log, log], ...user })
    const { pid } = child
    // At once: we may be killed at any moment from here on, and the server goes on.
    if (pid !== undefined) writeFileSync(notePath, noteOf({ pid, mark }))
    await once(child, 'spawn')
    child.unref()
    if (pid === undefined) throw new Error('it has no process id')
    return pid
  } catch (error) {
    throw new InfraError(`${program} cannot be started for ${mark}: ${(error as Error).message}`)
  } finally {
    closeSync(log)
  }
}

/** A process in a file, for `notedAt`. */
export const noteOf = ({ pid, mark }: ServerProcess): string => `${JSON.stringify({ pid, mark })}\n`

/** The process that was noted there; undefined when none was. It may have ended. */
export function notedAt(path: string): ServerProcess | undefined {
  try {
    const { pid, mark } = JSON.parse(readFileSync(path, 'utf8'))
    return { pid: Number(pid), mark: String(mark) }
  } catch {
    return undefined
  }
}

/** This process, as others may know it: by the program that it was started with. */
export const thisProcess = (): ServerProcess => ({
  pid: process.pid,
  mark: argumentsOf(process.pid).find((word) => word !== '' && resolve(word) === process.argv[1]) ?? process.argv0,
})

/** Whether the process is there and is the one that was started. A stopped one (SIGSTOP) is there. */
export function isRunning({ pid, mark }: ServerProcess): boolean {
  return argumentsOf(pid).includes(mark)
}

/** Sends a signal to the process, if it is ours; false when it is gone. */
export function signalTo(server: ServerProcess, signal: NodeJS.Signals): boolean {
  if (!isRunning(server)) return false
  try {
    return process.kill(server.pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw new InfraError(`process ${server.pid} (${server.mark}) belongs to another user: ${(error as Error).message}`)
  }
}

/** Asks the process to end, waits, and kills it when the time is over. Resolves to how it ended. */
export async function stopServer(
  server: ServerProcess,
  { signal, graceMs }: { readonly signal: NodeJS.Signals; readonly graceMs: number },
): Promise<'gone before' | 'stopped' | 'killed'> {
  if (!signalTo(server, signal)) return 'gone before'
  // A process that was stopped by SIGSTOP would never see the signal.
  signalTo(server, 'SIGCONT')
  if (await isGoneWithin(server, graceMs)) return 'stopped'
  await killServer(server)
  return 'killed'
}

/** SIGKILL for it and the processes that it has started; resolves when they are gone. */
export async function killServer(server: ServerProcess): Promise<void> {
  // Stopped first, so that it has no more children than we know of.
  if (!signalTo(server, 'SIGSTOP')) return
  const children = childrenOf(server.pid)
  signalTo(server, 'SIGKILL')
  if (!(await isGoneWithin(server, 10_000))) throw new InfraError(`process ${server.pid} does not go, not even killed`)
  for (const pid of children) signalAnyway(pid, 'SIGKILL')
  while (!children.every(hasEnded)) await sleep(20)
}

/** Sends a signal to a child of a server, which may have ended in the meantime. */
export function signalAnyway(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has.
  }
}

async function isGoneWithin(server: ServerProcess, withinMs: number): Promise<boolean> {
  const untilMs = performance.now() + withinMs
  while (isRunning(server)) {
    if (performance.now() > untilMs) return false
    await sleep(20)
  }
  return true
}

// Or only what is left of it, until its parent asks how it ended.
const hasEnded = (pid: number): boolean => argumentsOf(pid).every((argument) => argument === '')

// What is left of a process that has ended has no arguments.
function argumentsOf(pid: number): readonly string[] {
  if (!Number.isSafeInteger(pid) || pid <= 1) return []
  if (process.platform === 'linux') {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    } catch {
      return []
    }
  }
  return psOf(['-p', String(pid), '-o', 'command=']).flatMap((line) => line.split(' '))
}

/** The processes that the process has started, and that are still there. */
export function childrenOf(pid: number): readonly number[] {
  const pairs =
    process.platform === 'linux'
      ? readdirSync('/proc')
          .filter((name) => /^\d+$/.test(name))
          .map((name) => [Number(name), parentOf(name)] as const)
      : psOf(['-A', '-o', 'pid=,ppid=']).map((line) => line.trim().split(/\s+/).map(Number))
  return pairs.flatMap(([child, parent]) => (parent === pid && child !== undefined ? [child] : []))
}

// The name of the program stands in parentheses and may hold anything; the parent is the second field behind it.
function parentOf(pid: string): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return Number.NaN
  }
}

function psOf(args: readonly string[]): readonly string[] {
  const { stdout } = spawnSync('ps', args, { encoding: 'utf8' })
  return (stdout ?? '').split('\n').filter((line) => line !== '')
}
