import { FirebreakError } from '../contracts/errors.ts'
import { type Backoff, jitters } from './backoff.ts'
import { backoffTotal } from './backoff-total.ts'
import { atLeast, isAtLeast, oneOf, type Problems, whole } from './problems.ts'

/** How much a caller may add to the load of a dependency by trying again. */
export type BudgetSpec =
  /** Finagle's form: each call deposits `ratio` of a retry, `minPerSec` more come with time, and all expire after `ttlMs`. */
  | { readonly kind: 'ratio'; readonly ratio: number; readonly minPerSec: number; readonly ttlMs: number }
  /** gRPC's form (A6): a failure takes a token, a success brings `tokenRatio`; retries only above half of `tokensMax`. */
  | { readonly kind: 'tokens'; readonly tokensMax: number; readonly tokenRatio: number }

export interface BreakerSpec {
  /** Share of failed or slow calls within the window from which on it opens; in (0, 1]. */
  readonly failureRatio: number
  /** Calls that the window must hold before it can open. */
  readonly callsMin: number
  readonly windowMs: number
  /** How long it stays open before it lets probes through. */
  readonly openMs: number
  /** Probes at the same time while it is half open; as many successes in a row close it. */
  readonly probesMax: number
  /** A call that takes longer counts as failed; null: time does not matter. */
  readonly slowMs: number | null
}

export interface BulkheadSpec {
  /** Attempts at the same time per process; Little: calls per second times seconds per call, split over the instances. */
  readonly slots: number
  /** Calls that may wait for a slot. */
  readonly queueMax: number
  readonly queueWaitMaxMs: number
}

/** A limit of attempts at the same time that finds itself. */
export type LimitSpec =
  | {
      readonly kind: 'aimd'
      readonly initial: number
      readonly min: number
      readonly max: number
      readonly backoff: number
      readonly timeoutMs: number
    }
  | { readonly kind: 'vegas'; readonly initial: number; readonly min: number; readonly max: number }
  /** Creeps upward under a lasting queue: its long window learns the queue as if it were the work. */
  | { readonly kind: 'gradient2'; readonly initial: number; readonly min: number; readonly max: number }

export interface HedgeSpec {
  /** How long the first attempt may take before a second one starts beside it; `p95`: of the calls seen so far. */
  readonly after: number | 'p95'
  /** Further attempts per call, beside and beyond `attemptsMax`. */
  readonly max: number
}

/**
 * How a dependency is called. Inert data; `policy()` builds it.
 *
 * The order, from the outside in: deadline, retry under the budget, breaker, limit, bulkhead, timeout of the attempt.
 */
export interface Policy {
  readonly kind: 'policy'
  /** For the whole call with its waits and retries; the caller's own deadline counts too where it is nearer. */
  readonly deadlineMs: number
  readonly attemptTimeoutMs: number
  /**
   * Attempts one after the other, the first included. Hedges stand beside them and do not count, so that a slow attempt
   * does not use up the retry of a failed one: a call sends `attemptsMax` + `hedge.max` at most, and the budget pays for
   * all but the first.
   */
  readonly attemptsMax: number
  readonly backoff: Backoff
  readonly budget: BudgetSpec | null
  readonly breaker: BreakerSpec | null
  readonly bulkhead: BulkheadSpec | null
  readonly limit: LimitSpec | null
  readonly hedge: HedgeSpec | null
}

/** What differs from the defaults; `null` leaves a part out. */
export interface PolicySpec {
  readonly deadlineMs?: number
  readonly attemptTimeoutMs?: number
  readonly attemptsMax?: number
  readonly backoff?: Partial<Backoff>
  readonly budget?: Partial<Extract<BudgetSpec, { kind: 'ratio' }>> | Extract<BudgetSpec, { kind: 'tokens' }> | null
  readonly breaker?: Partial<BreakerSpec> | null
  readonly bulkhead?: Partial<BulkheadSpec> | null
  readonly limit?: LimitSpec | null
  readonly hedge?: HedgeSpec | null
}

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
  backoff: Object.freeze({ baseMs: 50, capMs: 200, jitter: 'full' }),
  budget: Object.freeze({ kind: 'ratio', ratio: 0.05, minPerSec: 1, ttlMs: 10_000 }),
  breaker: Object.freeze({
    failureRatio: 0.5,
    callsMin: 20,
    windowMs: 10_000,
    openMs: 5000,
    probesMax: 3,
    slowMs: null,
  }),
  bulkhead: Object.freeze({ slots: 64, queueMax: 0, queueWaitMaxMs: 100 }),
  limit: null,
  hedge: null,
})

/** Defines a policy. **Errors** `FB_CONFIG` with every mistake at once, the arithmetic beside it. */
export function policy(spec: PolicySpec = {}): Policy {
  const found = withDefaults(spec)
  const problems = policyProblems(found)
  if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
  return found
}

