import type { Given } from './look.ts'

/** What a command gets from around it. */
export interface Work {
  readonly given: Given
  readonly onProgress: (line: string) => void
  /** Aborts on Ctrl-C. */
  readonly signal: AbortSignal
  readonly now: () => string
}
