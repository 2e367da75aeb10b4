/** Time as the library sees it: production reads the system clock, tests and the simulation a virtual one. */
export interface Clock {
  /** Wall time in ms since the Unix epoch: a label for people. It may jump, both ways; no duration or agreement is made of it. */
  now(): number
  /** ms since some instant of this process; never goes back. Durations, timeouts and windows count with it. */
  monotonic(): number
  /** Calls `run` once, `delayMs` from now (0 or more), and never before. */
  schedule(delayMs: number, run: () => void): Timer
}

export interface Timer {
  /** Idempotent; after it the callback does not run. */
  cancel(): void
  /** `false` lets the process end while this waits; the default is `true`. Idempotent; without meaning in virtual time. */
  keepAlive?(keep: boolean): void
}

/** Resolves after `delayMs`, or at once when `signal` aborts: waiting never outlives its reason. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const finish = (): void => {
      timer.cancel()
      signal?.removeEventListener('abort', finish)
      resolve()
    }
    const timer = clock.schedule(delayMs, finish)
    signal?.addEventListener('abort', finish, { once: true })
  })
}