/** Fills in the defaults without judging. */
export function withDefaults(spec: PolicySpec): Policy {
  const d = policyDefaults
  const part = <T extends object>(given: Partial<T> | null | undefined, otherwise: T | null): T | null =>
    given === null ? null : given === undefined ? otherwise : Object.freeze({ ...(otherwise as T), ...given })
  return Object.freeze({
    kind: 'policy',
    deadlineMs: spec.deadlineMs ?? d.deadlineMs,
    attemptTimeoutMs: spec.attemptTimeoutMs ?? d.attemptTimeoutMs,
    attemptsMax: spec.attemptsMax ?? d.attemptsMax,
    backoff: Object.freeze({ ...d.backoff, ...spec.backoff }),
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
  const { deadlineMs, attemptTimeoutMs, attemptsMax, backoff } = policy
  const times = [
    ...atLeast('deadlineMs', deadlineMs, 1),
    ...atLeast('attemptTimeoutMs', attemptTimeoutMs, 1),
    ...whole('attemptsMax', attemptsMax, { min: 1, max: 100 }),
    ...backoffProblems(backoff),
  ]
  return [
    ...times,
    ...budgetProblems(policy.budget),
    ...breakerProblems(policy.breaker, attemptTimeoutMs),
    ...bulkheadProblems(policy.bulkhead, deadlineMs),
    ...limitProblems(policy.limit),
    ...hedgeProblems(policy.hedge, policy),
    ...(times.length > 0 ? [] : sumProblems(policy)),
  ]
}

function backoffProblems({ baseMs, capMs, jitter }: Backoff): Problems {
  const found = [
    ...atLeast('backoff.baseMs', baseMs, 0),
    ...atLeast('backoff.capMs', capMs, 0),
    ...oneOf('backoff.jitter', jitter, jitters),
  ]
  return found.length > 0 || capMs >= baseMs ? found : [`backoff.capMs ${capMs} is below baseMs ${baseMs}`]
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

function budgetProblems(spec: BudgetSpec | null): Problems {
  if (spec === null) return []
  if (spec.kind === 'ratio')
    return [
      ...atLeast('budget.ratio', spec.ratio, 0),
      ...atLeast('budget.minPerSec', spec.minPerSec, 0),
      ...atLeast('budget.ttlMs', spec.ttlMs, 1),
    ]
  // Thousandths are what it counts in: less would never bring a token.
  if (spec.kind === 'tokens')
    return [...atLeast('budget.tokensMax', spec.tokensMax, 1), ...atLeast('budget.tokenRatio', spec.tokenRatio, 0.001)]
  return oneOf('budget.kind', (spec as BudgetSpec).kind, ['ratio', 'tokens'])
}

function breakerProblems(spec: BreakerSpec | null, attemptTimeoutMs: number): Problems {
  if (spec === null) return []
  const { failureRatio, slowMs } = spec
  const found: string[] = []
  if (!(isAtLeast(failureRatio, 0) && failureRatio > 0 && failureRatio <= 1))
    found.push(`breaker.failureRatio must be above 0 and at most 1, not ${failureRatio}`)
  for (const name of ['callsMin', 'windowMs', 'openMs'] as const)
    found.push(...atLeast(`breaker.${name}`, spec[name], 1))
  // It keeps a place for each.
  found.push(...whole('breaker.probesMax', spec.probesMax, { min: 1, max: 1000 }))
  if (slowMs !== null && !(isAtLeast(slowMs, 0) && slowMs > 0 && slowMs < attemptTimeoutMs))
    found.push(
      `breaker.slowMs ${slowMs} never counts: it must be above 0 and below attemptTimeoutMs ${attemptTimeoutMs}`,
    )
  return found
}

function bulkheadProblems(spec: BulkheadSpec | null, deadlineMs: number): Problems {
  if (spec === null) return []
  const { slots, queueMax, queueWaitMaxMs } = spec
  const found = [...whole('bulkhead.slots', slots, { min: 1 }), ...whole('bulkhead.queueMax', queueMax, { min: 0 })]
  if (queueMax > 0 && !(isAtLeast(queueWaitMaxMs, 0) && queueWaitMaxMs > 0 && queueWaitMaxMs < deadlineMs))
    found.push(`bulkhead.queueWaitMaxMs ${queueWaitMaxMs} must be above 0 and below deadlineMs ${deadlineMs}`)
  return found
}

function limitProblems(spec: LimitSpec | null): Problems {
  if (spec === null) return []
  const { initial, min, max } = spec
  const found = [...oneOf('limit.kind', spec.kind, ['aimd', 'vegas', 'gradient2'])]
  const isRange = [min, initial, max].every(Number.isSafeInteger) && min >= 1 && min <= initial && initial <= max
  if (!isRange) found.push(`limit needs whole numbers 1 <= min ${min} <= initial ${initial} <= max ${max}`)
  if (spec.kind !== 'aimd') return found
  if (!(isAtLeast(spec.backoff, 0) && spec.backoff > 0 && spec.backoff < 1))
    found.push(`limit.backoff must be between 0 and 1, not ${spec.backoff}`)
  if (!(isAtLeast(spec.timeoutMs, 0) && spec.timeoutMs > 0))
    found.push(`limit.timeoutMs must be above 0, not ${spec.timeoutMs}`)
  return found
}

function hedgeProblems(spec: HedgeSpec | null, { attemptTimeoutMs, budget }: Policy): Problems {
  if (spec === null) return []
  const { after, max } = spec
  const found = [...whole('hedge.max', max, { min: 1, max: 100 })]
  if (budget === null) found.push('hedge needs a budget: without one it doubles the load of a slow dependency')
  if (after !== 'p95' && !(isAtLeast(after, 0) && after < attemptTimeoutMs))
    found.push(`hedge.after ${after} must be 0 or more and below attemptTimeoutMs ${attemptTimeoutMs}, or p95`)
  return found
}
