import { FirebreakError } from '../../contracts/errors.ts'
import type { AnyCall } from '../../define/call.ts'
import type { CallFailure } from '../../policy/attempt.ts'
import { callError } from '../../policy/call-error.ts'

/**
 * A failed call as an error: what the dependency or the policy said, with the call, the attempts and, where waiting helps,
 * how long.
 */
export function failedCall({ name, to, policy }: AnyCall, failure: CallFailure, waitMs: number): FirebreakError {
  const { code, detail, cause } = callError(to, policy, failure) as FirebreakError
  const { attempts, budgetSpent, reason } = failure
  const isRefused = reason === 'open' || reason === 'bulkhead' || reason === 'limit'
  const own = { ...detail, call: name, attempts, budgetSpent }
  return new FirebreakError(code, isRefused ? { ...own, afterMs: waitMs } : own, cause)
}
