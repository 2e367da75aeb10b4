import type { BreakerSpec } from './definition/policy-spec.ts'

const bucketCount = 10
const noProbe = -1

/**
 * Stops calls to a dependency that fails, and lets single ones through later to see whether it still does.
 *
 * A call is admitted with an epoch and settled with it. Only a failure opens the breaker, never a success.
 *
 * I1 While half open at most `probesMax` probes that are younger than `openMs` are under way.
 * I2 A result counts only for the stay in a state that admitted it: what comes later changes nothing.
 * I3 The state leaves `half-open` after `probesMax` successes or one failure; a probe that never settles gives its place up
 * after `openMs`, so that others can bring them.
 * **Source** M. Nygard, "Release It!", 2nd edition, 2018, section 5.2; the window of buckets as in Hystrix
 */
export class Breaker {
  readonly #spec: BreakerSpec
  readonly #bucketMs: number
  readonly #calls = new Uint32Array(bucketCount)
  readonly #failed = new Uint32Array(bucketCount)
  readonly #probeEpochs: Float64Array
  readonly #probeEndsMs: Float64Array
  #callsSum = 0
  #failedSum = 0
  #bucket = 0
  #bucketEndsMs: number
  #state: 'closed' | 'open' | 'half-open' = 'closed'
  #epochLast = 0
  #epochClosed = 0
  #successes = 0
  #openUntilMs: number
  #opens = 0

  constructor(spec: BreakerSpec, nowMs: number) {
    this.#spec = spec
    this.#bucketMs = spec.windowMs / bucketCount
    this.#bucketEndsMs = nowMs + this.#bucketMs
    this.#openUntilMs = nowMs
    const probesMax = Math.floor(spec.probesMax)
    this.#probeEpochs = new Float64Array(probesMax).fill(noProbe)
    this.#probeEndsMs = new Float64Array(probesMax)
  }

  /** When it lets the first probe through, while it is open; otherwise a time in the past. */
  get openUntilMs(): number {
    return this.#openUntilMs
  }

  /** How often it has opened so far. */
  get opens(): number {
    return this.#opens
  }

  /** The state at `nowMs`: half open as soon as a probe would be let through. */
  state(nowMs: number): 'closed' | 'open' | 'half-open' {
    return this.#state === 'open' && nowMs >= this.#openUntilMs ? 'half-open' : this.#state
  }

  /** The epoch to settle the call with, 0 or more; -1 when it is refused. */
  admit(nowMs: number): number {
    if (this.#state === 'closed') return this.#epochClosed
    if (this.#state === 'open') {
      if (nowMs < this.#openUntilMs) return -1
      this.#state = 'half-open'
      this.#successes = 0
    }
    return this.#admitProbe(nowMs)
  }

  /** Ends an admitted call. `ignored` says nothing about the dependency, and gives the place of a probe back. */
  settle(nowMs: number, epoch: number, outcome: 'ok' | 'failed' | 'ignored', tookMs: number): void {
    const isSlow = this.#spec.slowMs !== null && tookMs > this.#spec.slowMs
    const isFailed = outcome === 'failed' || (outcome === 'ok' && isSlow)
    if (this.#state === 'half-open') {
      const place = epoch === noProbe ? -1 : this.#probeEpochs.indexOf(epoch)
      if (place < 0) return
      this.#probeEpochs[place] = noProbe
      if (isFailed) this.#open(nowMs)
      else if (outcome === 'ok' && ++this.#successes >= this.#probeEpochs.length) this.#close(nowMs)
    } else if (this.#state === 'closed' && epoch === this.#epochClosed && outcome !== 'ignored') {
      this.#count(nowMs, isFailed)
      if (isFailed && this.#failsTooOften()) this.#open(nowMs)
    }
  }

  #admitProbe(nowMs: number): number {
    for (let place = 0; place < this.#probeEpochs.length; place++) {
      const isTaken = this.#probeEpochs[place] !== noProbe && nowMs < (this.#probeEndsMs[place] as number)
      if (isTaken) continue
      this.#probeEpochs[place] = ++this.#epochLast
      this.#probeEndsMs[place] = nowMs + this.#spec.openMs
      return this.#epochLast
    }
    return -1
  }

  #open(nowMs: number): void {
    this.#state = 'open'
    this.#openUntilMs = nowMs + this.#spec.openMs
    this.#opens++
    this.#probeEpochs.fill(noProbe)
  }

  #close(nowMs: number): void {
    this.#state = 'closed'
    this.#epochClosed = ++this.#epochLast
    this.#openUntilMs = nowMs
    this.#probeEpochs.fill(noProbe)
    this.#calls.fill(0)
    this.#failed.fill(0)
    this.#callsSum = 0
    this.#failedSum = 0
  }

  #failsTooOften(): boolean {
    // A quotient, not a product: 0.07 * 100 is more than 7 in binary.
    return this.#callsSum >= this.#spec.callsMin && this.#failedSum / this.#callsSum >= this.#spec.failureRatio
  }

  #count(nowMs: number, isFailed: boolean): void {
    if (nowMs >= this.#bucketEndsMs) this.#turn(nowMs)
    this.#calls[this.#bucket] = (this.#calls[this.#bucket] as number) + 1
    this.#callsSum++
    if (!isFailed) return
    this.#failed[this.#bucket] = (this.#failed[this.#bucket] as number) + 1
    this.#failedSum++
  }

  #turn(nowMs: number): void {
    const passed = Math.floor((nowMs - this.#bucketEndsMs) / this.#bucketMs) + 1
    this.#bucketEndsMs += passed * this.#bucketMs
    for (let i = Math.min(passed, bucketCount); i > 0; i--) {
      this.#bucket = (this.#bucket + 1) % bucketCount
      this.#callsSum -= this.#calls[this.#bucket] as number
      this.#failedSum -= this.#failed[this.#bucket] as number
      this.#calls[this.#bucket] = 0
      this.#failed[this.#bucket] = 0
    }
  }
}
