import { invariant } from '../../contracts/errors.ts'
import type { LimitSpec } from '../definition/policy-spec.ts'
import { Aimd } from './limit-aimd.ts'
import { Gradient2 } from './limit-gradient2.ts'
import type { LimitSample } from './limit-sample.ts'
import { Vegas } from './limit-vegas.ts'

/** A limit of attempts at the same time that moves with what the attempts show. */
export interface Limit {
  tryAcquire(nowMs: number): boolean
  /** The attempt has ended; `dropped`: it timed out or was turned away, rather than answered. */
  release(nowMs: number, rttMs: number, dropped: boolean): void
  /** Gives the place back of an attempt that says nothing about the dependency. */
  cancel(): void
  /** Whole, between the `min` and the `max` of its spec. */
  readonly limit: number
  readonly inFlight: number
}

/** Makes the limit that `spec` describes. */
export function createLimit(spec: LimitSpec): Limit {
  switch (spec.kind) {
    case 'aimd':
      return new MovingLimit(new Aimd(spec))
    case 'vegas':
      return new MovingLimit(new Vegas(spec))
    case 'gradient2':
      return new MovingLimit(new Gradient2(spec))
  }
}

interface Rule {
  readonly limit: number
  update(sample: LimitSample): void
}

/**
 * I1 Nothing is acquired while inFlight >= limit; a limit that shrinks below takes nothing away.
 * I2 inFlight = acquired - released - cancelled.
 */
class MovingLimit implements Limit {
  readonly #rule: Rule
  readonly #sample: LimitSample = { nowMs: 0, rttMs: 0, inFlight: 0, dropped: false }
  #inFlight = 0

  constructor(rule: Rule) {
    this.#rule = rule
  }

  get limit(): number {
    return this.#rule.limit
  }

  get inFlight(): number {
    return this.#inFlight
  }

  tryAcquire(): boolean {
    if (this.#inFlight >= this.#rule.limit) return false
    this.#inFlight++
    return true
  }

  release(nowMs: number, rttMs: number, dropped: boolean): void {
    const sample = this.#sample
    sample.nowMs = nowMs
    // What is no duration would poison averages forever.
    sample.rttMs = rttMs > 0 && rttMs < Number.POSITIVE_INFINITY ? rttMs : 0
    sample.inFlight = this.#inFlight
    sample.dropped = dropped
    this.cancel()
    this.#rule.update(sample)
  }

  cancel(): void {
    invariant(this.#inFlight > 0, 'a place of a limit is given back once')
    this.#inFlight--
  }
}
