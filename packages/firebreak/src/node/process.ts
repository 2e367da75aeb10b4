import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { createInterface } from 'node:readline/promises'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
import type { Clock } from '../contracts/clock.ts'
import type { Entropy } from '../contracts/entropy.ts'
import { systemClock } from './clock.ts'
import { systemEntropy } from './entropy.ts'

/** Everything that a command line program gets from the system around it; tests pass their own. */
export interface Io {
  /** Data, as it is: no line end is added. */
  out(data: string | Uint8Array): void
  /** Messages for people, as they are. */
  err(message: string): void
  /** Whether `out` is a terminal. */
  readonly isTty: boolean
  /** Whether somebody can be asked: both the input and the messages are on a terminal. */
  readonly canAsk: boolean
  /** Width of the terminal; Infinity where there is none. */
  readonly columns: number
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** Name of the operating system's user. */
  readonly user: string
  /** Aborts on Ctrl-C. */
  readonly signal: AbortSignal
  readonly clock: Clock
  readonly entropy: Entropy
  /** Asks and resolves to the line typed; '' when the input ends or on Ctrl-C. */
  ask(question: string): Promise<string>
  exists(path: string): boolean
  /** The text of a file, or of the standard input for `-`. */
  readFile(path: string): Promise<string>
  /** The exports of a module. */
  load(path: string): Promise<unknown>
}

/** The real process. `args` are what the user typed behind the name of the program. */
export interface ProgramProcess {
  readonly io: Io
  readonly args: readonly string[]
  /** Ends the process once everything written has gone out. */
  exit(code: number): void
}

/** Takes the process over: from here on, Ctrl-C aborts `io.signal`, and a second one ends at once. */
export function takeProcess(): ProgramProcess {
  const interrupted = new AbortController()
  const onInterrupt = (): void => {
    if (interrupted.signal.aborted) process.exit(130)
    interrupted.abort()
  }
  process.on('SIGINT', onInterrupt)
  // The reader has gone, as in `firebreak tail orders | head`: nobody is left to tell.
  const onPipeError = (error: NodeJS.ErrnoException): void => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  }
  process.stdout.on('error', onPipeError)
  process.stderr.on('error', onPipeError)
  return {
    io: ioOf(interrupted.signal, onInterrupt),
    args: process.argv.slice(2),
    exit: (code) => void process.stdout.write('', () => process.stderr.write('', () => process.exit(code))),
  }
}

function ioOf(signal: AbortSignal, onInterrupt: () => void): Io {
  const { stdin, stdout, stderr } = process
  return {
    out: (data) => void stdout.write(data),
    err: (message) => void stderr.write(message),
    isTty: stdout.isTTY === true,
    canAsk: stdin.isTTY === true && stderr.isTTY === true,
    columns: stdout.isTTY === true ? stdout.columns : Number.POSITIVE_INFINITY,
    env: process.env,
    cwd: process.cwd(),
    user: userName(),
    signal,
    clock: systemClock,
    entropy: systemEntropy,
    async ask(question) {
      const line = createInterface({ input: stdin, output: stderr })
      // A terminal in line mode keeps Ctrl-C to itself.
      line.on('SIGINT', onInterrupt)
      try {
        return await line.question(question, { signal })
      } catch {
        return ''
      } finally {
        line.close()
      }
    },
    exists: existsSync,
    readFile: (path) => (path === '-' ? text(stdin) : readFile(path, 'utf8')),
    load: (path) => import(pathToFileURL(path).href),
  }
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    // A container may run under a number that no user has.
    return process.env['USER'] ?? process.env['LOGNAME'] ?? 'unknown'
  }
}
