import type { WindowResult } from '../model/result.ts'
import type { Arm, Scenario } from '../model/scenario.ts'
import { triggersOf } from './report-moments.ts'

const share = 0.9
const forMs = 5000

/**
 * Time from the end of the last trigger (a fault, or the highest rate) until goodput stays at 0.9 of what is offered for 5 s;
 * null: not before arrivals end. Without a trigger it counts from the end of the warm-up. **Units** ms, in whole windows
 */
export function timeToRecoverMs(scenario: Scenario, arm: Arm, windows: readonly WindowResult[]): number | null {
  const ends = triggersOf(arm, scenario).map(({ toMs }) => toMs)
  const sinceMs = Math.max(scenario.warmupMs, ...ends.filter((toMs) => toMs < scenario.durationMs))
  // A trigger that lasts until the end leaves no time to recover from it.
  if (ends.some((toMs) => toMs >= scenario.durationMs)) return null
  const inTime = windows.filter(({ fromMs, toMs }) => fromMs >= sinceMs && toMs <= scenario.durationMs)
  const at = inTime.findIndex((_, index) => holdsFrom(inTime.slice(index)))
  return at < 0 ? null : (inTime[at] as WindowResult).fromMs - sinceMs
}

/** Whether the first window is good, and all together that begin with it and last for the time asked for. */
function holdsFrom(windows: readonly WindowResult[]): boolean {
  let [offered, succeeded] = [0, 0]
  const [first] = windows
  if (first === undefined || first.succeeded < share * first.offered) return false
  for (const window of windows) {
    offered += window.offered
    succeeded += window.succeeded
    if (window.toMs - first.fromMs >= forMs) return succeeded >= share * offered
  }
  return false
}
