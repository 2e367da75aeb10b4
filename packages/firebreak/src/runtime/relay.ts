import { sleep, type Timer } from '../contracts/clock.ts'
import { dropLease, takeLease } from '../ledger/leases.ts'
import { countOutbox, type OutboxRow, readOutbox, removeFromOutbox } from '../ledger/outbox.ts'
import { nextTurn } from '../node/turn.ts'
import { backoffMs } from '../policy/backoff.ts'
import { bareUnit } from './committer.ts'
import { classify } from './decide.ts'
import type { Engine } from './engine.ts'

const batchMax = 1000
const memoryMax = 5000
const leaseMs = 2000
const retry = { baseMs: 50, capMs: 2000, jitter: 'full' } as const

/**
 * Brings committed events from the outbox into the log, in commit order.
 *
 * I1 Only the holder of the lease sends; one batch is under way at a time.
 * I2 A key stops at its first failed send: nothing of it is sent before what failed.
 * I3 A row leaves the outbox after the log has it. Between the two a crash sends it again, with the same event id.
 * I4 `#queue` is a prefix of what the outbox holds; `#more` says that the outbox holds rows beyond it.
 */
export class Relay {
  readonly #engine: Engine
  #queue: OutboxRow[] = []
  /** Rows in the queue, being sent, or sent and not yet removed. */
  readonly #known = new Set<string>()
  #more = true
  /** No row up to it is missed: it was pushed or read, or `#more` says that it has yet to be. */
  #lastSeq = 0
  /** Rows that are only in the database, as of the last look, and those pushed since. */
  #beyond = 0
  #refilling = false
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
    if (this.#stopped || this.#running !== undefined || this.#tryLease !== undefined) return
    this.#running = this.#run().finally(() => {
      this.#running = undefined
      if (this.#queue.length > 0 || this.#more) this.kick()
    })
  }

  /** Sends what is left while the log takes it, for at most `withinMs`. */
  async stop(withinMs: number): Promise<void> {
    const timer = this.#engine.clock.schedule(withinMs, () => this.#stop.abort())
    // A log that does not even answer must not keep the process: what was not sent stays in the outbox.
    const aborted = new Promise<void>((resolve) => this.#stop.signal.addEventListener('abort', () => resolve()))
    while (this.#running !== undefined && !this.#stop.signal.aborted) await Promise.race([this.#running, aborted])
    this.#stopped = true
    this.#stop.abort()
    timer.cancel()
    this.#tryLease?.cancel()
    if (this.#leasedUntilMs > 0) {
      await this.#engine.database
        .commit([(sql) => dropLease(sql, 'relay', this.#engine.instance)])
        .catch(() => undefined)
    }
  }

  #enqueue(row: OutboxRow): void {
    const id = identityOf(row)
    if (this.#known.has(id)) return
    this.#known.add(id)
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
          if (!this.#more) return
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

  async #lease(): Promise<boolean> {
    const { clock, database, instance } = this.#engine
    const nowMs = clock.now()
    if (nowMs < this.#leasedUntilMs - leaseMs / 2) return true
    let held = false
    await database.commit([
      async (sql) => {
        held = await takeLease(sql, { name: 'relay', holder: instance, nowMs, forMs: leaseMs })
      },
    ])
    this.#leasedUntilMs = held ? nowMs + leaseMs : 0
    if (!held) {
      // The holder sends these rows; look again when its lease could have ended.
      this.#forgetQueue()
      this.#beyond = await countOutbox(database)
      this.#tryLease = clock.schedule(leaseMs, () => {
        this.#tryLease = undefined
        this.kick()
      })
    }
    return held
  }

  #forgetQueue(): void {
    for (const row of this.#queue) this.#known.delete(identityOf(row))
    this.#queue = []
    this.#more = true
  }

  async #refill(): Promise<void> {
    this.#more = false
    this.#beyond = 0
    this.#refilling = true
    try {
      for (let after = 0; this.#queue.length < batchMax; ) {
        const rows = await readOutbox(this.#engine.database, after, batchMax)
        for (const row of rows) this.#enqueue(row)
        this.#lastSeq = Math.max(this.#lastSeq, rows.at(-1)?.seq ?? 0)
        if (rows.length < batchMax) return
        after = rows.at(-1)?.seq ?? after
      }
      this.#more = true
      this.#beyond = Math.max(0, (await countOutbox(this.#engine.database)) - this.#known.size)
    } catch (error) {
      this.#more = true
      throw error
    } finally {
      this.#refilling = false
    }
  }

  async #send(rows: readonly OutboxRow[]): Promise<void> {
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
    for (const row of rows) {
      const lane = `${row.record.topic}\n${row.record.key ?? `#${row.seq}`}`
      if (!blocked.has(lane)) {
        try {
          await this.#engine.log.append([row.record])
          this.#sent([row])
          continue
        } catch {
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
    const seqs = rows.map((row) => row.seq)
    // Not awaited: the next batch need not wait for the broom. A failure leaves rows that are sent again, as duplicates.
    committer.commit({ ...bareUnit, settle: (sql) => removeFromOutbox(sql, seqs) }).then(
      () => this.#removed(rows),
      () => {
        this.#removed(rows)
        this.refill()
      },
    )
  }

  #removed(rows: readonly OutboxRow[]): void {
    for (const row of rows) this.#known.delete(identityOf(row))
  }
}

const identityOf = (row: OutboxRow): string => row.record.headers['ce_id'] ?? String(row.seq)
