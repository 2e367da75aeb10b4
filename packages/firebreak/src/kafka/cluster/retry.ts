import { type Clock, sleep } from '../../contracts/clock.ts'
import type { FirebreakError } from '../../contracts/errors.ts'
import { isFirebreakError } from '../../contracts/errors.ts'
import { asLogError, refusalOf } from './kafka-errors.ts'

const firstPauseMs = 20
const pauseMaxMs = 1000

/** How long to wait before the next try, after `failures` that came one after the other (the first is 0), in ms. */
export const pauseMs = (failures: number): number => Math.min(pauseMaxMs, firstPauseMs * 2 ** Math.min(failures, 10))

export interface RetryOptions {
  readonly clock: Clock
  /** For messages. */
  readonly path: string
  readonly withinMs: number
  readonly signal?: AbortSignal
}

/**
 * Tries `run` again while its errors are transient, for `withinMs` at most.
 *
 * **Errors** what `run` threw, as a `FirebreakError`: at once where trying again cannot help.
 */
export async function retryTransient<T>(options: RetryOptions, run: () => Promise<T>): Promise<T> {
  const { clock, path, withinMs, signal } = options
  const untilMs = clock.monotonic() + withinMs
  for (let failures = 0; ; failures++) {
    try {
      return await run()
    } catch (error) {
      if (isFinal(error) || signal?.aborted === true || clock.monotonic() >= untilMs) throw asLogError(error, path)
    }
    await sleep(clock, Math.max(1, Math.min(pauseMs(failures), untilMs - clock.monotonic())), signal)
  }
}

const isFinal = (error: unknown): error is FirebreakError => isFirebreakError(error) || refusalOf(error) !== undefined
