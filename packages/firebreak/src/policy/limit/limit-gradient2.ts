import type { LimitSpec } from '../definition/policy-spec.ts'
import type { LimitSample } from './limit-sample.ts'
import { SampleWindow } from './limit-window.ts'

const smoothing = 0.2
const queueSize = 4
const tolerance = 1.5
const longWindows = 600
const warmUpWindows = 10

/**
 * Shrinks while the round trip is more than half again its long average, and grows by 4 otherwise, smoothed.
 *
 * It creeps: under a lasting queue the long average learns the queue as if it were the work, the limit grows by what was
 * learned, and the queue with it. With 20 workers of 50 ms and more calls than they can take it stands above 60 after 300
 * windows and at 200 before 1000. Use it where load comes and goes, and with a `max` that is bearable.
 *
 * Unlike the source it takes a window in which nothing succeeded for the steepest gradient: the source would see fast answers.
 *
 * I1 min <= limit <= max, whole.
 * **Source** Netflix concurrency-limits, Gradient2Limit in a WindowedLimit
 */
export class Gradient2 {
  readonly #min: number
  readonly #max: number
  readonly #window = new SampleWindow()
  #estimate: number
  #longMs = 0
  #windows = 0

  constructor(spec: Extract<LimitSpec, { kind: 'gradient2' }>) {
    this.#min = Math.ceil(spec.min)
    this.#max = Math.floor(spec.max)
    this.#estimate = this.#within(spec.initial)
  }

  get limit(): number {
    return Math.floor(this.#estimate)
  }

  update(sample: LimitSample): void {
    const window = this.#window.add(sample)
    if (window === undefined) return
    const gradient = window.rttMs > 0 ? this.#gradient(window.rttMs) : 0.5
    if (window.inFlight < this.#estimate / 2) return
    const target = this.#estimate * gradient + queueSize
    this.#estimate = this.#within(this.#estimate * (1 - smoothing) + target * smoothing)
  }

  #gradient(rttMs: number): number {
    this.#windows++
    const share = this.#windows <= warmUpWindows ? 1 / this.#windows : 2 / (longWindows + 1)
    this.#longMs += (rttMs - this.#longMs) * share
    const ratio = this.#longMs / rttMs
    // After an overload the long average would take minutes to come down by itself.
    if (ratio > 2) this.#longMs *= 0.95
    return Math.max(0.5, Math.min(1, tolerance * ratio))
  }

  #within(limit: number): number {
    return Math.max(this.#min, Math.min(this.#max, limit))
  }
}
