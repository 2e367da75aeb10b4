import { type Clock, sleep } from '../../contracts/clock.ts'
import type { FirebreakError } from '../../contracts/errors.ts'
import { isFirebreakError } from '../../contracts/errors.ts'
import { asLogError, refusalOf } from './kafka-errors.ts'

const firstPauseMs = 20
const pauseMaxMs = 1000

/** The pause before try number `failures + 1`. */
export const pauseMs = (failures: number): number => Math.min(pauseMaxMs, firstPauseMs * 2 ** Math.min(failures, 10))

export interface Patience {
  readonly clock: Clock
  /** For messages. */
  readonly path: string
  readonly withinMs: number
  readonly signal?: AbortSignal
}

/**
 * Tries until it works, for as long as the error is one that passes. **Errors** what `run` threw, as a `FirebreakError`:
 * at once where trying again cannot help, else after `withinMs`.
 */
export async function withPatience<T>(patience: Patience, run: () => Promise<T>): Promise<T> {
  const { clock, path, withinMs, signal } = patience
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
