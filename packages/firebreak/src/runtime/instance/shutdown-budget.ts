import type { Clock } from '../../contracts/clock.ts'

const graceMs = 2000

/** The time of one stop: `drainMs` for what runs, then a grace that everything after it shares. What hangs is left behind. */
export class ShutdownBudget {
  readonly #clock: Clock
  readonly #drainedAtMs: number

  constructor(clock: Clock, drainMs: number) {
    this.#clock = clock
    this.#drainedAtMs = clock.monotonic() + drainMs
  }

  /** What is left of it for what runs. */
  get drainMs(): number {
    return Math.max(0, this.#drainedAtMs - this.#clock.monotonic())
  }

  /** What is left of all of it. */
  get leftMs(): number {
    return Math.max(0, this.#drainedAtMs + graceMs - this.#clock.monotonic())
  }

  /** Waits for `work`, and resolves to whether it ended in time. How it ended is for its maker. */
  waitFor(work: Promise<unknown>): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = this.#clock.schedule(this.leftMs, () => resolve(false))
      const end = (): void => {
        timer.cancel()
        resolve(true)
      }
      work.then(end, end)
    })
  }
}
