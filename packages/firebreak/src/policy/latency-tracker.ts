const samplesKept = 1024
const samplesMin = 20

/**
 * Quantiles of the last 1024 call durations.
 *
 * The order is made anew when a sixteenth of what it was made from has come in since, not for every question: a quantile is
 * at most so much behind.
 *
 * I1 What is not a duration (negative, NaN, endless) is not kept.
 */
export class LatencyTracker {
  readonly #recent = new Float64Array(samplesKept)
  readonly #sorted = new Float64Array(samplesKept)
  #added = 0
  #sortedCount = 0
  #sortAgainAt = samplesMin

  add(ms: number): void {
    if (!(ms >= 0 && ms < Number.POSITIVE_INFINITY)) return
    this.#recent[this.#added % samplesKept] = ms
    this.#added++
  }

  /** The duration that a share of `q` of the calls stayed within; undefined until there are 20. **Units** ms; q in [0, 1]. */
  quantile(q: number): number | undefined {
    if (this.#added < samplesMin) return undefined
    if (this.#added >= this.#sortAgainAt) this.#sort()
    const rank = Math.ceil(q * this.#sortedCount)
    return this.#sorted[Math.max(0, Math.min(this.#sortedCount, rank) - 1)]
  }

  #sort(): void {
    const count = Math.min(this.#added, samplesKept)
    this.#sorted.set(this.#recent)
    // Behind the samples while there are fewer than places: endless ones sort to the end.
    this.#sorted.fill(Number.POSITIVE_INFINITY, count)
    this.#sorted.sort()
    this.#sortedCount = count
    this.#sortAgainAt = this.#added + Math.max(1, count >> 4)
  }
}
