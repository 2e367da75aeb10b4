import type { Clock } from '../../contracts/clock.ts'
import { FirebreakError } from '../../contracts/errors.ts'

/** A schema that is waited for, and for how long. **Units** ms. */
export interface SchemaTime {
  readonly clock: Clock
  /** Whose schema it is, in words. */
  readonly type: string
  readonly deadlineMs: number
}

/**
 * Waits for a schema that validates asynchronously, and no longer than its time.
 *
 * **Errors** `FB_SCHEMA_TIMEOUT`, those of the promise.
 */
export function inTime<T>({ clock, type, deadlineMs }: SchemaTime, answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.schedule(deadlineMs, () =>
      reject(new FirebreakError('FB_SCHEMA_TIMEOUT', { type, deadlineMs })),
    )
    answer.finally(() => timer.cancel()).then(resolve, reject)
  })
}
