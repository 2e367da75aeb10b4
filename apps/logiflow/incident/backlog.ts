import { isFirebreakError } from 'firebreak'
import type { OpsDesk } from '../platform/ops-desk.ts'

const unlessUnavailable = (error: unknown): undefined => {
  if (!(isFirebreakError(error) && error.kind === 'transient')) throw error
}

/** What waits in the log during a night of events. */
export class Backlog {
  /** Of invoicing, at the last look. */
  waiting: number = 0
  peak: number = 0
  /** When the repaired version was up, from the start of the night. */
  repairedAtMs: number | null = null
  /** When invoicing had caught up after that. */
  drainedAtMs: number | null = null

  /** Records that all services together have not finished; undefined while the log cannot say. */
  async look(desk: OpsDesk, atMs: () => number): Promise<number | undefined> {
    const records = await desk.backlog().catch(unlessUnavailable)
    if (records === undefined) return undefined
    this.waiting = records['invoicing'] ?? 0
    this.peak = Math.max(this.peak, this.waiting)
    if (this.repairedAtMs !== null && this.drainedAtMs === null && this.waiting <= 1) this.drainedAtMs = atMs()
    return Object.values(records).reduce((total, count) => total + count, 0)
  }

  /** From the fix to the end of the backlog; null when it did not end. */
  drainMs(): number | null {
    const { repairedAtMs, drainedAtMs } = this
    return repairedAtMs === null || drainedAtMs === null ? null : Math.round(drainedAtMs - repairedAtMs)
  }
}
