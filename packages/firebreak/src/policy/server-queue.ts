import { invariant } from '../contracts/errors.ts'
import { type CodelSpec, codelTimeoutMs, isStanding } from './codel.ts'
import { type Place, WaitingLine } from './waiting-line.ts'

/** How a server admits work. */
export interface ServerQueueSpec {
  /** Items that run at the same time. */
  readonly concurrency: number
  /** Items that may wait. */
  readonly queueMax: number
  /** Which one starts next; `adaptive-lifo`: the oldest, but the newest while the queue stands. */
  readonly order: 'fifo' | 'lifo' | 'adaptive-lifo'
  readonly waitMaxMs: number
  readonly codel: CodelSpec | null
}

const standingAfterMs = 100

/**
 * What runs at a server, what waits, and what is turned away.
 *
 * Critical items start before all others, keep the long time-out of CoDel while the queue stands, and take the place of the
 * newest other one when the queue is full. A request that has waited too long is shed when its turn comes, and the oldest also when
 * something else comes or ends. `next` is called until it returns undefined after each `finish` and `setConcurrency`.
 *
 * I1 offered = started + queued + shed + full + removed.
 * I2 queued <= queueMax; nothing starts while busy >= concurrency.
 * I3 A critical item is never shed for room, and starts before every item that is not.
 * **Guarantee** Every operation takes constant time, but for what it sheds.
 */
export class ServerQueue<T> {
  readonly #spec: ServerQueueSpec
  readonly #onShed: (item: T, waitedMs: number) => void
  readonly #critical = new WaitingLine<T>()
  readonly #others = new WaitingLine<T>()
  #concurrency: number
  #busy = 0
  #emptyAtMs = 0

  /** `onShed` learns of every item that was queued and will not start; the queue is in order when it is called. */
  constructor(spec: ServerQueueSpec, onShed: (item: T, waitedMs: number) => void) {
    this.#spec = spec
    this.#onShed = onShed
    this.#concurrency = spec.concurrency
  }

  get busy(): number {
    return this.#busy
  }

  get queued(): number {
    return this.#critical.size + this.#others.size
  }

  /** `start`: a worker has been taken for it. An item that waits is not offered again. */
  offer(nowMs: number, item: T, critical: boolean): 'start' | 'queued' | 'full' {
    this.#shedOldest(nowMs)
    if (this.queued === 0) {
      this.#emptyAtMs = nowMs
      if (this.#busy < this.#concurrency) {
        this.#busy++
        return 'start'
      }
    }
    if (critical && this.#isFull()) this.#displace(nowMs)
    // Asked again: a request that was shed may have offered something at once.
    if (this.#isFull()) return 'full'
    const place = (critical ? this.#critical : this.#others).push(item)
    place.arrivedMs = nowMs
    place.endsMs = nowMs + this.#mayWaitMs(nowMs, critical)
    return 'queued'
  }

  /** A worker is free. */
  finish(nowMs: number): void {
    invariant(this.#busy > 0, 'a worker of a server queue is freed once')
    this.#busy--
    this.#shedOldest(nowMs)
  }

  /** What starts now; undefined when nothing waits or no worker is free. */
  next(nowMs: number): T | undefined {
    while (this.#busy < this.#concurrency && this.queued > 0) {
      const line = this.#critical.size > 0 ? this.#critical : this.#others
      const place = (this.#takesNewest(nowMs) ? line.newest : line.oldest) as Place<T>
      if (nowMs > place.endsMs) {
        this.#shed(nowMs, line, place)
        continue
      }
      this.#busy++
      return line.take(place)
    }
    return undefined
  }

  /** Its caller has gone; false when it does not wait. */
  remove(item: T): boolean {
    return this.#critical.remove(item) || this.#others.remove(item)
  }

  /** Changes the number of workers. What runs goes on, even above a lower number; 0 starts nothing. */
  setConcurrency(concurrency: number): void {
    this.#concurrency = concurrency
  }

  #mayWaitMs(nowMs: number, critical: boolean): number {
    const { codel, waitMaxMs } = this.#spec
    if (codel === null) return waitMaxMs
    return Math.min(waitMaxMs, critical ? codel.intervalMs : codelTimeoutMs(codel, nowMs - this.#emptyAtMs))
  }

  #takesNewest(nowMs: number): boolean {
    const { order, codel } = this.#spec
    if (order !== 'adaptive-lifo') return order === 'lifo'
    return isStanding(nowMs - this.#emptyAtMs, codel?.intervalMs ?? standingAfterMs)
  }

  // Under a lasting backlog the newest go first: the oldest would hold their places until it is over.
  #shedOldest(nowMs: number): void {
    this.#shedOldestOf(nowMs, this.#critical)
    this.#shedOldestOf(nowMs, this.#others)
  }

  #shedOldestOf(nowMs: number, line: WaitingLine<T>): void {
    for (let place = line.oldest; place !== undefined && nowMs > place.endsMs; place = line.oldest)
      this.#shed(nowMs, line, place)
  }

  #isFull(): boolean {
    return this.queued >= this.#spec.queueMax
  }

  #displace(nowMs: number): void {
    const place = this.#others.newest
    if (place !== undefined) this.#shed(nowMs, this.#others, place)
  }

  #shed(nowMs: number, line: WaitingLine<T>, place: Place<T>): void {
    const waitedMs = nowMs - place.arrivedMs
    this.#onShed(line.take(place), waitedMs)
  }
}
