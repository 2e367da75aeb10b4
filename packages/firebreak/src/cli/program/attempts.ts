import type { Attempt } from '../../contracts/disposition.ts'
import { toRfc3339 } from '../../node/clock.ts'
import type { OptionSpec } from './args.ts'
import type { Call } from './command.ts'
import { duration, failureText } from './output.ts'

export const stackOption: Readonly<Record<string, OptionSpec>> = {
  stack: { help: 'whole stacks of all attempts' },
}

const stackLines = 3

/** Attempts that failed, the newest first. */
export function showAttempts(call: Call, attempts: readonly Attempt[]): void {
  heading(call, `Attempts (${attempts.length}, newest first)`)
  for (const attempt of [...attempts].reverse()) showAttempt(call, attempt)
}

function showAttempt({ output, args }: Call, attempt: Attempt): void {
  const { style, line, block } = output
  const started = toRfc3339(attempt.startedAtMs)
  line('  ', style.bold(`#${attempt.number}`), `  ${started}  ${duration(attempt.durationMs)}`)
  block('      ', style.red(failureText(attempt)))
  const frames = attempt.stack.split('\n').filter((frame) => /^\s+at /.test(frame))
  const shown = args.flag('stack') ? attempt.stack.split('\n').slice(1) : frames.slice(0, stackLines)
  for (const frame of shown) line('      ', style.dim(frame.trim()))
}

/** The same for `--json`. */
export const attemptDocuments = (attempts: readonly Attempt[]): readonly unknown[] =>
  [...attempts].reverse().map((attempt) => ({ ...attempt, startedAt: toRfc3339(attempt.startedAtMs) }))

/** The title of a part of what is shown of one thing. */
export function heading({ output }: Call, title: string): void {
  output.line()
  output.line(output.style.bold(title))
}
