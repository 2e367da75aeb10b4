import type { Clock, Timer } from '../contracts/clock.ts'

/** Something that ends when its time is over. A link of one line at a time. */
export interface Expirable {
  /** On the clock's monotonic scale; does not change while it is in a line. */
  readonly endsAtMs: number
  earlier: Expirable | undefined
  later: Expirable | undefined
  expire(nowMs: number): void
}

/**
 * Things that end, in the order in which they do, under one timer.
 *
 * Nearly all of a line last equally long, so the newest ends last: it is added and removed in a few steps, and the machine's
 * timer is set once per time-out and not once per call.
 *
 * I1 From `#first` to `#last` the ends never decrease.
 * I2 While the line holds anything, a timer is set for the end of its first or an earlier instant, `#wakesAtMs`; a holder that
 *    throws on ending does not change that.
 * I3 The timer keeps the process alive only while the line holds something.
 */
export class TimeoutLine {
  readonly #clock: Clock
  #first: Expirable | undefined
  #last: Expirable | undefined
  #timer: Timer | undefined
  #wakesAtMs = Number.POSITIVE_INFINITY
  #keepsAlive = true

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(item: Expirable, nowMs: number): void {
    let before = this.#last
    while (before !== undefined && before.endsAtMs > item.endsAtMs) before = before.earlier
    const after = before === undefined ? this.#first : before.later
    item.earlier = before
    item.later = after
    if (before === undefined) this.#first = item
    else before.later = item
    if (after === undefined) this.#last = item
    else after.earlier = item
    // The timer may still wait for something longer that has left since.
    if (item.endsAtMs < this.#wakesAtMs) this.#arm(item.endsAtMs, nowMs)
    else if (!this.#keepsAlive) this.#keepAlive(true)
  }

  /** Without effect on what is in no line. */
  remove(item: Expirable): void {
    const { earlier, later } = item
    if (earlier === undefined && this.#first !== item) return
    if (earlier === undefined) this.#first = later
    else earlier.later = later
    if (later === undefined) this.#last = earlier
    else later.earlier = earlier
    item.earlier = undefined
    item.later = undefined
    if (this.#first === undefined) this.#keepAlive(false)
  }

  #arm(atMs: number, nowMs: number): void {
    this.#timer?.cancel()
    this.#wakesAtMs = atMs
    this.#keepsAlive = true
    this.#timer = this.#clock.schedule(Math.max(0, atMs - nowMs), this.#step)
  }

  #keepAlive(keep: boolean): void {
    if (this.#timer?.keepAlive === undefined) return
    this.#keepsAlive = keep
    this.#timer.keepAlive(keep)
  }

  readonly #step = (): void => {
    this.#timer = undefined
    // What ends may add to the line: one timer is set when all are through.
    this.#wakesAtMs = Number.NEGATIVE_INFINITY
    const now = this.#clock.monotonic()
    try {
      for (let item = this.#first; item !== undefined && item.endsAtMs <= now; item = this.#first) {
        this.remove(item)
        item.expire(now)
      }
    } finally {
      this.#wakesAtMs = Number.POSITIVE_INFINITY
      if (this.#first !== undefined) this.#arm(this.#first.endsAtMs, this.#clock.monotonic())
    }
  }
}
