import type { Clock, Timer } from '../contracts/clock.ts'

// setTimeout takes a signed 32-bit delay and fires at once above it; longer waits are cut into pieces.
const delayMax = 2 ** 31 - 1

/** The machine's clock. */
export const systemClock: Clock = {
  now: Date.now,
  monotonic: () => performance.now(),
  schedule(delayMs: number, run: () => void): Timer {
    const dueAtMs = performance.now() + delayMs
    let handle: NodeJS.Timeout
    let keeps = true
    const arm = (leftMs: number): void => {
      handle = setTimeout(fire, Math.min(delayMax, Math.ceil(leftMs)))
      if (!keeps) handle.unref()
    }
    // The machine's timers count in whole ms of the event loop and fire up to one too early.
    const fire = (): void => {
      const leftMs = dueAtMs - performance.now()
      if (leftMs > 0) arm(leftMs)
      else run()
    }
    arm(delayMs)
    return {
      cancel: () => clearTimeout(handle),
      keepAlive(keep) {
        keeps = keep
        if (keep) handle.ref()
        else handle.unref()
      },
    }
  },
}

const dateMaxMs = 8.64e15

/** RFC 3339 in UTC with milliseconds. What no `Date` holds is shown as the nearest one: showing a time must not fail. */
export const toRfc3339 = (epochMs: number): string =>
  new Date(Math.min(dateMaxMs, Math.max(-dateMaxMs, Number.isNaN(epochMs) ? 0 : epochMs))).toISOString()

/** A Date, for those whose callers deal in them. */
export const dateAt = (ms: number): Date => new Date(ms)
