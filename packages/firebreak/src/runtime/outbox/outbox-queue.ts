import type { LogRecord } from '../../contracts/log.ts'
import { partitionOfKey } from '../../contracts/partitioner.ts'
import type { OutboxRow } from '../../ledger/outbox.ts'
import { type BlockedLane, BlockedLanes } from './blocked-lanes.ts'
import { Outlet, Pace } from './outlet.ts'

const roomMax = 5000
const lookMax = 1000

export interface QueueDeps {
  readonly now: () => number
  readonly random: () => number
  readonly partitions: (topic: string) => number | undefined
}

/**
 * What this instance has in memory of the outbox.
 *
 * I1 `#known` are the numbers of rows that are queued, being sent, or sent and not yet removed; two events may have one id.
 * I2 Of a blocked key nothing is queued, and nothing is taken in.
 * I3 Outlets that move hold about `roomMax` rows between them, a slow one 250: the queue has room however many rows are stuck.
 */
export class OutboxQueue {
  readonly blocked: BlockedLanes
  readonly #deps: QueueDeps
  readonly #outlets = new Map<string, Outlet>()
  readonly #known = new Set<number>()
  readonly #pace = new Pace()
  /** As they were when a topic was first met: a key must not change its outlet while something of it is under way. */
  readonly #partitions = new Map<string, number | undefined>()

  constructor(deps: QueueDeps) {
    this.#deps = deps
    this.blocked = new BlockedLanes(deps.random)
  }

  get known(): number {
    return this.#known.size
  }

  get outlets(): Iterable<Outlet> {
    return this.#outlets.values()
  }

  /** Rows of ours that wait here for a way out that is open. */
  get moving(): number {
    const nowMs = this.#deps.now()
    let count = 0
    for (const outlet of this.#outlets.values()) if (!outlet.isSlow(nowMs)) count += outlet.size
    return count
  }

  /** False: it is left in the database for now. */
  accept(row: OutboxRow): boolean {
    if (this.#known.has(row.seq)) return true
    if (this.blocked.size > 0 && this.blocked.has(laneOf(row))) return false
    const id = this.outletId(row.record)
    let outlet = this.#outlets.get(id)
    if (outlet === undefined) {
      outlet = new Outlet(id, this.#pace)
      this.#outlets.set(id, outlet)
    }
    if (!outlet.add(row, this.#deps.now())) return false
    this.#known.add(row.seq)
    return true
  }

  /** Room for what is committed here: `push`; for what has to be read: `look`. */
  hasRoom(purpose: 'push' | 'look'): boolean {
    const max = purpose === 'push' ? roomMax : lookMax
    if (this.#known.size < max) return true
    const nowMs = this.#deps.now()
    for (const outlet of this.#outlets.values()) if (outlet.isSlow(nowMs)) this.#forget(outlet.trim())
    return this.moving < max
  }

  /** It is being sent, although it never was in the queue. */
  remember(seq: number): void {
    this.#known.add(seq)
  }

  forget(seq: number): void {
    this.#known.delete(seq)
  }

  /** Shards that are no longer ours, or may have been somebody else's for a while. */
  dropShards(isDropped: (shard: number) => boolean): void {
    for (const outlet of this.#outlets.values()) this.#forget(outlet.drop(({ shard }) => isDropped(shard)))
    for (const one of this.blocked.all) if (isDropped(one.shard)) this.blocked.remove(one)
  }

  /** These cannot go: nothing of their keys is kept here. **Shape** the first of each key. */
  block(rows: readonly OutboxRow[]): readonly OutboxRow[] {
    const firsts = rows.filter((row) => {
      const place = this.laneAt({ ...row, ...row.record })
      if (this.blocked.has(place.lane)) return false
      this.blocked.add(place, this.#deps.now())
      return true
    })
    this.#forget(rows)
    for (const id of new Set(firsts.map(({ record }) => this.outletId(record)))) {
      const dropped = this.#outlets.get(id)?.drop((row) => this.blocked.has(laneOf(row)))
      this.#forget(dropped ?? [])
    }
    return firsts
  }

  /** Those of a bundle whose key has been blocked meanwhile stay in the database. **Shape** the others. */
  withoutBlocked(rows: readonly OutboxRow[]): readonly OutboxRow[] {
    if (this.blocked.size === 0) return rows
    const [kept, dropped]: [OutboxRow[], OutboxRow[]] = [[], []]
    for (const row of rows) (this.blocked.has(laneOf(row)) ? dropped : kept).push(row)
    this.#forget(dropped)
    return kept
  }

  laneAt(row: { shard: number; seq: number; topic: string; key: string | null }): BlockedLane {
    const { shard, seq, topic, key } = row
    return { lane: laneOf({ seq, record: { topic, key } }), shard, seq, outlet: this.outletId({ topic, key }) }
  }

  /** The lowest number of what may be read now that outlets left aside; null where there is nothing. */
  takeAside(): number | null {
    let from: number | null = null
    for (const outlet of this.#outlets.values()) {
      const aside = outlet.takeAside(this.#deps.now())
      if (aside !== null) from = Math.min(from ?? aside, aside)
    }
    return from
  }

  outletId({ topic, key }: Pick<LogRecord, 'topic' | 'key'>): string {
    if (!this.#partitions.has(topic)) this.#partitions.set(topic, this.#deps.partitions(topic))
    const count = this.#partitions.get(topic)
    // What has no key goes where the log likes.
    return key === null || count === undefined ? topic : `${topic}/${partitionOfKey(key, count)}`
  }

  #forget(rows: readonly OutboxRow[]): void {
    for (const { seq } of rows) this.#known.delete(seq)
  }
}

/** What keeps an order: a key in its topic; an event without one is alone. */
function laneOf({ seq, record }: { seq: number; record: Pick<LogRecord, 'topic' | 'key'> }): string {
  return record.key === null ? `#${seq}` : `${record.topic}\n${record.key}`
}
