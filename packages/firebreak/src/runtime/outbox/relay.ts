import { sleep, type Timer } from '../../contracts/clock.ts'
import { blockedPlaces, capTries, removeBlocked } from '../../ledger/blocked-events.ts'
import { dropLeases, type Held, LeaseWatch, leaseShards } from '../../ledger/leases.ts'
import { readMoves } from '../../ledger/moves.ts'
import { countOutbox, type OutboxRow, outboxShards, readOutbox, removeFromOutbox } from '../../ledger/outbox.ts'
import { nextTurn } from '../../node/turn.ts'
import { backoffMs } from '../../policy/definition/backoff.ts'
import { bareUnit } from '../commit/unit.ts'
import { classify } from '../instance/decide.ts'
import type { Engine } from '../instance/engine.ts'
import { persist } from '../instance/persist.ts'
import type { StopTime } from '../instance/stop-time.ts'
import type { BlockedLane } from './blocked-lanes.ts'
import { LeaseTime } from './lease-time.ts'
import { OutboxQueue } from './outbox-queue.ts'
import { Prober } from './prober.ts'
import { Sender } from './sender.ts'
import { ShardMarks } from './shard-marks.ts'

// Small against a shard that is worth an index: a server walks it in order then, however many rows wait.
const pageMax = 250
const leaseMs = 2000
const retry = { baseMs: 50, capMs: 2000, jitter: 'full' } as const

/**
 * Brings committed events from the outbox into the log: those of the shards that this instance holds, each key in commit
 * order, each partition of a topic by itself.
 *
 * I1 Only the holder of a shard's lease sends its events, and looks at it before every append. The lease is renewed while
 *    something is under way.
 * I2 A key stops at its first failed send: nothing of it is sent before what failed. What fails for one record stops its
 *    key, what fails for a partition its outlet, and nothing else waits for either.
 * I3 A row leaves the outbox after the log has it. Between the two a crash sends it again, with the same event id.
 * I4 Every row of a held shard is accounted for up to the shard's mark; `#more` says that there may be rows beyond it.
 */
export class Relay {
  readonly #engine: Engine
  readonly #queue: OutboxQueue
  readonly #sender: Sender
  readonly #prober: Prober
  readonly #marks = new ShardMarks()
  #more = true
  /** No row of our shards up to it is missed: it was pushed or read, or `#more` says that it has yet to be. */
  #lastSeq = 0
  /** Rows that are only in the database, ours and those of others, as of the last look, and those pushed since. */
  #beyond = 0
  #looking = false
  /** Removed while a look was under way. */
  readonly #late: number[] = []
  readonly #lease: LeaseTime
  readonly #others = new LeaseWatch()
  /** There may be leases of ours to give back. */
  #asked = false
  #pass: Promise<void> | undefined
  #again = false
  /** Sending and probing, each by itself. */
  readonly #work = new Set<Promise<void>>()
  #failures = 0
  #stopped = false
  #timer: Timer | undefined
  readonly #stop = new AbortController()

  constructor(engine: Engine) {
    this.#engine = engine
    const { clock, entropy, topics } = engine
    const partitions = (topic: string): number | undefined => topics.partitions(topic)
    this.#lease = new LeaseTime(clock, leaseMs)
    const queue = new OutboxQueue({ now: () => clock.monotonic(), random: () => entropy.random(), partitions })
    const maySend = (): boolean => this.#maySend
    this.#queue = queue
    this.#sender = new Sender({ engine, queue, maySend, sent: (rows) => this.#sent(rows, false) })
    const free = (lane: BlockedLane): void => this.#free(lane)
    this.#prober = new Prober({ engine, queue, maySend, free, sent: (rows) => this.#sent(rows, true) })
  }

  /** Rows that the log has not confirmed, as far as this instance knows. */
  get pending(): number {
    return this.#queue.known + this.#beyond
  }

  /** Keys of the shards held here of which the log has refused an event. */
  get blocked(): number {
    return this.#queue.blocked.size
  }

  /** The number of the newest event that this instance knows of. */
  get seen(): number {
    return this.#lastSeq
  }

  /** Others may put events into shards that only this instance sends. */
  get sharing(): boolean {
    const { size } = this.#marks
    return size > 0 && size < outboxShards && this.#lease.leftMs > 0
  }

