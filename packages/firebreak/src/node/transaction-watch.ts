import type { Clock, Timer } from '../contracts/clock.ts'
import { FirebreakError, isFirebreakError } from '../contracts/errors.ts'

/** Where a unit of the library's own ran out of time, the database was busy: no code of a user is in it. */
export function requiredError(error: unknown, path: string, waitedMs: number): unknown {
  const isLate = isFirebreakError(error, 'FB_TRANSACTION_TIMEOUT')
  return isLate ? new FirebreakError('FB_DATABASE_BUSY', { path, waitedMs }, error) : error
}

/**
 * Bounds the time for which one unit may hold the transaction open. One timer serves the whole transaction: arming one per
 * unit would cost more than the unit.
 */
export class TransactionWatch {
  /** Bodies that have not ended, although their units may have: nobody can stop one that is out of time. */
  going = 0
  readonly #clock: Clock
  readonly #limitMs: number
  #timer: Timer | undefined
  #startedAtMs = 0
  #expire: ((error: FirebreakError) => void) | undefined

  constructor(clock: Clock, limitMs: number) {
    this.#clock = clock
    this.#limitMs = limitMs
  }

  /** Settles as the unit does, or rejects with `FB_TRANSACTION_TIMEOUT`. */
  run<T>(unit: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#expire = reject
      this.#startedAtMs = this.#clock.monotonic()
      if (this.#timer === undefined) this.#watch(this.#limitMs)
      const body = Promise.resolve(unit())
      this.going++
      body.then(
        (value) => {
          this.going--
          resolve(value)
        },
        (error) => {
          this.going--
          reject(error)
        },
      )
    })
  }

  stop(): void {
    this.#timer?.cancel()
  }

  #watch(delayMs: number): void {
    this.#timer = this.#clock.schedule(delayMs, () => {
      const leftMs = this.#startedAtMs + this.#limitMs - this.#clock.monotonic()
      if (leftMs > 0) return this.#watch(leftMs)
      this.#expire?.(new FirebreakError('FB_TRANSACTION_TIMEOUT', { limitMs: this.#limitMs }))
      this.#watch(this.#limitMs)
    })
  }
}
