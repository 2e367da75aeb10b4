import { sleep, type Timer } from '../contracts/clock.ts'
import { dropLeases, leaseShards } from '../ledger/leases.ts'
import { readMoves } from '../ledger/moves.ts'
import { countOutbox, type OutboxRow, outboxShards, readOutbox, removeFromOutbox } from '../ledger/outbox.ts'
import { nextTurn } from '../node/turn.ts'
import { backoffMs } from '../policy/backoff.ts'
import { classify } from './decide.ts'
import type { Engine } from './engine.ts'
import type { StopTime } from './stop-time.ts'
import { bareUnit } from './unit.ts'

const batchMax = 1000
// Small against a shard that is worth an index: a server walks it in order then, however many rows wait.
const pageMax = 250
const memoryMax = 5000
const leaseMs = 2000
const retry = { baseMs: 50, capMs: 2000, jitter: 'full' } as const

/**
 * Brings committed events from the outbox into the log: those of the shards that this instance holds, each in commit order.
 *
 * I1 Only the holder of a shard's lease sends its events, and looks at it before every append; one batch is under way at a
 *    time.
 * I2 A key stops at its first failed send: nothing of it is sent before what failed.
 * I3 A row leaves the outbox after the log has it. Between the two a crash sends it again, with the same event id.
 * I4 `#queue` is, for every shard held, a prefix of what the outbox holds; `#more` says that it may hold rows beyond it.
 */
export class Relay {
  readonly #engine: Engine
  #queue: OutboxRow[] = []
  /** Numbers of the rows in the queue, being sent, or sent and not yet removed; two events may have one id. */
  readonly #known = new Set<number>()
  #more = true
  #shards: ReadonlySet<number> = new Set()
  /** No row of our shards up to it is missed: it was pushed or read, or `#more` says that it has yet to be. */
  #lastSeq = 0
  /** Rows that are only in the database, ours and those of others, as of the last look, and those pushed since. */
  #beyond = 0
  #refilling = false
  /** Removed while a look was under way. */
  readonly #late: number[] = []
  #leasedUntilMs = 0
  #running: Promise<void> | undefined
  #stopped = false
  #failures = 0
  #tryLease: Timer | undefined
  readonly #stop = new AbortController()

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** Rows that the log has not confirmed, as far as this instance knows. */
  get pending(): number {
    return this.#known.size + this.#beyond
  }

  /** The number of the newest event that this instance knows of. */
  get seen(): number {
    return this.#lastSeq
  }

  /** Others may put events into shards that only this instance sends. */
  get sharing(): boolean {
    const { size } = this.#shards
    return size > 0 && size < outboxShards && this.#engine.clock.now() < this.#leasedUntilMs
  }

  /** Rows that have just been committed here. */
  push(rows: readonly OutboxRow[]): void {
    // Behind rows that are only in the database yet, they wait there too: the queue stays a prefix (I4). A jump in the
    // numbers says that another instance has put rows before them.
    const jumped = rows[0]?.seq !== this.#lastSeq + 1
    this.#lastSeq = Math.max(this.#lastSeq, rows.at(-1)?.seq ?? 0)
    if (jumped || this.#more || this.#refilling || this.#queue.length > memoryMax) {
      this.#more = true
      this.#beyond += rows.length
    } else for (const row of rows) this.#enqueue(row)
    this.kick()
  }

  /** The outbox may hold rows that this instance has not seen. */
  refill(): void {
    this.#more = true
    this.kick()
  }

