import type { LatencySummary, WaitSummary } from '../model/result.ts'

/** Durations as they were seen, all of them: percentiles are exact. **Units** in: µs; out: ms */
export class Samples {
  #values = new Float64Array(256)
  #size = 0
  #sum = 0
  #isSorted = true

  get size(): number {
    return this.#size
  }

  add(us: number): void {
    if (this.#size === this.#values.length) {
      const wide = new Float64Array(this.#size * 2)
      wide.set(this.#values)
      this.#values = wide
    }
    this.#values[this.#size++] = us
    this.#sum += us
    this.#isSorted = false
  }

  meanMs(): number {
    return this.#size === 0 ? 0 : this.#sum / this.#size / 1000
  }

  /** The smallest value that `share` of all do not exceed (nearest rank); 0 when there is none. */
  quantileMs(share: number): number {
    if (this.#size === 0) return 0
    if (!this.#isSorted) this.#values.subarray(0, this.#size).sort()
    this.#isSorted = true
    // A share like 0.99 is no exact double: without the slack the rank would be one too high now and then.
    const rank = Math.ceil(share * this.#size - 1e-9)
    return (this.#values[Math.min(Math.max(rank, 1), this.#size) - 1] as number) / 1000
  }
}

/** undefined when there are no samples. */
export function latencySummary(samples: Samples): LatencySummary | undefined {
  if (samples.size === 0) return undefined
  return {
    mean: samples.meanMs(),
    p50: samples.quantileMs(0.5),
    p90: samples.quantileMs(0.9),
    p95: samples.quantileMs(0.95),
    p99: samples.quantileMs(0.99),
    p999: samples.quantileMs(0.999),
    max: samples.quantileMs(1),
  }
}

/** undefined when there are no samples. */
export function waitSummary(samples: Samples): WaitSummary | undefined {
  if (samples.size === 0) return undefined
  return {
    mean: samples.meanMs(),
    p50: samples.quantileMs(0.5),
    p95: samples.quantileMs(0.95),
    p99: samples.quantileMs(0.99),
  }
}