  /** Rows that have just been committed here. */
  push(rows: readonly OutboxRow[]): void {
    // Behind rows that are only in the database yet, they wait there too (I4). A jump in the numbers says that another
    // instance has put rows before them.
    const jumped = rows[0]?.seq !== this.#lastSeq + 1
    this.#lastSeq = Math.max(this.#lastSeq, rows.at(-1)?.seq ?? 0)
    if (jumped || this.#more || this.#looking || !this.#queue.hasRoom('push')) {
      this.#more = true
      this.#beyond += rows.length
    } else {
      for (const row of rows) this.#accept(row)
      for (const shard of this.#marks.shards) this.#marks.advance(shard, this.#marks.readTo(shard), this.#lastSeq)
    }
    this.kick()
  }

  /** The outbox may hold rows that this instance has not seen. */
  refill(): void {
    this.#more = true
    this.kick()
  }

  /** Somebody has decided about blocked events. */
  async decided(): Promise<void> {
    if (this.#queue.blocked.size === 0) return
    const still = new Set((await blockedPlaces(this.#engine.database)).map(({ seq }) => seq))
    for (const lane of this.#queue.blocked.all) if (!still.has(lane.seq)) this.#free(lane)
    this.kick()
  }

  kick(): void {
    this.#again = true
    if (this.#stopped || this.#pass !== undefined) return
    this.#pass = this.#passes().finally(() => {
      this.#pass = undefined
      if (this.#again) this.kick()
      else this.#arm()
    })
  }

  /** Sends what is left while the log takes it, as far as `time` allows; the rest stays in the outbox. */
  async stop(time: StopTime): Promise<void> {
    for (let work = this.#underway; work !== undefined && (await time.sees(work)); ) work = this.#underway
    this.#stopped = true
    this.#stop.abort()
    this.#timer?.cancel()
    if (!this.#asked) return
    this.#lease.end()
    await time.sees(this.#engine.database.commit([(sql) => dropLeases(sql, this.#engine.instance)]))
  }

  get #underway(): Promise<unknown> | undefined {
    return this.#pass ?? (this.#work.size > 0 ? Promise.race(this.#work) : undefined)
  }

  get #maySend(): boolean {
    return !this.#stop.signal.aborted && this.#lease.leftMs > 0
  }

  async #passes(): Promise<void> {
    // What is committed in this turn goes out together.
    await new Promise<void>((resolve) => nextTurn(resolve))
    while (this.#again && !this.#stop.signal.aborted) {
      this.#again = false
      try {
        if (await this.#renew()) {
          this.#dispatch()
          if (this.#more && this.#queue.hasRoom('look')) {
            await this.#look()
            this.#dispatch()
          }
        }
        this.#failures = 0
      } catch (error) {
        if (this.#halted(error)) return
        this.#again = true
        if (this.#failures++ === 0) this.#engine.tell?.({ kind: 'trouble', where: 'relay', error })
        const { clock, entropy } = this.#engine
        await sleep(clock, backoffMs(retry, this.#failures, 0, entropy.random), this.#stop.signal)
      }
    }
  }

  #halted(error: unknown): boolean {
    if (classify(error).kind !== 'halt') return false
    this.#stopped = true
    this.#engine.halt(error as Error)
    return true
  }

  /** Starts what can go now; each outlet goes at its own pace from here on. */
  #dispatch(): void {
    const nowMs = this.#engine.clock.monotonic()
    for (const outlet of this.#queue.outlets) if (outlet.isReady(nowMs)) this.#start(this.#sender.send(outlet))
    for (const lanes of this.#queue.blocked.takeDue(nowMs)) this.#start(this.#prober.probe(lanes))
  }

  #start(work: Promise<void>): void {
    const ended = work
      .catch((error) => {
        if (!this.#halted(error)) this.#engine.tell?.({ kind: 'trouble', where: 'relay', error })
      })
      .then(() => {
        this.#work.delete(ended)
        const from = this.#queue.takeAside()
        if (from !== null) this.#readAgain(from)
        this.kick()
      })
    this.#work.add(ended)
  }

  /** Wakes this up when something is due. */
  #arm(): void {
    this.#timer?.cancel()
    if (this.#stopped) return
    const nowMs = this.#engine.clock.monotonic()
    const atMs = Math.min(this.#leaseAtMs(nowMs), ...this.#dues(nowMs))
    if (atMs < Number.POSITIVE_INFINITY)
      this.#timer = this.#engine.clock.schedule(Math.max(1, atMs - nowMs), () => this.kick())
  }

  #leaseAtMs(nowMs: number): number {
    const { size } = this.#marks
    // Others send the rest; look again when their leases could have ended.
    if (size === 0 || (size < outboxShards && this.#beyond > 0)) return nowMs + leaseMs
    const isBusy = this.#work.size > 0
    return isBusy ? nowMs + this.#lease.leftMs - leaseMs / 2 : Number.POSITIVE_INFINITY
  }

  *#dues(nowMs: number): Iterable<number> {
    yield this.#queue.blocked.nextAtMs
    for (const outlet of this.#queue.outlets) {
      yield outlet.restsUntilMs
      // The others get room when it counts as slow.
      if (this.#more && !outlet.isSlow(nowMs)) yield outlet.slowAtMs
    }
  }

  /** Renews what is held and takes what nobody holds; false while that is nothing. */
  async #renew(): Promise<boolean> {
    if (this.#lease.leftMs > leaseMs / 2) return this.#marks.size > 0
    const { clock, database, instance } = this.#engine
    const got = this.#lease.ask()
    this.#asked = true
    let found: Held = { held: [], taken: [] }
    const [verdict] = await database.commit([
      async (sql) => {
        found = await leaseShards(sql, { holder: instance, clock, forMs: leaseMs, watch: this.#others }, outboxShards)
        if (found.taken.length > 0) await capTries(sql, found.taken, clock.now())
      },
    ])
    if (verdict?.ok === false) throw verdict.error
    await this.#hold(found)
    got()
    if (found.held.length < outboxShards) await this.#countBeyond()
    return found.held.length > 0
  }

  async #hold({ held, taken }: Held): Promise<void> {
    const fresh = new Set(this.#marks.hold(held, taken))
    this.#queue.dropShards((shard) => fresh.has(shard) || !this.#marks.has(shard))
    if (fresh.size === 0) return
    this.#more = true
    const nowMs = this.#engine.clock.monotonic()
    try {
      for (const place of await blockedPlaces(this.#engine.database)) {
        if (fresh.has(place.shard)) this.#queue.blocked.add(this.#queue.laneAt(place), nowMs)
      }
    } catch (error) {
      // What is blocked has to be known before anything of these shards is sent.
      this.#marks.hold([], [])
      throw error
    }
  }

  async #countBeyond(): Promise<void> {
    const { database, limits } = this.#engine
    const waiting = await countOutbox(database, limits.outboxMax + this.#queue.known)
    this.#beyond = Math.max(0, waiting - this.#queue.known)
  }

  async #look(): Promise<void> {
    const { database } = this.#engine
    this.#more = false
    this.#beyond = 0
    this.#looking = true
    try {
      // Before the rows are read: what is numbered up to here is there to be read.
      const { outbox } = await readMoves(database)
      const looks = await Promise.allSettled(this.#marks.shards.map((shard) => this.#lookAt(shard, outbox)))
      // Only when all have ended: one that went on would bring rows that have been sent meanwhile.
      for (const look of looks) if (look.status === 'rejected') throw look.reason
      this.#lastSeq = Math.max(this.#lastSeq, outbox)
      if (this.#more || this.#beyond > 0 || this.#marks.size < outboxShards) await this.#countBeyond()
    } catch (error) {
      this.#more = true
      throw error
    } finally {
      this.#looking = false
      for (const seq of this.#late.splice(0)) this.#queue.forget(seq)
    }
  }

  async #lookAt(shard: number, outbox: number): Promise<void> {
    for (;;) {
      const after = this.#marks.readTo(shard)
      // What is being sent is still there: it is passed over.
      const rows = await readOutbox(this.#engine.database, shard, after, pageMax)
      for (const row of rows) this.#accept(row)
      const isLast = rows.length < pageMax
      this.#marks.advance(shard, after, Math.max(rows.at(-1)?.seq ?? 0, isLast ? outbox : 0))
      if (isLast) return
      if (!this.#queue.hasRoom('look')) {
        this.#more = true
        return
      }
    }
  }

  #accept(row: OutboxRow): void {
    if (!this.#marks.has(row.shard) || !this.#queue.accept(row)) this.#beyond++
  }

  #free(lane: BlockedLane): void {
    this.#queue.blocked.remove(lane)
    this.#readAgain(lane.seq)
  }

  #readAgain(fromSeq: number): void {
    this.#marks.back(fromSeq)
    this.#more = true
  }

  #sent(rows: readonly OutboxRow[], wereBlocked: boolean): void {
    const { committer, tell } = this.#engine
    tell?.({ kind: 'published', count: rows.length })
    const settle = async (sql: Parameters<typeof removeFromOutbox>[0]): Promise<void> => {
      await removeFromOutbox(sql, rows)
      if (wereBlocked)
        await removeBlocked(
          sql,
          rows.map(({ seq }) => seq),
        )
    }
    // Not awaited: the next batch need not wait for the broom.
    persist(this.#engine, this.#stop.signal, () => committer.commit({ ...bareUnit, settle })).then(
      () => this.#removed(rows),
      // What halts: they stay known, and are sent again by the next life at worst.
      (error) => this.#halted(error),
    )
  }

  #removed(rows: readonly OutboxRow[]): void {
    // A look that is under way may have seen them still: until it has ended they stay known, or they would be sent again.
    for (const { seq } of rows) {
      if (this.#looking) this.#late.push(seq)
      else this.#queue.forget(seq)
    }
  }
}
