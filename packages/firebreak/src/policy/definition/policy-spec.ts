import type { Backoff } from './backoff.ts'

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
