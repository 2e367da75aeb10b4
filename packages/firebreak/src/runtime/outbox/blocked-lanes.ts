import { type Backoff, backoffMs } from '../../policy/definition/backoff.ts'

/** A key whose first event the log has refused. The event and all behind it are in the database only. */
export interface BlockedLane {
  readonly lane: string
  readonly shard: number
  readonly seq: number
  /** Where it would go. */
  readonly outlet: string
}

interface Probing {
  /** The one that was not tried for the longest time comes first. */
  readonly lanes: Map<string, BlockedLane>
  failures: number
  dueAtMs: number
  isTrying: boolean
}

const retry: Backoff = { baseMs: 1000, capMs: 60_000, jitter: 'equal' }
const triedMax = 20

/**
 * The blocked keys of the shards held, and when some of them are tried again: a limit may have been raised, a topic may be
 * back. Per outlet, a few at a time, seldom while none goes and at once when one does.
 *
 * I1 At most `limits.outboxMax` and what came beside it: each is the key of a row in the outbox.
 */
export class BlockedLanes {
  readonly #outlets = new Map<string, Probing>()
  readonly #byLane = new Map<string, BlockedLane>()
  readonly #random: () => number

  constructor(random: () => number) {
    this.#random = random
  }

  get size(): number {
    return this.#byLane.size
  }

  get all(): readonly BlockedLane[] {
    return [...this.#byLane.values()]
  }

  has(lane: string): boolean {
    return this.#byLane.has(lane)
  }

  add(blocked: BlockedLane, nowMs: number): void {
    this.#byLane.set(blocked.lane, blocked)
    const known = this.#outlets.get(blocked.outlet)
    if (known !== undefined) known.lanes.set(blocked.lane, blocked)
    else {
      const lanes = new Map([[blocked.lane, blocked]])
      const dueAtMs = nowMs + backoffMs(retry, 1, 0, this.#random)
      this.#outlets.set(blocked.outlet, { lanes, failures: 1, dueAtMs, isTrying: false })
    }
  }

  remove({ lane, outlet }: BlockedLane): void {
    this.#byLane.delete(lane)
    const known = this.#outlets.get(outlet)
    known?.lanes.delete(lane)
    if (known?.lanes.size === 0) this.#outlets.delete(outlet)
  }

  /** Something else has just gone the way of these. */
  hurry(outlet: string, nowMs: number): void {
    const known = this.#outlets.get(outlet)
    if (known !== undefined) known.dueAtMs = Math.min(known.dueAtMs, nowMs)
  }

  /** Those to be tried now, by outlet; each outlet's `tried` has to follow. */
  takeDue(nowMs: number): readonly (readonly BlockedLane[])[] {
    const due: (readonly BlockedLane[])[] = []
    for (const known of this.#outlets.values()) {
      if (known.isTrying || known.dueAtMs > nowMs) continue
      known.isTrying = true
      due.push([...known.lanes.values()].slice(0, triedMax))
    }
    return due
  }

  /** These have been tried; what has gone is no longer among the blocked. */
  tried(lanes: readonly BlockedLane[], nowMs: number): void {
    const known = this.#outlets.get(lanes[0]?.outlet ?? '')
    if (known === undefined) return
    known.isTrying = false
    const stuck = lanes.filter(({ lane }) => known.lanes.has(lane))
    for (const one of stuck) {
      known.lanes.delete(one.lane)
      known.lanes.set(one.lane, one)
    }
    known.failures = stuck.length < lanes.length ? 0 : known.failures + 1
    known.dueAtMs = known.failures === 0 ? nowMs : nowMs + backoffMs(retry, known.failures, 0, this.#random)
  }

  get nextAtMs(): number {
    let next = Number.POSITIVE_INFINITY
    for (const { dueAtMs, isTrying } of this.#outlets.values()) if (!isTrying) next = Math.min(next, dueAtMs)
    return next
  }
}
