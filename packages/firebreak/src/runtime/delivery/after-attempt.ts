import { errorMessage, FirebreakError } from '../../contracts/errors.ts'
import { type AfterFailure, decide, type FailurePolicy } from '../instance/decide.ts'
import type { Instance } from '../instance/instance.ts'
import type { AttemptState } from './attempt-state.ts'

/** What becomes of what was tried and has failed, by the policy of its handler. */
export function decideNext({ clock, entropy }: Instance, policy: FailurePolicy, state: AttemptState): AfterFailure {
  const nowMs = clock.monotonic()
  const { classification, failingSinceMs, previousDelayMs } = state
  const attempts = classification.kind === 'infrastructure' ? state.infrastructureFailures : state.count
  const failure = { classification, attempts, firstFailedAtMs: failingSinceMs ?? nowMs, previousDelayMs, nowMs }
  return decide(failure, policy, entropy.random)
}

/** Halts the instance over what no retry can put right. What is fenced is another's, and halts nobody. */
export function haltOver({ halt }: Instance, { classification, error }: AttemptState): void {
  if (classification.kind === 'fenced') return
  halt(error instanceof Error ? error : new FirebreakError('FB_INVARIANT', { claim: errorMessage(error) }))
}
