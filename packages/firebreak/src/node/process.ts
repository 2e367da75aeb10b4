import { existsSync, writeSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { createInterface } from 'node:readline/promises'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
import type { Clock } from '../contracts/clock.ts'
import type { Entropy } from '../contracts/entropy.ts'
import { textOf } from '../contracts/text/text-of.ts'
import { visible } from '../contracts/text/visible.ts'
import { systemClock } from './clock.ts'
import { systemEntropy } from './entropy.ts'
import { resolveModule } from './resolve-module.ts'

/** What a command line program gets from the system around it; tests pass their own. */
export interface Surroundings {
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
  /** Aborts when the reader of `out` has gone, as in `firebreak tail orders | head`: what only reads may end. */
  readonly readerGone: AbortSignal
  readonly clock: Clock
  readonly entropy: Entropy
  exists(path: string): boolean
  /** The text of a file, or of the standard input for `-`. */
  readFile(path: string): Promise<string>
  /** The file that `import` of this name leads to, undefined where there is none. */
  resolve(specifier: string): string | undefined
  /** The exports of a module. */
  load(path: string): Promise<unknown>
}

/** The same with its ways out. */
export interface Io extends Surroundings {
  /** Data, as it is: no line end is added. */
  out(data: string | Uint8Array): void
  /** Messages for people, as they are. */
  err(message: string): void
  /** Asks and resolves to the line typed; '' when the input ends or on Ctrl-C. */
  ask(question: string): Promise<string>
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
  process.on('uncaughtException', (error) => end(`firebreak: ${visible(textOf(error.stack ?? error, shownMax))}\n`))
  const readerGone = new AbortController()
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // A change that is under way goes on without its reader; what it would have said is said to nobody.
    if (error.code === 'EPIPE') readerGone.abort()
    else end(`firebreak: the output cannot be written: ${error.message}\n`)
  })
  // Whom should it be told?
  process.stderr.on('error', () => {})
  return {
    io: ioOf({ signal: interrupted.signal, readerGone: readerGone.signal }, onInterrupt),
    args: process.argv.slice(2),
    // An error of the last write comes after its callback.
    exit: (code) =>
      void process.stdout.write('', () => process.stderr.write('', () => setImmediate(() => process.exit(code)))),
  }
}

const shownMax = 16 * 1024
/** Of a terminal that does not say how wide it is. */
const columnsDefault = 80

// Not through the stream: it may be the one that is broken, and the process must not wait for it.
function end(message: string): never {
  try {
    writeSync(2, message)
  } catch {
    // Nobody can be told.
  }
  process.exit(1)
}

function ioOf(signals: Pick<Io, 'signal' | 'readerGone'>, onInterrupt: () => void): Io {
  const { stdin, stdout, stderr } = process
  return {
    out(data) {
      if (!signals.readerGone.aborted) stdout.write(data)
    },
    err: (message) => void stderr.write(message),
    isTty: stdout.isTTY === true,
    canAsk: stdin.isTTY === true && stderr.isTTY === true,
    columns: stdout.isTTY === true ? stdout.columns || columnsDefault : Number.POSITIVE_INFINITY,
    env: process.env,
    cwd: process.cwd(),
    user: userName(),
    ...signals,
    clock: systemClock,
    entropy: systemEntropy,
    async ask(question) {
      const line = createInterface({ input: stdin, output: stderr })
      // A terminal in line mode keeps Ctrl-C to itself.
      line.on('SIGINT', onInterrupt)
      try {
        return await line.question(question, { signal: signals.signal })
      } catch {
        return ''
      } finally {
        line.close()
      }
    },
    exists: existsSync,
    readFile: (path) => (path === '-' ? text(stdin) : readFile(path, 'utf8')),
    resolve: (specifier) => resolveModule(specifier, process.cwd()),
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
