import { FirebreakError, isFirebreakError } from '../contracts/errors.ts'
import { fieldOf } from '../contracts/text/text-of.ts'
import type { AttemptFailure, CallFailure } from './attempt.ts'
import type { Policy } from './definition/policy-spec.ts'

// An inner policy has refused to send anything, or has no time left: asking again at once is load without hope.
const final = new Set(['FB_CALL_OPEN', 'FB_CALL_BUSY', 'FB_CALL_DEADLINE'])

/** What a thrown error means for the policy. Unknown errors are transient; the refusal of an inner policy is final. */
export function failureOf(error: unknown): AttemptFailure {
  if (isFirebreakError(error) && final.has(error.code)) return { kind: 'permanent', error }
  if (!isFirebreakError(error) || error.kind === 'transient') {
    const afterMs = isFirebreakError(error) ? fieldOf(error.detail, 'afterMs') : undefined
    return typeof afterMs === 'number' && afterMs >= 0
      ? { kind: 'throttled', afterMs, error }
      : { kind: 'transient', error }
  }
  return { kind: 'permanent', error }
}

/** A failed call as an error. What the dependency itself said stays as it is. */
export function callError(name: string, { deadlineMs, attemptTimeoutMs }: Policy, failure: CallFailure): unknown {
  const { reason, attempts, budgetSpent, last } = failure
  const detail = { dependency: name, attempts, budgetSpent }
  switch (reason) {
    case 'failed':
      return last?.error ?? new FirebreakError('FB_CALL_FAILED', { ...detail, reason: 'no answer' })
    case 'timeout':
      return new FirebreakError('FB_CALL_TIMEOUT', { ...detail, attemptTimeoutMs }, last?.error)
    case 'deadline':
      return new FirebreakError('FB_CALL_DEADLINE', { ...detail, deadlineMs }, last?.error)
    case 'open':
      return new FirebreakError('FB_CALL_OPEN', detail, last?.error)
    case 'bulkhead':
    case 'limit':
      return new FirebreakError('FB_CALL_BUSY', { ...detail, reason }, last?.error)
  }
}
