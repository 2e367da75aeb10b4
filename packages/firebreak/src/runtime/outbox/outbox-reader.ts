import type { Database } from '../../contracts/database.ts'
import { blockedPlaces } from '../../ledger/blocked-events.ts'
import { readChangeCounters } from '../../ledger/change-counters.ts'
import type { Held } from '../../ledger/leases.ts'
import { countOutbox, type OutboxRow, outboxShards, readOutbox } from '../../ledger/outbox.ts'
import type { OutboxQueue } from './outbox-queue.ts'
import { ShardMarks } from './shard-marks.ts'

// Small against a shard that is worth an index: a server walks it in order then, however many rows wait.
const pageMax = 250

/**
 * Brings rows of the shards that this instance holds into its queue: those that it commits itself, and those that it finds in the
 * database.
 *
 * I1 Every row of a held shard is accounted for up to the shard's mark; `mayHaveMore` says that there may be rows beyond it.
 * I2 A row that was removed while the database was read stays known until that has ended: it may have been read still, and would be
 *    sent again.
 */
export class OutboxReader {
  readonly #database: Database
  readonly #queue: OutboxQueue
  readonly #countMax: number
  readonly #marks = new ShardMarks()
  #mayHaveMore = true
  /** No row of our shards up to it is missed: it was pushed or read, or `mayHaveMore` says that it has yet to be. */
  #lastSeq = 0
  /** Rows that are only in the database, ours and those of others, as of the last look, and those pushed since. */
  #unseenRows = 0
  #isLooking = false
  readonly #removedDuringLook: number[] = []

  /** `countMax`: rows that are only in the database are not counted further. */
  constructor(database: Database, queue: OutboxQueue, countMax: number) {
    this.#database = database
    this.#queue = queue
    this.#countMax = countMax
  }

  get unseenRows(): number {
    return this.#unseenRows
  }

  get lastSeq(): number {
    return this.#lastSeq
  }

  get mayHaveMore(): boolean {
    return this.#mayHaveMore
  }

  /** How many shards are held. */
  get shards(): number {
    return this.#marks.size
  }

  /** Rows that have just been committed here. */
  push(rows: readonly OutboxRow[]): void {
    // Behind rows that are only in the database yet, they wait there too (I1). A jump in the numbers says that another
    // instance has put rows before them.
    const jumped = rows[0]?.seq !== this.#lastSeq + 1
    this.#lastSeq = Math.max(this.#lastSeq, rows.at(-1)?.seq ?? 0)
    if (jumped || this.#mayHaveMore || this.#isLooking || !this.#queue.hasRoom('push')) {
      this.#mayHaveMore = true
      this.#unseenRows += rows.length
    } else {
      for (const row of rows) this.#accept(row)
      for (const shard of this.#marks.shards) this.#marks.advance(shard, this.#marks.readTo(shard), this.#lastSeq)
    }
  }

  /** There may be rows that this instance has not seen. */
  expectMore(): void {
    this.#mayHaveMore = true
  }

  /** What is numbered `seq` and later is to be read again. */
  readAgain(seq: number): void {
    this.#marks.back(seq)
    this.#mayHaveMore = true
  }

  /** Rows that are no longer in the outbox. */
  removed(rows: readonly OutboxRow[]): void {
    for (const { seq } of rows) {
      if (this.#isLooking) this.#removedDuringLook.push(seq)
      else this.#queue.forget(seq)
    }
  }

  /** These are the shards that this instance holds from now on. */
  async hold({ held, taken }: Held, nowMs: number): Promise<void> {
    const fresh = new Set(this.#marks.hold(held, taken))
    this.#queue.dropShards((shard) => fresh.has(shard) || !this.#marks.has(shard))
    if (fresh.size === 0) return
    this.#mayHaveMore = true
    try {
      for (const place of await blockedPlaces(this.#database)) {
        if (fresh.has(place.shard)) this.#queue.blocked.add(this.#queue.laneAt(place), nowMs)
      }
    } catch (error) {
      // What is blocked has to be known before anything of these shards is sent.
      this.#marks.hold([], [])
      throw error
    }
  }

  async countUnseen(): Promise<void> {
    const { known } = this.#queue
    const waiting = await countOutbox(this.#database, this.#countMax + known)
    this.#unseenRows = Math.max(0, waiting - this.#queue.known)
  }

  /** Reads on in every shard, while there is room. */
  async look(): Promise<void> {
    this.#mayHaveMore = false
    this.#unseenRows = 0
    this.#isLooking = true
    try {
      // Before the rows are read: what is numbered up to here is there to be read.
      const { outbox } = await readChangeCounters(this.#database)
      const looks = await Promise.allSettled(this.#marks.shards.map((shard) => this.#lookAt(shard, outbox)))
      // Only when all have ended: one that went on would bring rows that have been sent meanwhile.
      for (const look of looks) if (look.status === 'rejected') throw look.reason
      this.#lastSeq = Math.max(this.#lastSeq, outbox)
      if (this.#mayHaveMore || this.#unseenRows > 0 || this.#marks.size < outboxShards) await this.countUnseen()
    } catch (error) {
      this.#mayHaveMore = true
      throw error
    } finally {
      this.#isLooking = false
      for (const seq of this.#removedDuringLook.splice(0)) this.#queue.forget(seq)
    }
  }

  async #lookAt(shard: number, outbox: number): Promise<void> {
    for (;;) {
      const after = this.#marks.readTo(shard)
      // What is being sent is still there: it is passed over.
      const rows = await readOutbox(this.#database, shard, after, pageMax)
      for (const row of rows) this.#accept(row)
      const isLast = rows.length < pageMax
      this.#marks.advance(shard, after, Math.max(rows.at(-1)?.seq ?? 0, isLast ? outbox : 0))
      if (isLast) return
      if (!this.#queue.hasRoom('look')) {
        this.#mayHaveMore = true
        return
      }
    }
  }

  #accept(row: OutboxRow): void {
    if (!this.#marks.has(row.shard) || !this.#queue.accept(row)) this.#unseenRows++
  }
}
