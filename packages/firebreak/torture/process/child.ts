/** The life of one process under torture; `producer.ts`, `consumer.ts` and `churn.ts` are its kinds. */
import { isFirebreakError } from 'firebreak'
import { clockChannel } from '../history/clock-names.ts'
import type { EngineSpec } from './engines.ts'

/** Child to parent. What a child says is said after it has become durable. */
export interface News {
  readonly ready?: true
  /** Identities of records that the library has acknowledged. */
  readonly acked?: readonly string[]
  /** Records handled since the last news. */
  readonly handled?: number
}

/** Parent to child. */
export type Command =
  /** A producer publishes nothing more, or something that kills; a storm of members begins or ends. */
  | { readonly do: 'quiet' | 'lethal' | 'storm' | 'calm' }
  /** The wall clock is so far ahead of the right one from now on. */
  | { readonly do: 'clock'; readonly aheadMs: number }

/** Exit code of a process that found its servers away when it started: its supervisor tries again. */
export const unavailableExitCode = 75

/** Exit code of a static member whose name another one has taken in its group. */
export const replacedExitCode = 76

export interface ChildPlace {
  readonly folder: string
  /** Which place in the crew this process fills. */
  readonly slot: string
  /** Rises with every restart of the place. */
  readonly generation: number
  readonly seed: number
  /** How long the pauses of a producer are, as a multiple of those that suit the embedded engine. */
  readonly pace: number
  /** Producers send orders that are handled with hostility. */
  readonly hostile: boolean
  readonly spec: EngineSpec
}

export interface Work {
  stop(): Promise<void>
  command?(command: Command): void
  /** Rejects when the runtime had to halt. */
  readonly done: Promise<void>
}

export const childArguments = (place: ChildPlace): string[] => [JSON.stringify(place)]

export function tell(news: News): void {
  // The parent may be gone; `disconnect` ends this process then.
  if (process.connected) process.send?.(news, () => undefined)
}

// `jumping-clock.ts` listens in every thread. What hears nothing keeps nothing alive.
const clock = new BroadcastChannel(clockChannel)
clock.unref()

/** Starts the work and ends with it: SIGTERM stops it in order, the parent's end or an error at once. */
export async function runChild(start: (place: ChildPlace) => Promise<Work>): Promise<void> {
  const place = JSON.parse(process.argv[2] ?? '{}') as ChildPlace
  process.on('disconnect', () => process.exit(0))
  // Ctrl-C reaches the whole process group: the torturer decides what comes of it.
  process.on('SIGINT', () => undefined)
  const asked = new Promise<void>((resolve) => void process.once('SIGTERM', () => resolve()))
  try {
    const work = await start(place).catch(endIfUnavailable)
    work.done.catch(fail)
    process.on('message', (message) => obey(work, message as Command))
    tell({ ready: true })
    await asked
    await work.stop()
    process.removeAllListeners('disconnect')
    // From here on nothing may keep the process alive: if something does, the torturer reports it.
    if (process.connected) process.disconnect?.()
  } catch (error) {
    fail(error)
  }
}

function obey(work: Work, command: Command): void {
  if (command.do === 'clock') clock.postMessage(command.aheadMs)
  else work.command?.(command)
}

async function endIfUnavailable(error: unknown): Promise<never> {
  if (!isFirebreakError(error) || error.kind !== 'transient') throw error
  process.stderr.write(`${error.message}\n`)
  process.exit(unavailableExitCode)
}

export function fail(error: unknown): void {
  const text = error instanceof Error ? error.stack : String(error)
  process.stderr.write(`${text}\n`, () => process.exit(exitCodeOf(error)))
}

/** A process that is refused for any other reason ends as after any error. */
export function exitCodeOf(error: unknown): number {
  const reason = isFirebreakError(error, 'FB_LOG_REFUSED') ? String(error.detail['reason']) : ''
  return /^instanceId "[^"]+" is used by another member of /.test(reason) ? replacedExitCode : 1
}
