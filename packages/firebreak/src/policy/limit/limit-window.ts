import type { LimitSample } from './limit-sample.ts'

const windowMs = 1000
const samplesMin = 10
const rttMinMs = 0.1

/**
 * Gathers samples for a second, and until there are ten, into one.
 *
 * Unlike the source it goes on gathering while there are too few, instead of throwing them away: a limit with five calls per
 * second would never move.
 *
 * I1 The result's `rttMs` is never lowered by drops: a server that turns calls away at once is no fast server.
 * **Source** Netflix concurrency-limits, WindowedLimit and its average window
 */
export class SampleWindow {
  readonly #result: LimitSample = { nowMs: 0, rttMs: 0, inFlight: 0, dropped: false }
  #endsMs = 0
  #samples = 0
  #sumMs = 0
  #dropped = 0
  #droppedSumMs = 0
  #inFlightMost = 0

  /** The gathered sample when it is complete, valid until the next call; its `rttMs` is 0 when every one was dropped. */
  add(sample: LimitSample): LimitSample | undefined {
    // Less is not a measurement, but a timer's grain or a call that never left.
    if (!sample.dropped && sample.rttMs < rttMinMs) return undefined
    if (this.#samples === 0) this.#endsMs = sample.nowMs + windowMs
    this.#samples++
    this.#sumMs += sample.rttMs
    if (sample.dropped) {
      this.#dropped++
      this.#droppedSumMs += sample.rttMs
    }
    if (sample.inFlight > this.#inFlightMost) this.#inFlightMost = sample.inFlight
    return sample.nowMs >= this.#endsMs && this.#samples >= samplesMin ? this.#complete(sample.nowMs) : undefined
  }

  /** Begins anew with the next sample. */
  clear(): void {
    this.#samples = 0
    this.#sumMs = 0
    this.#dropped = 0
    this.#droppedSumMs = 0
    this.#inFlightMost = 0
  }

  #complete(nowMs: number): LimitSample {
    const passed = this.#samples - this.#dropped
    const result = this.#result
    result.nowMs = nowMs
    result.rttMs = passed === 0 ? 0 : Math.max(this.#sumMs / this.#samples, (this.#sumMs - this.#droppedSumMs) / passed)
    result.inFlight = this.#inFlightMost
    result.dropped = this.#dropped > 0
    this.clear()
    return result
  }
}
