/**
 * One attempt of a call.
 *
 * I1 It ends once, and gives back at that moment whatever places it has; `isOver` is set before anybody hears of it.
 * I2 `onGivenUp` is called once at most, and only while the attempt is under way.
 * I3 A freed slot is handed on last, when the call of the attempt is in order.
 */
import type { Clock } from '../contracts/clock.ts'
import type { Attempt, AttemptFailure, CallReason } from './attempt.ts'
import type { Breaker } from './breaker.ts'
import type { Waiter } from './bulkhead.ts'
import type { Policy } from './definition/policy-spec.ts'
import type { Dependency } from './dependency.ts'
import type { Expirable, TimeoutLine } from './timeout-line.ts'

/** What all calls of one executor share. */
export interface ExecutorState {
  readonly policy: Policy
  readonly dependency: Dependency
  readonly clock: Clock
  readonly random: () => number
  readonly attempts: TimeoutLine
  readonly waits: TimeoutLine
}

/** The call that an attempt belongs to, and what it hears of it. */
export interface LiveCall<T> {
  readonly executor: ExecutorState
  readonly deadlineAtMs: number
  readonly breaker: Breaker | null
  /** It has its places: it may go out. */
  go(attempt: AttemptRun<T>, nowMs: number): void
  /** It got no place, and is over. */
  refused(attempt: AttemptRun<T>, reason: CallReason): void
  won(attempt: AttemptRun<T>, value: T, nowMs: number): void
  lost(attempt: AttemptRun<T>, failure: AttemptFailure, reason: CallReason, nowMs: number): void
}

const timedOut: AttemptFailure = Object.freeze({ kind: 'transient', error: 'timeout' })

/** Its places in breaker, limit and bulkhead, its time, and the sender's view of it. */
export class AttemptRun<T> implements Attempt<T>, Expirable, Waiter {
  readonly number: number
  readonly isHedge: boolean
  endsAtMs = 0
  onGivenUp: (() => void) | undefined
  isOver = false
  earlier: Expirable | undefined
  later: Expirable | undefined
  ahead: Waiter | undefined
  behind: Waiter | undefined
  readonly #call: LiveCall<T>
  #startedAtMs = 0
  #isWaiting = false
  #isGivenUp = false
  #epoch = 0
  #abort: AbortController | undefined

  constructor(call: LiveCall<T>, number: number, isHedge: boolean) {
    this.#call = call
    this.number = number
    this.isHedge = isHedge
  }

  get deadlineAtMs(): number {
    return this.#call.deadlineAtMs
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController()
    if (this.#isGivenUp) this.#abort.abort()
    return this.#abort.signal
  }

  /** Asks for the places, from the outside in. A hedge does not wait: it would only be in the way. */
  enter(nowMs: number): void {
    const { bulkhead } = this.#call.executor.dependency
    if (bulkhead === null || bulkhead.tryEnter()) {
      this.#start(nowMs)
      return
    }
    if (this.#call.breaker?.state(nowMs) === 'open') {
      this.#refuse('open')
      return
    }
    if (this.isHedge || !bulkhead.tryWait(this)) {
      this.#refuse('bulkhead')
      return
    }
    this.#isWaiting = true
    const { queueWaitMaxMs } = this.#call.executor.policy.bulkhead ?? { queueWaitMaxMs: 0 }
    this.endsAtMs = Math.min(nowMs + queueWaitMaxMs, this.deadlineAtMs)
    this.#call.executor.waits.add(this, nowMs)
  }

  admitted(): void {
    this.#isWaiting = false
    this.#call.executor.waits.remove(this)
    this.#start(this.#call.executor.clock.monotonic())
  }

  #start(nowMs: number): void {
    const { dependency, policy, attempts } = this.#call.executor
    const { breaker } = this.#call
    // A timer or a slot may come late.
    if (this.deadlineAtMs <= nowMs) {
      this.#turnBack('deadline')
      return
    }
    this.#epoch = breaker === null ? 0 : breaker.admit(nowMs)
    if (this.#epoch < 0) {
      this.#turnBack('open')
      return
    }
    if (dependency.limit?.tryAcquire(nowMs) === false) {
      breaker?.settle(nowMs, this.#epoch, 'ignored', 0)
      this.#turnBack('limit')
      return
    }
    this.#startedAtMs = nowMs
    this.endsAtMs = Math.min(nowMs + policy.attemptTimeoutMs, this.deadlineAtMs)
    attempts.add(this, nowMs)
    this.#call.go(this, nowMs)
  }

  /** Nobody waits for the slot: either none did when it was taken, or the giver goes on. */
  #turnBack(reason: CallReason): void {
    this.#call.executor.dependency.bulkhead?.leave()
    this.#refuse(reason)
  }

