import type { OutboxRow } from '../../ledger/outbox.ts'

/**
 * What an outlet is at.
 *
 *     idle --begin--> sending --begin, for the next call--> sending --end--> idle
 *                     sending --fail--> resting --begin, when its time has come--> sending
 */
type OutletState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'sending'; readonly sinceMs: number }
  | { readonly kind: 'resting'; readonly untilMs: number }

type OutletMove =
  | { readonly kind: 'begin'; readonly nowMs: number }
  | { readonly kind: 'end' }
  | { readonly kind: 'fail'; readonly untilMs: number }

function stateAfter(move: OutletMove): OutletState {
  switch (move.kind) {
    case 'begin':
      return { kind: 'sending', sinceMs: move.nowMs }
    case 'end':
      return { kind: 'idle' }
    case 'fail':
      return { kind: 'resting', untilMs: move.untilMs }
  }
}

/** How long calls of the log take, all outlets together: what is slow for one machine is usual for another. */
export class Pace {
  #usualMs = 0

  /** A call that went well. */
  took(ms: number): void {
    this.#usualMs += (ms - this.#usualMs) / 8
  }

  /** A call that takes longer is one that nobody else must wait for. */
  get slowAfterMs(): number {
    return Math.max(1000, 4 * this.#usualMs)
  }
}

// Enough to see at once that the log takes them again; what is beyond is read when it does.
const slowRowsMax = 250

/**
 * One partition of a topic: the way out for the events that go there, and what of them is in memory.
 *
 * I1 One call of `append` is under way for an outlet at a time, so its keys keep their order.
 * I2 The queue and what is being sent are, in each shard, all rows of this outlet before `asideFrom` that may go.
 * I3 A slow outlet keeps few rows: the memory is for those that move.
 */
export class Outlet {
  readonly id: string
  readonly #pace: Pace
  /** Calls in a row that the log did not take. */
  failures = 0
  #state: OutletState = { kind: 'idle' }
  #queue: OutboxRow[] = []
  #asideFrom: number | null = null

  constructor(id: string, pace: Pace) {
    this.id = id
    this.#pace = pace
  }

  get size(): number {
    return this.#queue.length
  }

  get rows(): readonly OutboxRow[] {
    return this.#queue
  }

  /** From this number on its rows are left in the database; null: none is. */
  get asideFrom(): number | null {
    return this.#asideFrom
  }

  isReady(nowMs: number): boolean {
    if (this.#queue.length === 0 || this.#state.kind === 'sending') return false
    return this.#state.kind === 'idle' || nowMs >= this.#state.untilMs
  }

  isSlow(nowMs: number): boolean {
    return nowMs >= this.slowAtMs
  }

  /** When it counts as slow, if nothing changes. */
  get slowAtMs(): number {
    if (this.#state.kind === 'sending') return this.#state.sinceMs + this.#pace.slowAfterMs
    return this.#state.kind === 'resting' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  }

  /** When it is to be tried again; infinite while nothing has to be waited for. */
  get restsUntilMs(): number {
    return this.#state.kind === 'resting' && this.#queue.length > 0 ? this.#state.untilMs : Number.POSITIVE_INFINITY
  }

  /** The call under way has gone well. */
  wentWell(nowMs: number): void {
    this.failures = 0
    if (this.#state.kind === 'sending') this.#pace.took(nowMs - this.#state.sinceMs)
  }

  move(move: OutletMove): void {
    this.#state = stateAfter(move)
  }

  /** False: the row is left aside, and everything behind it too (I2). */
  add(row: OutboxRow, nowMs: number): boolean {
    if (this.#asideFrom !== null && row.seq >= this.#asideFrom) return false
    if (this.#queue.length >= slowRowsMax && this.isSlow(nowMs)) {
      this.#asideFrom = row.seq
      return false
    }
    this.#queue.push(row)
    return true
  }

  take(max: number): readonly OutboxRow[] {
    return this.#queue.splice(0, max)
  }

  /** What was taken and has not gone, in front of what came since. */
  giveBack(rows: readonly OutboxRow[]): void {
    if (rows.length > 0) this.#queue = [...rows, ...this.#queue]
  }

  /** **Shape** what was dropped. */
  drop(isDropped: (row: OutboxRow) => boolean): readonly OutboxRow[] {
    const dropped = this.#queue.filter(isDropped)
    if (dropped.length > 0) this.#queue = this.#queue.filter((row) => !isDropped(row))
    return dropped
  }

  /** Leaves aside what a slow outlet must not keep (I3). **Shape** what was dropped. */
  trim(): readonly OutboxRow[] {
    const dropped = this.#queue.splice(slowRowsMax)
    for (const { seq } of dropped) this.#asideFrom = Math.min(this.#asideFrom ?? seq, seq)
    return dropped
  }

  /** It goes on: what was left aside has to be read, from the number that this gives. */
  takeAside(nowMs: number): number | null {
    if (this.#queue.length > 0 || this.isSlow(nowMs)) return null
    const from = this.#asideFrom
    this.#asideFrom = null
    return from
  }
}
