import type { Limits } from './limits.ts'

/** What is committed and not yet in the log. */
export interface PendingOutbox {
  readonly pending: number
}

/**
 * What one instance holds at the moment, against what it may hold. The lanes count their records here; the intake pauses when it
 * is full, and is woken when half of it is free again.
 */
export class Backpressure {
  readonly #limits: Limits
  readonly #outbox: PendingOutbox
  #heldRecords = 0
  #waiting: AbortController | undefined

  constructor(limits: Limits, outbox: PendingOutbox) {
    this.#limits = limits
    this.#outbox = outbox
  }

  /** Records in memory, over all partitions. */
  get heldRecords(): number {
    return this.#heldRecords
  }

  /** How many more records fit. */
  get room(): number {
    return this.#limits.recordsMax - this.#heldRecords
  }

  get isFull(): boolean {
    return this.#reaches(1)
  }

  /** A record has come into memory. */
  added(): void {
    this.#heldRecords++
  }

  /** Records have left memory: a poll that waits with everything paused may have something to do again. */
  removed(count: number): void {
    this.#heldRecords -= count
    if (this.#waiting !== undefined && !this.#reaches(0.5)) {
      this.#waiting.abort()
      this.#waiting = undefined
    }
  }

  /** Aborts when there is room again; one waits at a time. */
  untilRoom(): AbortSignal {
    this.#waiting = new AbortController()
    return this.#waiting.signal
  }

  #reaches(fraction: number): boolean {
    const { recordsMax, outboxMax } = this.#limits
    return this.#heldRecords >= recordsMax * fraction || this.#outbox.pending >= outboxMax * fraction
  }
}
