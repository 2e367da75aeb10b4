import type { Clock } from '../src/contracts/clock.ts'
import { systemClock } from '../src/node/clock.ts'
import { dayMs, hourMs } from './jump-scene.ts'

const offsetsMs = [0, hourMs, -dayMs, dayMs, -hourMs] as const

/** The machine's clock, whose wall time is another one at every look. */
export function restlessClock(): Clock {
  let looks = 0
  return { ...systemClock, now: () => systemClock.now() + (offsetsMs[looks++ % offsetsMs.length] ?? 0) }
}
