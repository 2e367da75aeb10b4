import type { LimitSpec } from '../definition/policy-spec.ts'
import type { LimitSample } from './limit-sample.ts'
import { SampleWindow } from './limit-window.ts'

const probeEvery = 60
// A round trip is a quotient of sums: what should be 3 waiting must not round up to 4.
const rounding = 1e-6

/**
 * Keeps a short queue at the dependency: limit * (1 - unloaded round trip / round trip now) between 3 and 6 for limits up to
 * 99, twice that up to 999.
 *
 * The unloaded round trip is the least that a window has seen. As that may change, every sixtieth window is a probe. The source
 * believes whatever it measures then, and under a lasting queue learns the queue. Here the limit is halved for that
 * window, and only attempts that started within it count; when less than half of the limit is in use anyway, the window is
 * taken as it is. A start far above the capacity comes down the same way, by a half of what is believed per probe.
 *
 * I1 min <= limit <= max, whole.
 * I2 The unloaded round trip is never learned from a window with a drop in it.
 * **Source** Netflix concurrency-limits, VegasLimit in a WindowedLimit; L. Brakmo and L. Peterson, TCP Vegas, 1995
 */
export class Vegas {
  readonly #min: number
  readonly #max: number
  readonly #window = new SampleWindow()
  #limit: number
  #unloadedMs = 0
  #windows = 0
  #isProbing = false
  #probeFromMs = 0

  constructor(spec: Extract<LimitSpec, { kind: 'vegas' }>) {
    this.#min = Math.ceil(spec.min)
    this.#max = Math.floor(spec.max)
    this.#limit = this.#within(Math.floor(spec.initial))
  }

  get limit(): number {
    return this.#isProbing ? this.#within(this.#limit >> 1) : this.#limit
  }

  update(sample: LimitSample): void {
    if (this.#isProbing && sample.nowMs - sample.rttMs < this.#probeFromMs) return
    const window = this.#window.add(sample)
    if (window === undefined) return
    if (this.#isProbing) this.#endProbe(window)
    else if (++this.#windows >= probeEvery) this.#startProbe(window)
    else this.#adjust(window)
  }

  #adjust({ rttMs, inFlight, dropped }: LimitSample): void {
    const step = digits(this.#limit)
    if (dropped) this.#limit = this.#within(this.#limit - step)
    else if (this.#unloadedMs === 0 || rttMs < this.#unloadedMs) this.#unloadedMs = rttMs
    else if (inFlight * 2 >= this.#limit) this.#limit = this.#within(this.#limit + this.#change(rttMs, step))
  }

  #change(rttMs: number, step: number): number {
    const waiting = Math.ceil(this.#limit * (1 - this.#unloadedMs / rttMs) - rounding)
    if (waiting <= step) return 6 * step
    if (waiting < 3 * step) return step
    return waiting > 6 * step ? -step : 0
  }

  #startProbe(window: LimitSample): void {
    this.#windows = 0
    if (window.inFlight * 2 < this.#limit) {
      this.#learn(window)
      return
    }
    this.#isProbing = true
    this.#probeFromMs = window.nowMs
  }

  #endProbe(window: LimitSample): void {
    this.#isProbing = false
    this.#learn(window)
  }

  #learn({ rttMs, dropped }: LimitSample): void {
    if (!dropped && rttMs > 0) this.#unloadedMs = rttMs
  }

  #within(limit: number): number {
    return Math.max(this.#min, Math.min(this.#max, limit))
  }
}

/** The whole part of the decimal logarithm, 1 at least. */
function digits(limit: number): number {
  let count = 1
  for (let next = 100; limit >= next; next *= 10) count++
  return count
}
