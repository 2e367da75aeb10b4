/** Why a record ends as a dead letter. */
export type DeadReason = 'permanent' | 'exhausted' | 'undecodable' | 'contract' | 'unknown-event' | 'upcaster' | 'crash'

/** The outcome of one delivery. `skipped`: an event type that this service does not handle. */
export type Disposition =
  | { readonly kind: 'done' }
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'skipped' }
  | { readonly kind: 'retry'; readonly delayMs: number }
  | { readonly kind: 'park'; readonly dueAtMs: number }
  | { readonly kind: 'dead-letter'; readonly reason: DeadReason; readonly hold: boolean }
  | { readonly kind: 'halt'; readonly reason: string }

/** One try of one handler on one record. Kept with the record, newest last, bounded. */
export interface Attempt {
  /** From 1. */
  readonly number: number
  readonly startedAtMs: number
  readonly durationMs: number
  readonly errorClass: string
  readonly message: string
  /** Stack of the error, cut to 4 KiB. */
  readonly stack: string
  /** The dependency whose call failed, where it was a call. */
  readonly dependency?: string
}
