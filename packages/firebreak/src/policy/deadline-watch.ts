import type { Clock, Timer } from '../contracts/clock.ts'

/** Something with a deadline that the watch can end. */
export interface Expiring {
  /** On the clock's monotonic scale. */
  readonly deadlineAtMs: number
  expire(): void
}

/**
 * Ends what has passed its deadline, in steps of `stepMs`.
 *
 * One timer for all deliveries instead of one each: arming and clearing a timer per message cost more than an empty
 * handler. A deadline is therefore met up to one step late, never early. The timer runs only while something is watched.
 */
export class DeadlineWatch {
  readonly #clock: Clock
  readonly #stepMs: number
  readonly #watched = new Set<Expiring>()
  #timer: Timer | undefined

  constructor(clock: Clock, stepMs = 50) {
    this.#clock = clock
    this.#stepMs = stepMs
  }

  add(item: Expiring): void {
    this.#watched.add(item)
    this.#timer ??= this.#clock.schedule(this.#stepMs, this.#step)
  }

  remove(item: Expiring): void {
    this.#watched.delete(item)
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#watched.clear()
  }

  readonly #step = (): void => {
    const now = this.#clock.monotonic()
    for (const item of this.#watched) {
      if (item.deadlineAtMs > now) continue
      this.#watched.delete(item)
      item.expire()
    }
    this.#timer = this.#watched.size > 0 ? this.#clock.schedule(this.#stepMs, this.#step) : undefined
  }
}
