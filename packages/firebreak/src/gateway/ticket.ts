import type { Clock } from '../contracts/clock.ts'
import type { ServerQueue } from '../policy/server-queue.ts'
import type { Expirable, TimeoutLine } from '../policy/timeout-line.ts'
import type { Visit } from './server-context.ts'

/** Why a request was not started. `gone`: nobody waits for the answer any more. */
export type Refusal = 'full' | 'shed' | 'expired' | 'gone'

/** What all tickets of one admission share. */
export interface Desk {
  readonly queue: ServerQueue<Ticket>
  readonly clock: Clock
  readonly waitMaxMs: number
  /** Those that wait, by how long they may. */
  readonly waits: TimeoutLine
  /** Those that work, by their deadlines. */
  readonly deadlines: TimeoutLine
  readonly counts: { started: number; readonly refused: Record<Refusal, number> }
}

/** Who has sent the request. Exactly one of the two is called, once. */
export interface Told {
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
export class Ticket implements Expirable {
  readonly visit: Visit
  readonly #desk: Desk
  readonly #told: Told
  #mode: 'new' | 'waiting' | 'working' | 'ended' = 'new'
  endsAtMs = 0
  earlier: Expirable | undefined
  later: Expirable | undefined

  constructor(desk: Desk, visit: Visit, told: Told) {
    this.#desk = desk
    this.visit = visit
    this.#told = told
  }

  /** Asks for a place; may be told before this returns. */
  enter(): void {
    const { queue, clock, waits, waitMaxMs } = this.#desk
    const now = clock.monotonic()
    const verdict = this.visit.hasExpired ? 'expired' : queue.offer(now, this, this.visit.priority === 'critical')
    if (verdict === 'start') this.#start(now)
    else if (verdict !== 'queued') this.#refuse(verdict)
    else {
      this.#mode = 'waiting'
      this.endsAtMs = Math.min(now + waitMaxMs, this.visit.endsAtMs)
      waits.add(this, now)
    }
  }

  /** The work has ended. Idempotent. */
  leave(): void {
    if (this.#mode !== 'working') return
    this.#end()
    const { queue, clock } = this.#desk
    const now = clock.monotonic()
    queue.finish(now)
    for (let next = queue.next(now); next !== undefined; next = queue.next(now)) next.#turn(now)
  }

  /** The caller has gone: what waits leaves the queue, what works is told and keeps its place. */
  abandon(): void {
    this.visit.abandon()
    if (this.#mode !== 'waiting') return
    this.#desk.queue.remove(this)
    this.#refuse('gone')
  }

  /** It has waited too long, or has to make room. */
  expire(): void {
    this.#desk.queue.remove(this)
    this.#refuse(this.visit.hasExpired ? 'expired' : 'shed')
  }

  #refuse(refusal: Refusal): void {
    this.#end()
    this.#desk.counts.refused[refusal]++
    this.#told.refused(refusal)
  }

  /** A worker has been taken for it. */
  #turn(nowMs: number): void {
    if (this.visit.hasExpired) {
      this.#desk.queue.finish(nowMs)
      this.#refuse('expired')
    } else this.#start(nowMs)
  }

  #start(nowMs: number): void {
    this.#desk.waits.remove(this)
    this.#mode = 'working'
    this.#desk.counts.started++
    this.#desk.deadlines.add(this.visit, nowMs)
    this.#told.admitted()
  }

  #end(): void {
    if (this.#mode === 'waiting') this.#desk.waits.remove(this)
    if (this.#mode === 'working') this.#desk.deadlines.remove(this.visit)
    this.#mode = 'ended'
  }
}
