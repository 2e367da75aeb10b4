import { sleep, type Timer } from '../../contracts/clock.ts'
import { inTransaction } from '../../contracts/sql/in-transaction.ts'
import { blockedPlaces, capTries, removeBlocked } from '../../ledger/blocked-events.ts'
import { dropLeases, type Held, LeaseWatch, leaseShards } from '../../ledger/leases.ts'
import { type OutboxRow, outboxShards, removeFromOutbox } from '../../ledger/outbox.ts'
import { nextTurn } from '../../node/turn.ts'
import { backoffMs } from '../../policy/definition/backoff.ts'
import { emptyUnit } from '../commit/unit.ts'
import { classify } from '../instance/decide.ts'
import type { Instance } from '../instance/instance.ts'
import { retryUntilDone } from '../instance/retry-until-done.ts'
import type { ShutdownBudget } from '../instance/shutdown-budget.ts'
import type { BlockedLane } from './blocked-lanes.ts'
import { LeaseTime } from './lease-time.ts'
import { OutboxQueue } from './outbox-queue.ts'
import { OutboxReader } from './outbox-reader.ts'
import { Prober } from './prober.ts'
import { Sender } from './sender.ts'

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
 */
export class Relay {
  readonly #instance: Instance
  readonly #queue: OutboxQueue
  readonly #reader: OutboxReader
  readonly #sender: Sender
  readonly #prober: Prober
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

  constructor(instance: Instance) {
    this.#instance = instance
    const { clock, entropy, topics } = instance
    const partitions = (topic: string): number | undefined => topics.partitions(topic)
    this.#lease = new LeaseTime(clock, leaseMs)
    const queue = new OutboxQueue({ now: () => clock.monotonic(), random: () => entropy.random(), partitions })
    const holdsLease = (): boolean => this.#holdsLease
    this.#queue = queue
    this.#reader = new OutboxReader(instance.database, queue, instance.limits.outboxMax)
    this.#sender = new Sender({ instance, queue, holdsLease, sent: (rows) => this.#sent(rows, false) })
    const free = (lane: BlockedLane): void => this.#free(lane)
    this.#prober = new Prober({ instance, queue, holdsLease, free, sent: (rows) => this.#sent(rows, true) })
  }

  /** Rows that the log has not confirmed, as far as this instance knows. */
  get pending(): number {
    return this.#queue.known + this.#reader.unseenRows
  }

  /** Keys of the shards held here of which the log has refused an event. */
  get blocked(): number {
    return this.#queue.blocked.size
  }

  /** The number of the newest event that this instance knows of. */
  get seen(): number {
    return this.#reader.lastSeq
  }

  /** Others may put events into shards that only this instance sends. */
  get sharing(): boolean {
    const { shards } = this.#reader
    return shards > 0 && shards < outboxShards && this.#lease.leftMs > 0
  }

  /** Rows that have just been committed here. */
  push(rows: readonly OutboxRow[]): void {
    this.#reader.push(rows)
    this.kick()
  }

  /** The outbox may hold rows that this instance has not seen. */
  refill(): void {
    this.#reader.expectMore()
    this.kick()
  }

