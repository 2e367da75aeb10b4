import type { Clock, Timer } from '../contracts/clock.ts'

// setTimeout takes a signed 32-bit delay and fires at once above it; longer waits are cut into pieces.
const delayMax = 2 ** 31 - 1

/** The machine's clock. */
export const systemClock: Clock = {
  now: Date.now,
  schedule(delayMs: number, run: () => void): Timer {
    let handle: NodeJS.Timeout
    const arm = (leftMs: number): void => {
      handle = leftMs > delayMax ? setTimeout(arm, delayMax, leftMs - delayMax) : setTimeout(run, leftMs)
    }
    arm(delayMs)
    return { cancel: () => clearTimeout(handle) }
  },
}

/** RFC 3339 in UTC with milliseconds. */
export const toRfc3339 = (epochMs: number): string => new Date(epochMs).toISOString()
