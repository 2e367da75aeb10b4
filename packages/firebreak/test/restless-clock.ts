import type { Clock } from '../src/contracts/clock.ts'
import { systemClock } from '../src/node/clock.ts'
import { seededEntropy } from '../src/testing/virtual-time/seeded-entropy.ts'
import { dayMs, hourMs } from './jump-scene.ts'

const offsetsMs = [0, hourMs, -dayMs, dayMs, -hourMs] as const

/**
 * The machine's clock, whose wall time is another one at every look. Drawn, not in turn: a loop that looks five times
 * would otherwise see a parked record under the same offset forever, and never as due.
 */
export function restlessClock(): Clock {
  const { random } = seededEntropy(1)
  return { ...systemClock, now: () => systemClock.now() + (offsetsMs[Math.floor(random() * offsetsMs.length)] ?? 0) }
}
