/**
 * One call under its policy: attempts one after the other, hedges beside them.
 *
 * I1 The caller is told once, and never after `cancel`. From then on nothing of the call is alive: no attempt, no timer.
 * I2 An attempt ends once. Its places in breaker, limit and bulkhead are given back at that moment, whatever comes later.
 * I3 Nothing is sent after the deadline, and nothing is waited for that could not be sent before it.
 * I4 Only what is idempotent is sent twice, and only what the budget pays for.
 * I5 Code from outside (sender, caller, `onGivenUp`) may do to this call and to others whatever it likes, and throw: I1 to I4
 *    hold when it runs. What it throws goes to the caller that set it off. A freed slot is handed on only after that.
 */
import type { Timer } from '../contracts/clock.ts'
import type { Attempt, AttemptFailure, Caller, CallReason } from './attempt.ts'
import { AttemptRun, type ExecutorState, type LiveCall } from './attempt-run.ts'
import type { Breaker } from './breaker.ts'
import { backoffMs } from './definition/backoff.ts'

/** What a call says of itself. */
export interface CallOptions {
  /** The caller's own deadline, on the clock's monotonic scale. What is no number counts as none. */
  readonly deadlineAtMs?: number
  /** Whether sending it twice is harmless; default true. */
  readonly idempotent?: boolean
  /** Which part of the dependency it goes to: each has a breaker of its own. */
  readonly shard?: string
}

/** A call, from its start until its caller is told. */
export class Execution<T> implements LiveCall<T> {
  readonly executor: ExecutorState
  readonly deadlineAtMs: number
  readonly breaker: Breaker | null
  readonly #send: (attempt: Attempt<T>) => void
  readonly #caller: Caller<T>
  readonly #idempotent: boolean
  readonly #startedAtMs: number
  /** Hedges included. */
  #sent = 0
  /** One after the other, hedges not included. */
  #tries = 0
  #isOver = false
  #isCancelled = false
  #delayMs = 0
  /** The other side asked not to be called before. */
  #pausedUntilMs = 0
  #last: AttemptFailure | undefined
  /** Attempts under way; more than one only with hedges. */
  #current: AttemptRun<T> | undefined
  #hedges: AttemptRun<T>[] | undefined
  #timer: Timer | undefined

  constructor(executor: ExecutorState, send: (attempt: Attempt<T>) => void, caller: Caller<T>, options: CallOptions) {
    const { policy, dependency } = executor
    this.executor = executor
    this.#send = send
    this.#caller = caller
    this.#idempotent = options.idempotent ?? true
    const now = executor.clock.monotonic()
    this.#startedAtMs = now
    const own = now + policy.deadlineMs
    const given = options.deadlineAtMs ?? own
    // Written so that NaN loses: in a line of time-outs it would stop all that stand behind it.
    this.deadlineAtMs = given < own ? given : own
    this.breaker = dependency.breaker(options.shard, now)
  }

  begin(): void {
    const now = this.#startedAtMs
    if (this.deadlineAtMs <= now) {
      this.#fail('deadline', false)
      return
    }
    this.executor.dependency.budget?.started(now)
    this.#next(now)
  }

  /** Nothing more happens, and the caller is not told. */
  cancel(): void {
    // It may come from an attempt that is given up because the call has just ended, before the caller is told.
    this.#isCancelled = true
    if (this.#isOver) return
    try {
      this.#end(this.executor.clock.monotonic())
    } finally {
      this.executor.dependency.bulkhead?.admit()
    }
  }

  #next(nowMs: number): void {
    this.#tries++
    this.#current = new AttemptRun(this, ++this.#sent, false)
    this.#current.enter(nowMs)
  }