  /** Somebody has decided about blocked events. */
  async decided(): Promise<void> {
    if (this.#queue.blocked.size === 0) return
    const still = new Set((await blockedPlaces(this.#instance.database)).map(({ seq }) => seq))
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
  async stop(time: ShutdownBudget): Promise<void> {
    for (let work = this.#underway; work !== undefined && (await time.waitFor(work)); ) work = this.#underway
    this.#stopped = true
    this.#stop.abort()
    this.#timer?.cancel()
    if (!this.#asked) return
    this.#lease.end()
    await time.waitFor(this.#instance.database.commit([(sql) => dropLeases(sql, this.#instance.name)]))
  }

  get #underway(): Promise<unknown> | undefined {
    return this.#pass ?? (this.#work.size > 0 ? Promise.race(this.#work) : undefined)
  }

  get #holdsLease(): boolean {
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
          if (this.#reader.mayHaveMore && this.#queue.hasRoom('look')) {
            await this.#reader.look()
            this.#dispatch()
          }
        }
        this.#failures = 0
      } catch (error) {
        if (this.#halted(error)) return
        this.#again = true
        if (this.#failures++ === 0) this.#instance.emit({ kind: 'infrastructure-error', where: 'relay', error })
        const { clock, entropy } = this.#instance
        await sleep(clock, backoffMs(retry, this.#failures, 0, entropy.random), this.#stop.signal)
      }
    }
  }

  #halted(error: unknown): boolean {
    if (classify(error).kind !== 'halt') return false
    this.#stopped = true
    this.#instance.halt(error as Error)
    return true
  }

  /** Starts what can go now; each outlet goes at its own pace from here on. */
  #dispatch(): void {
    const nowMs = this.#instance.clock.monotonic()
    for (const outlet of this.#queue.outlets) if (outlet.isReady(nowMs)) this.#start(this.#sender.send(outlet))
    for (const lanes of this.#queue.blocked.takeDue(nowMs)) this.#start(this.#prober.probe(lanes))
  }

  #start(work: Promise<void>): void {
    const ended = work
      .catch((error) => {
        if (!this.#halted(error)) this.#instance.emit({ kind: 'infrastructure-error', where: 'relay', error })
      })
      .then(() => {
        this.#work.delete(ended)
        const from = this.#queue.takeAside()
        if (from !== null) this.#reader.readAgain(from)
        this.kick()
      })
    this.#work.add(ended)
  }

  /** Wakes this up when something is due. */
  #arm(): void {
    this.#timer?.cancel()
    if (this.#stopped) return
    const nowMs = this.#instance.clock.monotonic()
    const atMs = Math.min(this.#leaseAtMs(nowMs), ...this.#dues(nowMs))
    if (atMs < Number.POSITIVE_INFINITY)
      this.#timer = this.#instance.clock.schedule(Math.max(1, atMs - nowMs), () => this.kick())
  }

  #leaseAtMs(nowMs: number): number {
    const { shards, unseenRows } = this.#reader
    // Others send the rest; look again when their leases could have ended.
    if (shards === 0 || (shards < outboxShards && unseenRows > 0)) return nowMs + leaseMs
    const isBusy = this.#work.size > 0
    return isBusy ? nowMs + this.#lease.leftMs - leaseMs / 2 : Number.POSITIVE_INFINITY
  }

  *#dues(nowMs: number): Iterable<number> {
    yield this.#queue.blocked.nextAtMs
    for (const outlet of this.#queue.outlets) {
      yield outlet.restsUntilMs
      // The others get room when it counts as slow.
      if (this.#reader.mayHaveMore && !outlet.isSlow(nowMs)) yield outlet.slowAtMs
    }
  }

  /** Renews what is held and takes what nobody holds; false while that is nothing. */
  async #renew(): Promise<boolean> {
    if (this.#lease.leftMs > leaseMs / 2) return this.#reader.shards > 0
    const { clock, database, name } = this.#instance
    const got = this.#lease.ask()
    this.#asked = true
    const found = await inTransaction(database, async (sql): Promise<Held> => {
      const lease = { holder: name, clock, forMs: leaseMs, watch: this.#others }
      const shards = await leaseShards(sql, lease, outboxShards)
      if (shards.taken.length > 0) await capTries(sql, shards.taken, clock.now())
      return shards
    })
    await this.#reader.hold(found, clock.monotonic())
    got()
    if (found.held.length < outboxShards) await this.#reader.countUnseen()
    return found.held.length > 0
  }

  #free(lane: BlockedLane): void {
    this.#queue.blocked.remove(lane)
    this.#reader.readAgain(lane.seq)
  }

  #sent(rows: readonly OutboxRow[], wereBlocked: boolean): void {
    const { committer, emit } = this.#instance
    emit({ kind: 'published', count: rows.length })
    const ledgerSql = async (sql: Parameters<typeof removeFromOutbox>[0]): Promise<void> => {
      await removeFromOutbox(sql, rows)
      if (wereBlocked)
        await removeBlocked(
          sql,
          rows.map(({ seq }) => seq),
        )
    }
    // Not awaited: the next batch need not wait for the delete.
    retryUntilDone(this.#instance, this.#stop.signal, () => committer.commit({ ...emptyUnit, ledgerSql })).then(
      () => this.#reader.removed(rows),
      // What halts: they stay known, and are sent again after the next start at worst.
      (error) => this.#halted(error),
    )
  }
}
