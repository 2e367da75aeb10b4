import { isFirebreakError } from '../../contracts/errors.ts'

/** What the process says to scripts when it ends. */
export const exit = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  conflict: 4,
  partial: 5,
  interrupted: 130,
} as const

export type ExitCode = (typeof exit)[keyof typeof exit]

/** Ends a command with a message and, where there is one, the next step. */
export class CommandError extends Error {
  readonly exit: ExitCode
  readonly hint: string | undefined
  /** What an ambiguous name may have meant. */
  readonly candidates: readonly unknown[] | undefined

  constructor(code: ExitCode, message: string, hint?: string, candidates?: readonly unknown[]) {
    super(message)
    this.name = 'CommandError'
    this.exit = code
    this.hint = hint
    this.candidates = candidates
  }
}

export const usageError = (message: string, hint?: string): CommandError => new CommandError(exit.usage, message, hint)

const notFound: ReadonlySet<string> = new Set([
  'FB_BLOCKED_NOT_FOUND',
  'FB_DEAD_LETTER_NOT_FOUND',
  'FB_JOB_NOT_FOUND',
  'FB_SCHEDULE_NOT_FOUND',
  'FB_TOPIC_UNKNOWN',
])
const conflicts: ReadonlySet<string> = new Set([
  'FB_BLOCKED_STATE',
  'FB_DEAD_LETTER_STATE',
  'FB_JOB_STATE',
  'FB_REPLAY_INVALID',
])

/** The exit code that belongs to an error. */
export function exitOf(error: unknown): ExitCode {
  if (error instanceof CommandError) return error.exit
  if (!isFirebreakError(error)) return exit.failed
  if (notFound.has(error.code)) return exit.notFound
  return conflicts.has(error.code) ? exit.conflict : exit.failed
}
