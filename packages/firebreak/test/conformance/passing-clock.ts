import type { Clock, Timer } from '../../src/contracts/clock.ts'

/**
 * Virtual time that passes by itself: whenever the event loop has nothing left to do, it jumps to the next timer. So a
 * poll that waits for an hour costs nothing, and one that is woken never sees the hour.
 */
export function passingClock(startMs = 1_700_000_000_000): Clock {
  let nowMs = startMs
  let pumping = false
  let order = 0
  const timers = new Map<number, { readonly atMs: number; readonly run: () => void }>()
  const pump = (idleTurns: number): void => {
    if (timers.size === 0) {
      pumping = false
      return
    }
    if (idleTurns < 2) {
      setImmediate(pump, idleTurns + 1)
      return
    }
    const [id, timer] = [...timers].reduce((a, b) => (b[1].atMs < a[1].atMs ? b : a))
    timers.delete(id)
    nowMs = Math.max(nowMs, timer.atMs)
    timer.run()
    setImmediate(pump, 0)
  }
  return {
    now: () => nowMs,
    monotonic: () => nowMs,
    schedule(delayMs: number, run: () => void): Timer {
      const id = order++
      timers.set(id, { atMs: nowMs + delayMs, run })
      if (!pumping) setImmediate(pump, 0)
      pumping = true
      return { cancel: () => void timers.delete(id) }
    },
  }
}
