import type { WindowResult } from '../../model/result.ts'

/** Sums over windows, and their rates per second. */
export interface Flow {
  readonly seconds: number
  readonly offered: number
  readonly succeeded: number
}

/** What arrived and what succeeded in the windows that lie within. */
export function flowOf(windows: readonly WindowResult[], fromMs: number, toMs: number): Flow {
  let [milliseconds, offered, succeeded] = [0, 0, 0]
  for (const one of windows) {
    if (one.fromMs < fromMs || one.toMs > toMs) continue
    milliseconds += one.toMs - one.fromMs
    offered += one.offered
    succeeded += one.succeeded
  }
  return { seconds: milliseconds / 1000, offered, succeeded }
}

/** Per second of a window. */
export const rateOf = (amount: number, { fromMs, toMs }: Pick<WindowResult, 'fromMs' | 'toMs'>): number =>
  toMs > fromMs ? (amount * 1000) / (toMs - fromMs) : 0

/** How many windows to join so that at most `max` are left of each of several runs, at the same times. */
export function joinOf(runs: readonly { readonly windows: readonly WindowResult[] }[], max: number): number {
  return Math.max(1, Math.ceil(Math.max(0, ...runs.map(({ windows }) => windows.length)) / max))
}

/** Joins so many neighbours each: flows add up, backlog and age are the highest, the rest is as at the end. */
export function mergedWindows(windows: readonly WindowResult[], size: number): readonly WindowResult[] {
  if (size === 1) return windows
  const merged: WindowResult[] = []
  for (let at = 0; at < windows.length; at += size) merged.push(joined(windows.slice(at, at + size)))
  return merged
}

function joined(windows: readonly WindowResult[]): WindowResult {
  const [first, last] = [windows[0], windows.at(-1)] as [WindowResult, WindowResult]
  const sum = (of: (one: WindowResult) => number): number => windows.reduce((total, one) => total + of(one), 0)
  return {
    ...last,
    fromMs: first.fromMs,
    offered: sum((one) => one.offered),
    succeeded: sum((one) => one.succeeded),
    failed: sum((one) => one.failed),
    attempts: sum((one) => one.attempts),
    backlog: Math.max(...windows.map((one) => one.backlog)),
    oldestAgeMs: Math.max(...windows.map((one) => one.oldestAgeMs)),
  }
}

export interface Interval {
  readonly fromMs: number
  readonly toMs: number
}

/** Neighbouring windows of which something holds, as intervals; `bridged`: so many windows in between do not end one. */
export function intervalsWhere(
  windows: readonly WindowResult[],
  holds: (one: WindowResult, previous: WindowResult | undefined) => boolean,
  bridged = 0,
): readonly Interval[] {
  const found: { fromMs: number; toMs: number }[] = []
  let gap = Number.POSITIVE_INFINITY
  for (const [index, one] of windows.entries()) {
    const open = found.at(-1)
    if (!holds(one, windows[index - 1])) {
      gap++
    } else {
      if (open !== undefined && gap <= bridged) open.toMs = one.toMs
      else found.push({ fromMs: one.fromMs, toMs: one.toMs })
      gap = 0
    }
  }
  return found
}
