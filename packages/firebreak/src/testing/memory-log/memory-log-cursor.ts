/**
 * One member of a group of the memory log.
 *
 * I1  `#held` changes only inside `poll` (and at joining and closing), so a caller sees a rebalance between its polls.
 * I2  What is lost goes to `#leaving` first: still ours to commit, and released when the caller polls again.
 * I3  A waiting poll has one waker; append, rebalance, pause, abort, close and the clock all call it.
 */
import type { Clock } from '../../contracts/clock.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import {
  type Cursor,
  type LogEntry,
  type Partition,
  type PollLimit,
  type Position,
  partitionId,
  type StartFrom,
} from '../../contracts/log.ts'
import { Waker } from '../../node/waker.ts'
import type { Group, Member } from './memory-log-group.ts'
import type { StoredPartition, StoredTopic } from './memory-log-topic.ts'

export interface CursorOrigin {
  readonly group: Group
  readonly topics: readonly StoredTopic[]
  readonly clock: Clock
  readonly from: StartFrom
  readonly ledger: string | null
  readonly onClose: (cursor: MemoryCursor) => void
}

const noEntries: readonly LogEntry[] = Object.freeze([])

export class MemoryCursor implements Cursor, Member {
  readonly partitions: readonly StoredPartition[]
  readonly ledger: string | null
  readonly #origin: CursorOrigin
  readonly #held = new Map<StoredPartition, { next: number }>()
  readonly #leaving = new Set<StoredPartition>()
  #paused: ReadonlySet<string> = new Set()
  readonly #waker = new Waker()
  #turn = 0
  #closed = false

  constructor(origin: CursorOrigin) {
    this.#origin = origin
    this.ledger = origin.ledger
    this.partitions = origin.topics.flatMap((topic) => topic.partitions)
    origin.group.join(this)
    this.#follow()
  }

  async poll({ recordsMax, waitMs, signal }: PollLimit): Promise<readonly LogEntry[]> {
    this.#open()
    const { clock, group, topics } = this.#origin
    for (const partition of this.#leaving) group.release(this, partition)
    this.#leaving.clear()
    const untilMs = clock.monotonic() + waitMs
    for (;;) {
      if (signal.aborted || this.#closed) return noEntries
      const moved = this.#follow()
      const nowMs = clock.monotonic()
      for (const topic of topics) topic.retain(nowMs)
      const entries = this.#collect(recordsMax)
      if (entries.length > 0 || moved || nowMs >= untilMs) return entries
      await this.#waker.wait(clock, untilMs - nowMs, signal)
    }
  }

  async commit(next: readonly Position[]): Promise<void> {
    this.#open()
    this.#origin.group.commit(this, next)
  }

  assignment(): readonly Partition[] {
    return [...this.#held.keys()].map(({ topic, partition }) => ({
      topic,
      partition,
    }))
  }

  pause(partitions: readonly Partition[]): void {
    this.#paused = new Set(partitions.map(partitionId))
    this.wake()
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#held.clear()
    this.#leaving.clear()
    this.#origin.group.leave(this)
    this.#origin.onClose(this)
    this.wake()
  }

  wake(): void {
    this.#waker.wake()
  }

  #open(): void {
    if (this.#closed)
      throw new FirebreakError('FB_CLOSED', {
        what: `cursor of group ${this.#origin.group.name}`,
      })
  }

  /** Brings `#held` in line with the group; true when something was lost or gained. */
  #follow(): boolean {
    const { group } = this.#origin
    let moved = false
    for (const partition of this.#held.keys()) {
      if (group.shouldHold(this, partition)) continue
      this.#held.delete(partition)
      this.#leaving.add(partition)
      moved = true
    }
    for (const partition of group.take(this)) {
      this.#held.set(partition, { next: this.#start(partition) })
      moved = true
    }
    return moved
  }

  #start(partition: StoredPartition): number {
    const { group, from } = this.#origin
    const known = group.committed.get(partitionId(partition))
    if (known !== undefined) return known.offset
    if (from === 'earliest') return partition.first
    // Committed at once: the next owner must not skip what came in between.
    const { topic, partition: index } = partition
    const offset = from === 'latest' ? partition.next : partition.firstAt(from.atMs)
    group.commit(this, [{ topic, partition: index, offset }])
    return offset
  }

  /** Another partition begins each time and each gets its share, so that a full one cannot starve the rest. */
  #collect(recordsMax: number): readonly LogEntry[] {
    const ready = [...this.#held].filter(
      ([partition, place]) => place.next < partition.next && !this.#paused.has(partitionId(partition)),
    )
    const turn = this.#turn++
    const entries: LogEntry[] = []
    for (let i = 0; i < ready.length * 2 && entries.length < recordsMax; i++) {
      const [partition, place] = ready[(turn + i) % ready.length] as (typeof ready)[number]
      const left = recordsMax - entries.length
      // The second time round, what some did not need goes to others.
      const found = partition.read(place.next, i < ready.length ? Math.ceil(left / (ready.length - i)) : left)
      place.next = Math.max(place.next, partition.first) + found.length
      for (const entry of found) entries.push(entry)
    }
    return entries.length === 0 ? noEntries : entries
  }
}
