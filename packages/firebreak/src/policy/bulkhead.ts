import type { BulkheadSpec } from './definition/policy-spec.ts'

/** Who waits for a slot. A link of one queue. */
export interface Waiter {
  ahead: Waiter | undefined
  behind: Waiter | undefined
  /** The slot is taken for it: `leave` gives it back. */
  admitted(): void
}

/**
 * Attempts at the same time, and a bounded queue of those that wait for a place.
 *
 * The caller that gives a slot back calls `admit` when its own affairs are in order: what those that waited do then, and whatever they
 * throw, meets nothing half done.
 *
 * I1 `busy` never exceeds the slots, and `busy` + `queued` never the slots and the places to wait together.
 * I2 After `admit` nobody waits while a slot is free.
 * I3 First come, first served: who comes between `leave` and `admit` does not get past those that wait.
 */
export class Bulkhead {
  readonly #slots: number
  readonly #queueMax: number
  #busy = 0
  #queued = 0
  #first: Waiter | undefined
  #last: Waiter | undefined
  #isAdmitting = false

  constructor({ slots, queueMax }: Pick<BulkheadSpec, 'slots' | 'queueMax'>) {
    this.#slots = slots
    this.#queueMax = queueMax
  }

  get busy(): number {
    return this.#busy
  }

  get queued(): number {
    return this.#queued
  }

  tryEnter(): boolean {
    if (this.#busy >= this.#slots || this.#first !== undefined) return false
    this.#busy++
    return true
  }

  /** False when the queue is full. Otherwise `admitted` is called, unless `giveUp` comes first. */
  tryWait(waiter: Waiter): boolean {
    if (this.#busy + this.#queued >= this.#slots + this.#queueMax) return false
    this.#queued++
    waiter.ahead = this.#last
    if (this.#last === undefined) this.#first = waiter
    else this.#last.behind = waiter
    this.#last = waiter
    return true
  }

  giveUp(waiter: Waiter): void {
    const { ahead, behind } = waiter
    if (ahead === undefined && this.#first !== waiter) return
    if (ahead === undefined) this.#first = behind
    else ahead.behind = behind
    if (behind === undefined) this.#last = ahead
    else behind.ahead = ahead
    waiter.ahead = undefined
    waiter.behind = undefined
    this.#queued--
  }

  leave(): void {
    this.#busy--
  }

  /** Gives free slots to those that wait. **Errors** what the first of them throws, after all have had their turn. */
  admit(): void {
    // A loop and not a recursion: each that is admitted may end at once, and the queue may be long.
    if (this.#first === undefined || this.#isAdmitting) return
    this.#isAdmitting = true
    let thrown: { readonly error: unknown } | undefined
    while (this.#first !== undefined && this.#busy < this.#slots) {
      const next: Waiter = this.#first
      this.giveUp(next)
      this.#busy++
      try {
        next.admitted()
      } catch (error) {
        thrown ??= { error }
      }
    }
    this.#isAdmitting = false
    if (thrown !== undefined) throw thrown.error
  }
}