  kick(): void {
    if (this.#stopped || this.#running !== undefined) return
    // Holding nothing, there is nothing to do until the next look.
    if (this.#tryLease !== undefined && this.#shards.size === 0) return
    this.#running = this.#run().finally(() => {
      this.#running = undefined
      if (this.#queue.length > 0 || this.#more) this.kick()
    })
  }

  /** Sends what is left while the log takes it, as far as `time` allows; the rest stays in the outbox. */
  async stop(time: StopTime): Promise<void> {
    while (this.#running !== undefined && (await time.sees(this.#running)));
    this.#stopped = true
    this.#stop.abort()
    this.#tryLease?.cancel()
    if (this.#leasedUntilMs === 0) return
    this.#leasedUntilMs = 0
    await time.sees(this.#engine.database.commit([(sql) => dropLeases(sql, this.#engine.instance)]))
  }

  /** Asked before every append: a process that froze, or waited long for the log, may have lost its shards meanwhile. */
  get #maySend(): boolean {
    return !this.#stop.signal.aborted && this.#engine.clock.now() < this.#leasedUntilMs
  }

  #enqueue(row: OutboxRow): void {
    if (!this.#shards.has(row.shard)) {
      this.#beyond++
      return
    }
    if (this.#known.has(row.seq)) return
    this.#known.add(row.seq)
    this.#queue.push(row)
  }

  async #run(): Promise<void> {
    // What is committed in this turn goes out together.
    await new Promise<void>((resolve) => nextTurn(resolve))
    while (!this.#stop.signal.aborted) {
      try {
        if (!(await this.#lease())) return
        if (this.#queue.length === 0 && this.#more) await this.#refill()
        if (this.#queue.length === 0) {
          if (!this.#more) {
            if (this.#beyond > 0) this.#lookAgain()
            return
          }
          // Pushed during the look: nobody else will come back for it.
          continue
        }
        await this.#send(this.#queue.splice(0, batchMax))
        this.#failures = 0
      } catch (error) {
        const { clock, entropy, tell, halt } = this.#engine
        if (classify(error).kind === 'halt') {
          this.#stopped = true
          return halt(error as Error)
        }
        tell?.({ kind: 'trouble', where: 'relay', error })
        this.#failures++
        await sleep(clock, backoffMs(retry, this.#failures, 0, entropy.random), this.#stop.signal)
      }
    }
  }

  /** Renews what is held and takes what nobody holds; false while that is nothing. */
  async #lease(): Promise<boolean> {
    const { clock, database, instance } = this.#engine
    const nowMs = clock.now()
    if (nowMs < this.#leasedUntilMs - leaseMs / 2) return this.#shards.size > 0
    let held: readonly number[] = []
    const [verdict] = await database.commit([
      async (sql) => {
        held = await leaseShards(sql, { holder: instance, nowMs, forMs: leaseMs }, outboxShards)
      },
    ])
    if (verdict?.ok === false) throw verdict.error
    this.#leasedUntilMs = nowMs + leaseMs
    this.#hold(new Set(held))
    // Others send the rest; look again when their leases could have ended.
    if (held.length === 0) this.#lookAgain()
    if (held.length < outboxShards) await this.#countBeyond()
    return held.length > 0
  }

  #hold(shards: ReadonlySet<number>): void {
    if ([...shards].some((shard) => !this.#shards.has(shard))) this.#more = true
    const kept = this.#queue.filter((row) => shards.has(row.shard))
    if (kept.length < this.#queue.length) {
      for (const row of this.#queue) if (!shards.has(row.shard)) this.#known.delete(row.seq)
      this.#queue = kept
    }
    this.#shards = shards
  }

  #lookAgain(): void {
    this.#tryLease ??= this.#engine.clock.schedule(leaseMs, () => {
      this.#tryLease = undefined
      this.#leasedUntilMs = Math.min(this.#leasedUntilMs, this.#engine.clock.now())
      this.kick()
    })
  }

  async #countBeyond(): Promise<void> {
    const { database, limits } = this.#engine
    const waiting = await countOutbox(database, limits.outboxMax + this.#known.size)
    this.#beyond = Math.max(0, waiting - this.#known.size)
  }

  async #refill(): Promise<void> {
    const { database } = this.#engine
    this.#more = false
    this.#beyond = 0
    this.#refilling = true
    try {
      // Before the rows are read: what is numbered up to here is there to be read.
      const { outbox } = await readMoves(database)
      const looks = await Promise.allSettled([...this.#shards].map((shard) => this.#refillShard(shard)))
      // Only when all have ended: one that went on would bring rows that have been sent meanwhile.
      for (const look of looks) if (look.status === 'rejected') throw look.reason
      this.#lastSeq = Math.max(this.#lastSeq, outbox)
      if (this.#more || this.#shards.size < outboxShards) await this.#countBeyond()
    } catch (error) {
      this.#more = true
      throw error
    } finally {
      this.#refilling = false
      for (const seq of this.#late.splice(0)) this.#known.delete(seq)
    }
  }

  async #refillShard(shard: number): Promise<void> {
    for (let after = 0; ; ) {
      // What is being sent is still there: it is passed over.
      const rows = await readOutbox(this.#engine.database, shard, after, pageMax)
      for (const row of rows) this.#enqueue(row)
      if (rows.length < pageMax) return
      after = rows.at(-1)?.seq ?? after
      if (this.#queue.length >= batchMax) {
        this.#more = true
        return
      }
    }
  }

  async #send(rows: readonly OutboxRow[]): Promise<void> {
    if (!this.#maySend) {
      this.#queue.unshift(...rows)
      return
    }
    try {
      await this.#engine.log.append(rows.map((row) => row.record))
      this.#sent(rows)
    } catch (error) {
      const unsent = classify(error).kind === 'infrastructure' ? rows : await this.#sendByKey(rows)
      this.#queue.unshift(...unsent)
      if (unsent.length > 0) throw error
    }
  }

  // Something in the batch is refused: find out which keys, and let the others go.
  async #sendByKey(rows: readonly OutboxRow[]): Promise<readonly OutboxRow[]> {
    const unsent: OutboxRow[] = []
    const blocked = new Set<string>()
    for (const [i, row] of rows.entries()) {
      if (!this.#maySend) return [...unsent, ...rows.slice(i)]
      const lane = `${row.record.topic}\n${row.record.key ?? `#${row.seq}`}`
      if (!blocked.has(lane)) {
        try {
          await this.#engine.log.append([row.record])
          this.#sent([row])
          continue
        } catch (error) {
          if (classify(error).kind === 'infrastructure') return [...unsent, ...rows.slice(i)]
          blocked.add(lane)
        }
      }
      unsent.push(row)
    }
    return unsent
  }

  #sent(rows: readonly OutboxRow[]): void {
    const { committer, tell } = this.#engine
    tell?.({ kind: 'published', count: rows.length })
    // Not awaited: the next batch need not wait for the broom. A failure leaves rows that are sent again, as duplicates.
    committer.commit({ ...bareUnit, settle: (ledger) => removeFromOutbox(ledger, rows) }).then(
      () => this.#removed(rows),
      () => {
        this.#removed(rows)
        this.refill()
      },
    )
  }

  #removed(rows: readonly OutboxRow[]): void {
    // A look that is under way may have seen them still: until it has ended they stay known, or they would be sent again.
    const forget = this.#refilling ? this.#late : undefined
    for (const { seq } of rows) {
      if (forget === undefined) this.#known.delete(seq)
      else forget.push(seq)
    }
  }
}