  /** The attempt has its places: it goes out. */
  go(attempt: AttemptRun<T>, nowMs: number): void {
    const { hedge } = this.executor.policy
    if (hedge !== null && this.#idempotent && !attempt.isHedge) this.#armHedge(nowMs)
    try {
      this.#send(attempt)
    } catch (error) {
      // After the end it comes from someone who was told of it.
      if (attempt.isOver) throw error
      attempt.fail({ kind: 'transient', error })
    }
  }

  refused(attempt: AttemptRun<T>, reason: CallReason): void {
    this.#sent--
    if (this.#forget(attempt)) return
    this.#fail(reason, false)
  }

  won(attempt: AttemptRun<T>, value: T, nowMs: number): void {
    if (this.#isOver) return
    if (attempt.isHedge) this.#current?.overtaken(nowMs)
    this.#forget(attempt)
    try {
      this.#end(nowMs)
    } finally {
      if (!this.#isCancelled) this.#caller.succeeded(value)
    }
  }

  lost(attempt: AttemptRun<T>, failure: AttemptFailure, reason: CallReason, nowMs: number): void {
    if (this.#isOver) return
    const othersGoOn = this.#forget(attempt)
    if (reason === 'failed') this.#last = failure
    const pausedUntilMs = nowMs + (failure.afterMs ?? 0)
    if (pausedUntilMs > this.#pausedUntilMs) this.#pausedUntilMs = pausedUntilMs
    if (failure.kind === 'permanent' || reason === 'deadline') this.#fail(reason, false)
    else if (!othersGoOn) this.#tryAgain(reason, nowMs)
  }

  #tryAgain(reason: CallReason, nowMs: number): void {
    const { policy, dependency, random, clock } = this.executor
    this.#timer?.cancel()
    const isAllowed = this.#idempotent && this.#tries < policy.attemptsMax
    if (isAllowed) this.#delayMs = backoffMs(policy.backoff, this.#tries, this.#delayMs, random)
    const waitMs = Math.max(this.#delayMs, this.#pausedUntilMs - nowMs)
    const isInTime = nowMs + waitMs < this.deadlineAtMs
    const budgetSpent = isAllowed && isInTime && dependency.budget?.tryWithdraw(nowMs) === false
    if (!isAllowed || !isInTime || budgetSpent) this.#fail(reason, budgetSpent)
    else this.#timer = clock.schedule(waitMs, () => this.#next(clock.monotonic()))
  }

  #armHedge(nowMs: number): void {
    const { policy, dependency, clock } = this.executor
    if ((this.#hedges?.length ?? 0) >= (policy.hedge?.max ?? 0)) return
    const after = policy.hedge?.after === 'p95' ? dependency.latencies?.quantile(0.95) : policy.hedge?.after
    if (after === undefined || nowMs + after >= this.deadlineAtMs) return
    this.#timer = clock.schedule(after, () => this.#hedge())
  }

  #hedge(): void {
    const { dependency, clock } = this.executor
    const now = clock.monotonic()
    if (now < this.#pausedUntilMs || dependency.budget?.tryWithdraw(now) === false) return
    const attempt = new AttemptRun(this, ++this.#sent, true)
    this.#hedges ??= []
    this.#hedges.push(attempt)
    // The next one first: this one may end at once, and the call with it.
    this.#armHedge(now)
    attempt.enter(now)
  }

  /** Takes the attempt out; true: others of this call are still under way. */
  #forget(attempt: AttemptRun<T>): boolean {
    if (this.#current === attempt) this.#current = undefined
    return this.#current !== undefined || (this.#hedges?.some((one) => !one.isOver) ?? false)
  }

  #fail(reason: CallReason, budgetSpent: boolean): void {
    try {
      this.#end(this.executor.clock.monotonic())
    } finally {
      if (!this.#isCancelled) this.#caller.failed({ reason, attempts: this.#sent, budgetSpent, last: this.#last })
    }
  }

  #end(nowMs: number): void {
    this.#isOver = true
    this.#timer?.cancel()
    try {
      this.#current?.giveUp(nowMs)
    } finally {
      if (this.#hedges !== undefined) giveUpFrom(this.#hedges, 0, nowMs)
    }
  }
}

function giveUpFrom<T>(attempts: readonly AttemptRun<T>[], first: number, nowMs: number): void {
  try {
    attempts[first]?.giveUp(nowMs)
  } finally {
    if (first + 1 < attempts.length) giveUpFrom(attempts, first + 1, nowMs)
  }
}