  #refuse(reason: CallReason): void {
    this.isOver = true
    this.#call.refused(this, reason)
  }

  succeed(value: T): void {
    if (this.isOver) return
    const now = this.#call.executor.clock.monotonic()
    this.#settle(now, 'ok')
    try {
      this.#call.won(this, value, now)
    } finally {
      this.#handOn()
    }
  }

  fail(failure: AttemptFailure): void {
    if (this.isOver) return
    const now = this.#call.executor.clock.monotonic()
    // A request that is wrong says that the dependency is well.
    this.#settle(now, failure.kind === 'permanent' ? 'ok' : 'failed')
    try {
      this.#call.lost(this, failure, 'failed', now)
    } finally {
      this.#handOn()
    }
  }

  /** Its time is over, in the queue or under way. */
  expire(nowMs: number): void {
    if (this.isOver) return
    const isPast = this.deadlineAtMs <= nowMs
    if (this.#isWaiting) {
      this.#stopWaiting()
      this.#refuse(isPast ? 'deadline' : 'bulkhead')
      return
    }
    // Cut short by a deadline that was nearer than its own time, it says nothing about the dependency.
    const hadItsTime = this.#startedAtMs + this.#call.executor.policy.attemptTimeoutMs <= this.deadlineAtMs
    this.#settle(nowMs, hadItsTime ? 'failed' : 'ignored')
    try {
      this.#abandon()
    } finally {
      this.#timedOut(nowMs, isPast ? 'deadline' : 'timeout')
    }
  }

  #timedOut(nowMs: number, reason: CallReason): void {
    try {
      this.#call.lost(this, timedOut, reason, nowMs)
    } finally {
      this.#handOn()
    }
  }

  /** It lost to a hedge, and would have taken longer still. */
  overtaken(nowMs: number): void {
    this.#call.executor.dependency.latencies?.add(nowMs - this.#startedAtMs)
  }

  /** Another attempt has won, or nobody waits any more. */
  giveUp(nowMs: number): void {
    if (this.isOver) return
    if (this.#isWaiting) {
      this.#stopWaiting()
      this.isOver = true
      return
    }
    this.#settle(nowMs, 'ignored')
    this.#abandon()
  }

  #handOn(): void {
    this.#call.executor.dependency.bulkhead?.admit()
  }

  #stopWaiting(): void {
    this.#call.executor.dependency.bulkhead?.giveUp(this)
    this.#call.executor.waits.remove(this)
  }

  #abandon(): void {
    this.#isGivenUp = true
    try {
      this.onGivenUp?.()
    } finally {
      this.#abort?.abort()
    }
  }

  #settle(nowMs: number, outcome: 'ok' | 'failed' | 'ignored'): void {
    this.isOver = true
    const { dependency, attempts } = this.#call.executor
    const tookMs = nowMs - this.#startedAtMs
    attempts.remove(this)
    this.#call.breaker?.settle(nowMs, this.#epoch, outcome, tookMs)
    if (outcome === 'ignored') dependency.limit?.cancel()
    else {
      dependency.limit?.release(nowMs, tookMs, outcome === 'failed')
      dependency.budget?.settled(nowMs, outcome === 'ok')
      // A hedge's own time says when a second one answers, not when the first would have.
      if (outcome === 'ok' && !this.isHedge) dependency.latencies?.add(tookMs)
    }
    dependency.bulkhead?.leave()
  }
}
