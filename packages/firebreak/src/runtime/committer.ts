import type { Clock } from '../contracts/clock.ts'
import type { Database, Sql, SqlUnit } from '../contracts/database.ts'
import { errorMessage, FirebreakError, isFirebreakError } from '../contracts/errors.ts'
import type { LogRecord } from '../contracts/log.ts'
import { type Accounts, noAccounts } from '../ledger/accounts.ts'
import { markHandled, sweepInbox } from '../ledger/inbox.ts'
import { addToOutbox, type OutboxRow } from '../ledger/outbox.ts'
import { recordProgress, stillHeld } from '../ledger/partitions.ts'
import { nextTurn } from '../node/turn.ts'
import type { ClaimedPartition } from './partition.ts'

/** What one delivery, or one outside transaction, wants committed. */
export interface Unit {
  readonly partition: ClaimedPartition | null
  /** The live position that this finishes; null for parked records (theirs is finished) and for outside transactions. */
  readonly position: number | null
  readonly delta: Readonly<Partial<Accounts>>
  /** Marks this event as handled; when it already is, `body` does not run and the unit counts as a duplicate. */
  readonly inboxId: string | null
  /** The user's SQL. */
  readonly body: SqlUnit | null
  /** The ledger's own SQL, run with or without `body`. */
  readonly settle: SqlUnit | null
  /** Events to publish, asked for after `body`. */
  readonly records: (() => readonly LogRecord[] | Promise<readonly LogRecord[]>) | null
}

export type UnitOutcome = 'committed' | 'duplicate'

interface Waiting extends Unit {
  outcome: UnitOutcome
  error: unknown
  rows: readonly OutboxRow[]
  readonly resolve: (outcome: UnitOutcome) => void
  readonly reject: (error: unknown) => void
}

export interface CommitterOptions {
  readonly database: Database
  readonly clock: Clock
  readonly inboxWindowMs: number
  /** Gets the outbox rows of each commit, in commit order, before the units learn of it. */
  readonly onOutbox: (rows: readonly OutboxRow[]) => void
}

const groupMax = 1024
const sweepEvery = 5000

/**
 * Commits units of work in groups: all that arrive in one turn of the event loop share one transaction and one fsync.
 *
 * I1 One group at a time; groups and the units in them keep their order, so outbox order is commit order.
 * I2 Positions and accounts of a unit become durable in the same commit as its effects, or not at all.
 * I3 A unit whose partition has a newer epoch fails with `FB_FENCED` before its body runs.
 */
export class Committer {
  readonly #options: CommitterOptions
  #queue: Waiting[] = []
  #running = false
  #marks = 0
  #sweptTo = ''

  constructor(options: CommitterOptions) {
    this.#options = options
  }

  /** Resolves when the unit is durable; rejects with the error of its body, `FB_FENCED`, or that of the database. */
  commit(unit: Unit): Promise<UnitOutcome> {
    return new Promise((resolve, reject) => {
      this.#queue.push({
        ...unit,
        outcome: 'committed',
        error: undefined,
        rows: none,
        resolve,
        reject,
      })
      if (this.#running) return
      this.#running = true
      nextTurn(this.#run)
    })
  }

  /** Resolves when nothing waits or runs. */
  async idle(): Promise<void> {
    while (this.#running) await new Promise<void>((resolve) => nextTurn(resolve))
  }

  readonly #run = async (): Promise<void> => {
    while (this.#queue.length > 0) {
      const group = this.#queue.length <= groupMax ? this.#queue : this.#queue.slice(0, groupMax)
      this.#queue = this.#queue.length <= groupMax ? [] : this.#queue.slice(groupMax)
      await this.#commitGroup(group)
    }
    this.#running = false
    if (this.#marks >= sweepEvery) void this.#sweep()
  }

  async #commitGroup(group: readonly Waiting[]): Promise<void> {
    const undo: (() => void)[] = []
    try {
      await this.#options.database.commit(this.#sqlOf(group, undo))
    } catch (error) {
      for (const restore of undo) restore()
      for (const unit of group) unit.reject(error)
      return
    }
    for (const unit of group) unit.partition?.offsets.committed()
    const rows = group.flatMap((unit) => (unit.error === undefined ? unit.rows : none))
    if (rows.length > 0) this.#options.onOutbox(rows)
    for (const unit of group) {
      if (unit.error === undefined) unit.resolve(unit.outcome)
      else unit.reject(unit.error)
    }
  }

