import type { LimitSpec } from '../definition/policy-spec.ts'
import type { LimitSample } from './limit-sample.ts'

const rttShare = 0.1

/**
 * One more per round trip while all goes well; a share of it after a drop or an attempt slower than `timeoutMs`.
 *
 * Unlike the source, which moves with every sample, it moves once per round trip, as TCP does: all attempts under way at the
 * moment of an overload report the same overload.
 *
 * I1 min <= limit <= max, whole.
 * I2 Only an attempt that started after the last change raises it, and only one after the last fall lowers it.
 * **Source** Netflix concurrency-limits, AIMDLimit; D. Chiu and R. Jain, 1989
 */
export class Aimd {
  readonly #spec: Extract<LimitSpec, { kind: 'aimd' }>
  readonly #min: number
  readonly #max: number
  #limit: number
  #changedAtMs = Number.NEGATIVE_INFINITY
  #fellAtMs = Number.NEGATIVE_INFINITY
  #rttMs = 0

  constructor(spec: Extract<LimitSpec, { kind: 'aimd' }>) {
    this.#spec = spec
    this.#min = Math.ceil(spec.min)
    this.#max = Math.floor(spec.max)
    this.#limit = this.#within(Math.floor(spec.initial))
  }

  get limit(): number {
    return this.#limit
  }

  update(sample: LimitSample): void {
    const { nowMs, rttMs, inFlight, dropped } = sample
    if (!dropped) this.#rttMs += (rttMs - this.#rttMs) * (this.#rttMs === 0 ? 1 : rttShare)
    // What is turned away at once would make a round trip of no time.
    const startedAtMs = nowMs - (dropped ? Math.max(rttMs, this.#rttMs) : rttMs)
    if (dropped || rttMs > this.#spec.timeoutMs) {
      if (startedAtMs < this.#fellAtMs) return
      this.#fellAtMs = nowMs
      this.#change(nowMs, Math.floor(this.#limit * this.#spec.backoff))
    } else if (startedAtMs >= this.#changedAtMs && inFlight * 2 >= this.#limit) this.#change(nowMs, this.#limit + 1)
  }

  #change(nowMs: number, limit: number): void {
    this.#limit = this.#within(limit)
    this.#changedAtMs = nowMs
  }

  #within(limit: number): number {
    return Math.max(this.#min, Math.min(this.#max, limit))
  }
}
