import type { Clock } from '../contracts/clock.ts'
import type { ServerQueue } from '../policy/server-queue.ts'
import type { Expirable, TimeoutLine } from '../policy/timeout-line.ts'
import type { RequestScope } from './server-context.ts'

/** Why a request was not started. `gone`: nobody waits for the answer any more. */
export type Refusal = 'full' | 'shed' | 'expired' | 'gone'

/** What all requests of one admission share. */
export interface AdmissionState {
  readonly queue: ServerQueue<AdmissionRequest>
  readonly clock: Clock
  readonly waitMaxMs: number
  /** Those that wait, by how long they may. */
  readonly waits: TimeoutLine
  /** Those that work, by their deadlines. */
  readonly deadlines: TimeoutLine
  readonly counts: { started: number; readonly refused: Record<Refusal, number> }
}

/** What a request learns of its admission. Exactly one of the two is called, once. */
export interface AdmissionListener {
  admitted(): void
  refused(refusal: Refusal): void
}

/**
 * One request's way through an admission.
 *
 *     new -> waiting -> working -> ended       `leave` ends the work and gives the place to the next
 *     new -> working                           a place was free
 *     new | waiting -> ended                   refused: it has not started, and never will
 *
 * I1 A place is held from `working` to `ended`, whatever became of the caller.
 */
export class AdmissionRequest implements Expirable {
  readonly scope: RequestScope
  readonly #state: AdmissionState
  readonly #listener: AdmissionListener
  #mode: 'new' | 'waiting' | 'working' | 'ended' = 'new'
  endsAtMs = 0
  earlier: Expirable | undefined
  later: Expirable | undefined

  constructor(state: AdmissionState, scope: RequestScope, listener: AdmissionListener) {
    this.#state = state
    this.scope = scope
    this.#listener = listener
  }

  /** Asks for a place; may be told before this returns. */
  enter(): void {
    const { queue, clock, waits, waitMaxMs } = this.#state
    const now = clock.monotonic()
    const verdict = this.scope.hasExpired ? 'expired' : queue.offer(now, this, this.scope.priority === 'critical')
    if (verdict === 'start') this.#start(now)
    else if (verdict !== 'queued') this.#refuse(verdict)
    else {
      this.#mode = 'waiting'
      this.endsAtMs = Math.min(now + waitMaxMs, this.scope.endsAtMs)
      waits.add(this, now)
    }
  }

  /** The work has ended. Idempotent. */
  leave(): void {
    if (this.#mode !== 'working') return
    this.#end()
    const { queue, clock } = this.#state
    const now = clock.monotonic()
    queue.finish(now)
    for (let next = queue.next(now); next !== undefined; next = queue.next(now)) next.#turn(now)
  }

  /** The caller has gone: what waits leaves the queue, what works is told and keeps its place. */
  abandon(): void {
    this.scope.abandon()
    if (this.#mode !== 'waiting') return
    this.#state.queue.remove(this)
    this.#refuse('gone')
  }

  /** It has waited too long, or has to make room. */
  expire(): void {
    this.#state.queue.remove(this)
    this.#refuse(this.scope.hasExpired ? 'expired' : 'shed')
  }

  #refuse(refusal: Refusal): void {
    this.#end()
    this.#state.counts.refused[refusal]++
    this.#listener.refused(refusal)
  }

  /** A worker has been taken for it. */
  #turn(nowMs: number): void {
    if (this.scope.hasExpired) {
      this.#state.queue.finish(nowMs)
      this.#refuse('expired')
    } else this.#start(nowMs)
  }

  #start(nowMs: number): void {
    this.#state.waits.remove(this)
    this.#mode = 'working'
    this.#state.counts.started++
    this.#state.deadlines.add(this.scope, nowMs)
    this.#listener.admitted()
  }

  #end(): void {
    if (this.#mode === 'waiting') this.#state.waits.remove(this)
    if (this.#mode === 'working') this.#state.deadlines.remove(this.scope)
    this.#mode = 'ended'
  }
}
