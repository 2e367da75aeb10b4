import type { Clock } from '../contracts/clock.ts'

/** Ends the wait of the one who waits: a poll that has found nothing, until there is something to look at. */
export class Waker {
  #waiter: (() => void) | undefined

  /** Nothing is kept for a wait that comes later: who waits has looked before, in the same turn. */
  wake(): void {
    this.#waiter?.()
  }

  /** Resolves when woken, when `signal` aborts, or after `delayMs`: true only when the time has passed. */
  wait(clock: Clock, delayMs: number, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const done = (isLate: boolean): void => {
        timer.cancel()
        signal.removeEventListener('abort', woken)
        this.#waiter = undefined
        resolve(isLate)
      }
      const woken = (): void => done(false)
      const timer = clock.schedule(delayMs, () => done(true))
      signal.addEventListener('abort', woken, { once: true })
      this.#waiter = woken
    })
  }
}
