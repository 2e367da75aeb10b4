/** What a dependency answered that is no success, as far as the policy has to know. */
export interface AttemptFailure {
  /**
   * `transient`: overload, time-out, a broken connection, 5xx: tried again, and counted by breaker and limit.
   * `throttled`: the other side asked for a pause of `afterMs`; counted likewise. `permanent`: the request is wrong: neither.
   */
  readonly kind: 'transient' | 'throttled' | 'permanent'
  /** What is no number, or not above 0, leaves the wait to the backoff. */
  readonly afterMs?: number
  readonly error: unknown
}

/**
 * One attempt under way. The sender ends it once, by `succeed` or `fail`; whatever comes later is ignored.
 *
 * **Errors** `succeed` and `fail` throw what those throw whom they set off: the caller, `onGivenUp` of a hedge, a call that gets
 * the slot. All of them have had their turn by then.
 */
export interface Attempt<T> {
  /** From 1; a hedge has a number of its own. */
  readonly number: number
  readonly isHedge: boolean
  /** When the policy gives this attempt up, on the clock's monotonic scale. */
  readonly endsAtMs: number
  /** When the whole call ends. What goes out as the remaining time is measured from here. */
  readonly deadlineAtMs: number
  /** Aborts when the attempt is given up; made when first asked for. */
  readonly signal: AbortSignal
  /** Set by the sender: called at most once, when the attempt is given up before it has ended. Cheaper than `signal`. */
  onGivenUp: (() => void) | undefined
  succeed(value: T): void
  fail(failure: AttemptFailure): void
}

/**
 * Why a call came to nothing.
 *
 * `open`, `limit`, `bulkhead`: the policy itself refused the last attempt, nothing was sent for it. `deadline`: the time of
 * the whole call was over. `timeout`: the last attempt took too long. `failed`: the last attempt failed.
 */
export type CallReason = 'open' | 'limit' | 'bulkhead' | 'deadline' | 'timeout' | 'failed'

export interface CallFailure {
  readonly reason: CallReason
  /** Sent, hedges included. */
  readonly attempts: number
  /** The budget refused an attempt that was left. */
  readonly budgetSpent: boolean
  /** What the last attempt that was answered failed with. */
  readonly last: AttemptFailure | undefined
}

/** Who waits for a call. Exactly one of the two is called, once. */
export interface Caller<T> {
  succeeded(value: T): void
  failed(failure: CallFailure): void
}
