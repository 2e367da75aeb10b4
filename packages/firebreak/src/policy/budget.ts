import type { BudgetSpec } from './definition/policy-spec.ts'

/** How many retries a caller has left for one dependency; one budget for all its retries and hedges. */
export interface RetryBudget {
  /** A call starts. Once per call: retries and hedges deposit nothing. */
  started(nowMs: number): void
  /** An attempt has ended, whichever it was. */
  settled(nowMs: number, ok: boolean): void
  /** Whether one more attempt may go out; takes what it costs. */
  tryWithdraw(nowMs: number): boolean
  /** How many retries it would let through now if all of them failed; with fractions. */
  level(nowMs: number): number
}

/** Makes the budget that `spec` describes. */
export function createBudget(spec: BudgetSpec, nowMs: number): RetryBudget {
  return spec.kind === 'ratio' ? new RatioBudget(spec, nowMs) : new TokenBudget(spec)
}

const slotCount = 10
// Ten deposits of 0.1 are a little less than 1 in binary.
const rounding = 1e-9

/**
 * A bucket of deposits that expire: `ratio` per call, `minPerSec` with time.
 *
 * Unlike the source it does not hand out the reserve of a whole `ttlMs` at once: a fleet that starts together would spend
 * it together. It starts with one retry where time brings any.
 *
 * I1 Retries let through since `at` <= 1 + deposits since `at - ttlMs`, so at most 1 + ratio * calls + minPerSec * time.
 * I2 No deposit is older than `ttlMs`.
 * **Source** Finagle, RetryBudget and TokenBucket.newLeakyBucket
 */
class RatioBudget implements RetryBudget {
  readonly #ratio: number
  readonly #perMs: number
  readonly #slotMs: number
  readonly #slots = new Float64Array(slotCount)
  #current = 0
  #slotEndsMs: number
  #reserveUntilMs: number

  constructor(spec: Extract<BudgetSpec, { kind: 'ratio' }>, nowMs: number) {
    this.#ratio = spec.ratio
    this.#perMs = spec.minPerSec / 1000
    this.#slotMs = spec.ttlMs / slotCount
    this.#slotEndsMs = nowMs + this.#slotMs
    this.#reserveUntilMs = nowMs
    this.#slots[0] = Math.min(1, this.#perMs * spec.ttlMs)
  }

  started(nowMs: number): void {
    this.#advance(nowMs)
    this.#deposit(this.#ratio)
  }

  settled(): void {}

  tryWithdraw(nowMs: number): boolean {
    if (this.level(nowMs) < 1 - rounding) return false
    // The oldest first: they would be lost next.
    let owed = 1
    for (let i = 1; i <= slotCount && owed > 0; i++) {
      const slot = (this.#current + i) % slotCount
      const taken = Math.min(owed, this.#slots[slot] as number)
      this.#slots[slot] = (this.#slots[slot] as number) - taken
      owed -= taken
    }
    return true
  }

  level(nowMs: number): number {
    this.#advance(nowMs)
    // Added up anew each time: a running sum would drift.
    let sum = 0
    for (let i = 0; i < slotCount; i++) sum += this.#slots[i] as number
    return sum
  }

  #deposit(amount: number): void {
    this.#slots[this.#current] = (this.#slots[this.#current] as number) + amount
  }

  #advance(nowMs: number): void {
    if (nowMs >= this.#slotEndsMs) this.#turn(nowMs)
    if (nowMs <= this.#reserveUntilMs) return
    this.#deposit((nowMs - this.#reserveUntilMs) * this.#perMs)
    this.#reserveUntilMs = nowMs
  }

  #turn(nowMs: number): void {
    const passed = Math.floor((nowMs - this.#slotEndsMs) / this.#slotMs) + 1
    // Of a long pause only the last `ttlMs` can still count: what the first turn deposits is gone after the tenth.
    if (passed > slotCount) this.#slotEndsMs += (passed - slotCount) * this.#slotMs
    for (let i = Math.min(passed, slotCount); i > 0; i--) {
      this.#deposit((this.#slotEndsMs - this.#reserveUntilMs) * this.#perMs)
      this.#reserveUntilMs = this.#slotEndsMs
      this.#current = (this.#current + 1) % slotCount
      this.#slots[this.#current] = 0
      this.#slotEndsMs += this.#slotMs
    }
  }
}

/**
 * A counter that failures lower and successes raise; retries only in its upper half.
 *
 * I1 0 <= tokens <= tokensMax.
 * **Units** thousandths of a token: the proposal cuts `tokenRatio` after three decimals.
 * **Source** gRPC proposal A6, "Throttling Retry Attempts and Hedged RPCs"
 */
class TokenBudget implements RetryBudget {
  readonly #max: number
  readonly #gain: number
  #tokens: number

  constructor(spec: Extract<BudgetSpec, { kind: 'tokens' }>) {
    this.#max = Math.floor(spec.tokensMax * 1000 + rounding)
    this.#gain = Math.floor(spec.tokenRatio * 1000 + rounding)
    this.#tokens = this.#max
  }

  started(): void {}

  settled(_nowMs: number, ok: boolean): void {
    this.#tokens = ok ? Math.min(this.#max, this.#tokens + this.#gain) : Math.max(0, this.#tokens - 1000)
  }

  tryWithdraw(): boolean {
    return this.#tokens > this.#max / 2
  }

  level(): number {
    return Math.max(0, this.#tokens - this.#max / 2) / 1000
  }
}
