import { FirebreakError } from '../../contracts/errors.ts'
import { defaultsOf, filled, optionProblems, type Problems, shown, strangers } from '../../contracts/option.ts'
import type { Backoff } from './backoff.ts'
import { backoffTotal } from './backoff-total.ts'
import {
  backoffOptions,
  breakerOptions,
  budgetOptions,
  bulkheadOptions,
  hedgeOptions,
  limitOptions,
  policyOptions,
  ratioBudgetOptions,
} from './policy-options.ts'
import type { BreakerSpec, BudgetSpec, BulkheadSpec, HedgeSpec, LimitSpec, Policy, PolicySpec } from './policy-spec.ts'

/**
 * The policy of a call that says nothing else.
 *
 * Three attempts of half a second fit into two seconds. Retries add a twentieth of the load at most, so that three layers
 * that all retry stay below 1.05^3 = 1.16 times what was offered; and one retry a second, so that a caller with little
 * traffic has one at all.
 */
export const policyDefaults: Policy = Object.freeze({
  kind: 'policy',
  deadlineMs: 2000,
  attemptTimeoutMs: 500,
  attemptsMax: 3,
  backoff: defaultsOf(backoffOptions),
  budget: defaultsOf(ratioBudgetOptions),
  breaker: defaultsOf(breakerOptions),
  bulkhead: defaultsOf(bulkheadOptions),
  limit: null,
  hedge: null,
})

/**
 * Defines a policy. **Errors** `FB_CONFIG` with every mistake at once, the arithmetic beside it.
 *
 * @example
 * ```ts
 * import { policy, seconds } from 'firebreak'
 *
 * export const quick = policy({ deadlineMs: seconds(1), attemptTimeoutMs: 300, attemptsMax: 2 })
 * export const once = policy({ attemptsMax: 1, breaker: null })
 * ```
 */
export function policy(spec: PolicySpec = {}): Policy {
  const isObject = typeof spec === 'object' && spec !== null
  const found = withDefaults(isObject ? spec : {})
  const problems = [...policyProblems(found), ...(isObject ? strangers(known, spec) : [notAnObject(spec)])]
  if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
  return found
}

/** A policy may be made of another one. */
const known = { ...policyOptions, kind: true }

const notAnObject = (spec: unknown): string => `a policy must be an object of options, not ${shown(spec)}`

/** Fills in the defaults without judging. */
export function withDefaults(spec: PolicySpec): Policy {
  const d = policyDefaults
  const { deadlineMs, attemptTimeoutMs, attemptsMax } = filled<PolicySpec>(d, spec)
  // What is no object is judged as it is.
  const part = <T extends object>(given: Partial<T> | null | undefined, otherwise: T | null): T | null =>
    typeof (given ?? {}) !== 'object' || given === null
      ? (given as T | null)
      : given === undefined
        ? otherwise
        : Object.freeze(filled<T>(otherwise ?? ({} as T), given))
  return Object.freeze({
    kind: 'policy',
    deadlineMs: deadlineMs as number,
    attemptTimeoutMs: attemptTimeoutMs as number,
    attemptsMax: attemptsMax as number,
    backoff: part<Backoff>(spec.backoff, d.backoff) as Backoff,
    budget:
      spec.budget?.kind === 'tokens'
        ? Object.freeze({ ...spec.budget })
        : part<BudgetSpec>(spec.budget as Partial<BudgetSpec> | null | undefined, d.budget),
    breaker: part(spec.breaker, d.breaker),
    bulkhead: part(spec.bulkhead, d.bulkhead),
    limit: part(spec.limit, d.limit),
    hedge: part(spec.hedge, d.hedge),
  })
}

