import type { DeadReason, Disposition } from '../../contracts/disposition.ts'
import { isFirebreakError } from '../../contracts/errors.ts'
import { fieldOf } from '../../contracts/text/text-of.ts'
import { backoffMs } from '../../policy/definition/backoff.ts'
import type { RetryPolicy } from '../../policy/definition/retry.ts'
import { askedPauseMs, pauseMs } from '../../policy/pause.ts'

/** How an error is treated. `infrastructure`: our own database or log is unavailable; no attempt is counted. */
export type ErrorClassification =
  | { readonly kind: 'permanent'; readonly reason: DeadReason }
  | { readonly kind: 'transient' }
  | { readonly kind: 'throttled'; readonly afterMs: number }
  /** Held back before it ran: no attempt is counted, and nothing is kept of it. */
  | { readonly kind: 'not-started'; readonly afterMs: number }
  | { readonly kind: 'infrastructure' }
  | { readonly kind: 'fenced' }
  | { readonly kind: 'halt'; readonly reason: string }

const infrastructure = new Set([
  'FB_COMMIT_UNKNOWN',
  'FB_DATABASE_BUSY',
  'FB_DATABASE_FULL',
  'FB_DATABASE_UNAVAILABLE',
  'FB_LOG_UNAVAILABLE',
  'FB_LOG_FULL',
  'FB_OUTBOX_FULL',
])
const uncounted: ReadonlySet<unknown> = new Set([
  'FB_HANDLER_THROTTLED',
  'FB_CALL_THROTTLED',
  'FB_CALL_OPEN',
  'FB_CALL_BUSY',
])
const reasons: Readonly<Record<string, DeadReason>> = {
  FB_UNDECODABLE: 'undecodable',
  FB_CONTRACT_VIOLATED: 'contract',
  FB_EVENT_UNKNOWN: 'unknown-event',
  FB_UPCASTER_MISSING: 'upcaster',
  FB_CRASH_SUSPECT: 'crash',
}

/** Our own database or log is unavailable: no attempt of a handler is to blame. */
export const isInfrastructure = (error: unknown): boolean => isFirebreakError(error) && infrastructure.has(error.code)

/** What the code of a user can make of an attempt. */
type ThrownClassification = Extract<ErrorClassification, { readonly kind: 'permanent' | 'transient' | 'throttled' }>

/**
 * What an error means that the code of a user threw: a failed attempt, whatever it is. An error of firebreak may come from
 * another database, another runtime or a definition made in the wrong place: it says nothing of our own ledger.
 */
export function classifyThrown(error: unknown): ThrownClassification {
  if (!isFirebreakError(error)) return { kind: 'transient' }
  const code = fieldOf(error, 'code')
  const kind = fieldOf(error, 'kind')
  if (uncounted.has(code)) return { kind: 'throttled', afterMs: pauseOf(error) }
  // What somebody else has closed, or set up wrongly, can be right the next time; what the program says can not.
  const mayPass = kind === 'transient' || code === 'FB_CLOSED' || (kind === 'config' && code !== 'FB_CONFIG')
  if (mayPass) return { kind: 'transient' }
  return { kind: 'permanent', reason: code === 'FB_CONTRACT_VIOLATED' ? 'contract' : 'permanent' }
}

/**
 * What an error means that firebreak itself raised for a unit. Unknown errors are transient: only what is known never to
 * succeed is given up at once.
 */
export function classify(error: unknown): ErrorClassification {
  if (!isFirebreakError(error)) return { kind: 'transient' }
  if (isUncounted(error.code)) return { kind: 'throttled', afterMs: pauseOf(error) }
  if (error.code === 'FB_NOT_STARTED') return { kind: 'not-started', afterMs: pauseOf(error) }
  if (error.code === 'FB_FENCED' || error.code === 'FB_JOB_FENCED') return { kind: 'fenced' }
  if (error.code === 'FB_INVARIANT' || error.kind === 'config') return { kind: 'halt', reason: error.message }
  if (isInfrastructure(error)) return { kind: 'infrastructure' }
  if (error.kind === 'transient') return { kind: 'transient' }
  return { kind: 'permanent', reason: reasons[error.code] ?? 'permanent' }
}

/** Errors of attempts that do not count: somebody asked for a pause, or nothing was sent. */
export const isUncounted = (errorClass: string): boolean => uncounted.has(errorClass)

const pauseOf = (error: unknown): number => askedPauseMs(fieldOf(fieldOf(error, 'detail'), 'afterMs'))

/** Which of our own engines an error speaks of. */
export const failedEngine = (error: unknown): 'log' | 'database' =>
  isFirebreakError(error) && error.code.startsWith('FB_LOG') ? 'log' : 'database'

/** What can become of an attempt that failed. */
export type AfterFailure = Exclude<Disposition, { readonly kind: 'done' | 'duplicate' | 'skipped' }>

/** What is known when an attempt has failed. */
export interface RetryInput {
  readonly classification: ErrorClassification
  /** Attempts that failed so far, this one included if it counts. */
  readonly attempts: number
  readonly firstFailedAtMs: number
  readonly previousDelayMs: number
  /** On the same scale as `firstFailedAtMs`, and so is the date of what is parked. */
  readonly nowMs: number
}

/** What a handler says about its failures. */
export interface FailurePolicy extends RetryPolicy {
  readonly onExhausted: 'skip' | 'hold'
}

const infrastructureRetry = {
  baseMs: 50,
  capMs: 1000,
  jitter: 'full',
} as const

/** Pure: the same failure, policy and chance give the same disposition. */
export function decide(failure: RetryInput, policy: FailurePolicy, random: () => number): AfterFailure {
  const { classification: c, attempts, nowMs } = failure
  if (c.kind === 'halt') return { kind: 'halt', reason: c.reason }
  if (c.kind === 'fenced') return { kind: 'halt', reason: 'fenced' }
  if (c.kind === 'permanent')
    return {
      kind: 'dead-letter',
      reason: c.reason,
      hold: policy.onExhausted === 'hold' && c.reason === 'permanent',
    }
  if (c.kind === 'infrastructure') {
    return {
      kind: 'retry',
      delayMs: Math.max(1, backoffMs(infrastructureRetry, Math.min(attempts, 6), 0, random)),
    }
  }
  const isCounted = c.kind === 'transient'
  const ageMs = nowMs - failure.firstFailedAtMs
  const delayMs = isCounted
    ? backoffMs(policy, attempts, failure.previousDelayMs, random)
    : c.kind === 'throttled'
      ? pauseMs(c.afterMs, { ageMs, ageMaxMs: policy.ageMaxMs })
      : c.afterMs
  const nextAgeMs = ageMs + delayMs
  if ((isCounted && attempts >= policy.attemptsMax) || nextAgeMs > policy.ageMaxMs)
    return {
      kind: 'dead-letter',
      reason: 'exhausted',
      hold: policy.onExhausted === 'hold',
    }
  // What is held back could be all there is: it must not fill the memory.
  const staysInLane = delayMs <= policy.laneWaitMaxMs && c.kind !== 'not-started'
  return staysInLane ? { kind: 'retry', delayMs } : { kind: 'park', dueAtMs: nowMs + delayMs }
}