  #sqlOf(group: readonly Waiting[], undo: (() => void)[]): readonly SqlUnit[] {
    const nowMs = this.#options.clock.now()
    const marksOnly = group.filter((unit) => unit.body === null && unit.settle === null && unit.records === null)
    const withSql = group.filter((unit) => unit.body !== null || unit.settle !== null || unit.records !== null)
    return [
      (sql) =>
        allOrNothing(async () => {
          await fenceAll(sql, group)
          await this.#mark(sql, marksOnly, nowMs)
        }),
      ...withSql.map(
        (unit): SqlUnit =>
          (sql) =>
            this.#runUnit(sql, unit, nowMs),
      ),
      (sql) => allOrNothing(() => progressAll(sql, group, undo)),
    ]
  }

  // Most units are a mark and nothing else: one batch serves them all, without a savepoint each.
  async #mark(sql: Sql, units: readonly Waiting[], nowMs: number): Promise<void> {
    const marking = units.filter((unit) => unit.inboxId !== null && unit.error === undefined)
    if (marking.length === 0) return
    this.#marks += marking.length
    const fresh = await markHandled(
      sql,
      marking.map((unit) => unit.inboxId as string),
      nowMs,
    )
    if (fresh.length === marking.length) return
    const left = new Set(fresh)
    for (const unit of marking) if (!left.delete(unit.inboxId as string)) unit.outcome = 'duplicate'
  }

  async #runUnit(sql: Sql, unit: Waiting, nowMs: number): Promise<void> {
    if (unit.error !== undefined) throw unit.error
    try {
      if (unit.inboxId !== null) {
        this.#marks++
        const fresh = await markHandled(sql, [unit.inboxId], nowMs)
        if (fresh.length === 0) unit.outcome = 'duplicate'
      }
      if (unit.settle !== null) await unit.settle(sql)
      if (unit.outcome === 'duplicate') return
      if (unit.body !== null) await unit.body(sql)
      const records = unit.records === null ? none : await unit.records()
      if (records.length > 0) unit.rows = await addToOutbox(sql, records, nowMs)
    } catch (error) {
      unit.error = error ?? new Error('a transaction body threw nothing')
      throw error
    }
  }

  async #sweep(): Promise<void> {
    this.#marks = 0
    const { database, clock, inboxWindowMs } = this.#options
    try {
      this.#sweptTo = await sweepInbox(database, this.#sweptTo, clock.now() - inboxWindowMs, sweepEvery * 2)
    } catch {
      // Forgetting late is harmless; the next sweep goes over the same marks.
    }
  }
}

const none: readonly never[] = []

// The ledger's own statements carry the whole group: an error with a database code undoes every unit of it (I2).
async function allOrNothing(run: () => Promise<void>): Promise<void> {
  try {
    await run()
  } catch (error) {
    if (isFirebreakError(error)) throw error
    throw new FirebreakError('FB_DATABASE_UNAVAILABLE', { path: 'ledger', reason: errorMessage(error) }, error)
  }
}

async function fenceAll(sql: Sql, group: readonly Waiting[]): Promise<void> {
  const partitions = new Set(group.flatMap((unit) => unit.partition ?? none))
  for (const partition of partitions) {
    if (partition.fenced || !(await stillHeld(sql, partition, partition.epoch))) partition.fence()
  }
  for (const unit of group) {
    if (unit.partition?.fenced)
      unit.error = new FirebreakError('FB_FENCED', {
        partition: unit.partition.id,
      })
  }
}

async function progressAll(sql: Sql, group: readonly Waiting[], undo: (() => void)[]): Promise<void> {
  const byPartition = new Map<ClaimedPartition, { delta: Accounts; positions: number[] }>()
  for (const unit of group) {
    if (unit.partition === null || unit.error !== undefined) continue
    const progress = byPartition.get(unit.partition) ?? { delta: noAccounts(), positions: [] }
    byPartition.set(unit.partition, progress)
    addDelta(progress.delta, unit)
    if (unit.position !== null) progress.positions.push(unit.position)
  }
  for (const [partition, { delta, positions }] of byPartition) {
    undo.push(partition.offsets.snapshot())
    const first = partition.offsets.next ?? 0
    for (const position of positions) partition.offsets.finish(position)
    const next = partition.offsets.next ?? 0
    const gaps = partition.offsets.takeGaps()
    await recordProgress(sql, partition, {
      first,
      next,
      above: partition.offsets.above(),
      gaps,
      delta,
    })
  }
}

// A unit that turned out to be a duplicate changes only which account its `done` goes to.
function addDelta(sum: Accounts, unit: Waiting): void {
  for (const name of Object.keys(unit.delta) as (keyof Accounts)[]) {
    const account = unit.outcome === 'duplicate' && name === 'done' ? 'duplicate' : name
    sum[account] += unit.delta[name] ?? 0
  }
}