/** Every mistake of a policy in words, with the arithmetic; empty when it is sound. */
export function policyProblems(policy: Policy): Problems {
  const { budget, breaker, bulkhead, limit, hedge } = policy
  const { deadlineMs, attemptTimeoutMs, attemptsMax } = policy
  // What is no number is told below, and cannot be compared.
  const deadline = typeof deadlineMs === 'number' ? deadlineMs : Number.NaN
  const timeout = typeof attemptTimeoutMs === 'number' ? attemptTimeoutMs : Number.NaN
  const times = [
    ...optionProblems(policyOptions, { deadlineMs, attemptTimeoutMs, attemptsMax }),
    ...backoffProblems(policy.backoff),
  ]
  return [
    ...times,
    ...(budget === null ? [] : optionProblems(budgetOptions(budget), budget, 'budget.')),
    ...(breaker === null ? [] : breakerProblems(breaker, timeout)),
    ...(bulkhead === null ? [] : bulkheadProblems(bulkhead, deadline)),
    ...(limit === null ? [] : limitProblems(limit)),
    ...(hedge === null ? [] : hedgeProblems(hedge, { attemptTimeoutMs: timeout, budget })),
    ...(times.length > 0 ? [] : sumProblems(policy)),
  ]
}

function backoffProblems(backoff: Backoff): Problems {
  const found = optionProblems(backoffOptions, backoff, 'backoff.')
  if (found.length > 0 || backoff.capMs >= backoff.baseMs) return found
  return [`backoff.capMs ${backoff.capMs} is below baseMs ${backoff.baseMs}`]
}

// The last attempt would be started and cut off: its work is wasted every time.
function sumProblems({ deadlineMs, attemptTimeoutMs, attemptsMax, backoff, hedge }: Policy): Problems {
  const waits = backoffTotal(backoff, attemptsMax - 1).maxMs
  const after = hedgeAfterMs(hedge, attemptTimeoutMs)
  const hedges = after === 0 ? 0 : (hedge?.max ?? 0)
  const needed = attemptTimeoutMs * attemptsMax + waits + hedges * after
  if (needed <= deadlineMs) return []
  const terms = [
    `${attemptsMax} x attemptTimeoutMs ${attemptTimeoutMs}`,
    ...(waits > 0 ? [`up to ${waits} ms of backoff`] : []),
    ...(hedges > 0 ? [`${hedges} x hedge.after ${after}`] : []),
  ]
  return [
    `${terms.join(' + ')} = ${needed} ms, and deadlineMs is ${deadlineMs}: ` +
      'raise deadlineMs, or lower attemptTimeoutMs or attemptsMax',
  ]
}

// What starts so much later than an attempt may go on for so much longer.
function hedgeAfterMs(hedge: HedgeSpec | null, attemptTimeoutMs: number): number {
  const isSound = hedge !== null && typeof hedge.after === 'number' && hedge.after > 0 && hedge.after < attemptTimeoutMs
  return isSound && Number.isSafeInteger(hedge.max) ? (hedge.after as number) : 0
}

function breakerProblems(spec: BreakerSpec, attemptTimeoutMs: number): Problems {
  const found = optionProblems(breakerOptions, spec, 'breaker.')
  const { slowMs } = spec
  if (found.length > 0 || slowMs === null || !(slowMs >= attemptTimeoutMs)) return found
  return [`breaker.slowMs ${slowMs} never counts: it must be below attemptTimeoutMs ${attemptTimeoutMs}`]
}

function bulkheadProblems(spec: BulkheadSpec, deadlineMs: number): Problems {
  const found = optionProblems(bulkheadOptions, spec, 'bulkhead.')
  const { queueMax, queueWaitMaxMs } = spec
  if (found.length > 0 || queueMax === 0 || !(queueWaitMaxMs >= deadlineMs)) return found
  return [`bulkhead.queueWaitMaxMs ${queueWaitMaxMs} must be below deadlineMs ${deadlineMs}`]
}

function limitProblems(spec: LimitSpec): Problems {
  const found = optionProblems(limitOptions(spec), spec, 'limit.')
  const { initial, min, max } = spec
  if (found.length > 0 || (min <= initial && initial <= max)) return found
  return [`limit needs min ${min} <= initial ${initial} <= max ${max}`]
}

function hedgeProblems(
  spec: HedgeSpec,
  { attemptTimeoutMs, budget }: Pick<Policy, 'attemptTimeoutMs' | 'budget'>,
): Problems {
  const { after } = spec
  const found = [...optionProblems(hedgeOptions, spec, 'hedge.')]
  if (budget === null) found.push('hedge needs a budget: without one it doubles the load of a slow dependency')
  if (typeof after === 'number' && after !== Number.POSITIVE_INFINITY && after >= attemptTimeoutMs)
    found.push(`hedge.after ${after} must be below attemptTimeoutMs ${attemptTimeoutMs}`)
  return found
}
