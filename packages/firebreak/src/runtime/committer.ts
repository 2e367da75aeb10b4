import type { Clock } from '../contracts/clock.ts'
import type { Database, Sql, SqlUnit } from '../contracts/database.ts'
import { errorMessage, FirebreakError, isFirebreakError } from '../contracts/errors.ts'
import type { LogRecord } from '../contracts/log.ts'
import { type Accounts, noAccounts } from '../ledger/accounts.ts'
import { Inbox } from '../ledger/inbox.ts'
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

/** A unit that does nothing yet: what all of them start from. */
export const bareUnit: Unit = {
  partition: null,
  position: null,
  delta: {},
  inboxId: null,
  body: null,
  settle: null,
  records: null,
}

export type UnitOutcome = 'committed' | 'duplicate'

/** A unit on its way, and what is known of it so far. */
interface Pending {
  readonly unit: Unit
  outcome: UnitOutcome
  error: unknown
  /** What it publishes; goes into the outbox with that of the whole group. */
  records: readonly LogRecord[]
  readonly resolve: (outcome: UnitOutcome) => void
  readonly reject: (error: unknown) => void
}

export interface CommitterOptions {
  readonly database: Database
  readonly clock: Clock
  readonly inboxWindowMs: number
  readonly random: () => number
  /** Gets the outbox rows of each commit, in commit order, before the units learn of it. */
  readonly onOutbox: (rows: readonly OutboxRow[]) => void
}

const groupMax = 1024
const none: readonly never[] = []

/**
 * Commits units of work in groups: all that arrive in one turn of the event loop share one transaction and one fsync.
 *
 * I1 One group at a time; groups and the units in them keep their order, so outbox order is commit order.
 * I2 Positions and accounts of a unit become durable in the same commit as its effects, or not at all.
 * I3 A unit whose partition has a newer epoch fails with `FB_FENCED` before its body runs.
 */
export class Committer {
  readonly #options: CommitterOptions
  readonly inbox: Inbox
  #queue: Pending[] = []
  #running = false
  #idlers: (() => void)[] = []

  constructor(options: CommitterOptions) {
    this.#options = options
    const { database, inboxWindowMs: windowMs, random } = options
    this.inbox = new Inbox(database, { windowMs, random })
  }

  /** Resolves when the unit is durable; rejects with the error of its body, `FB_FENCED`, or that of the database. */
  commit(unit: Unit): Promise<UnitOutcome> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ unit, outcome: 'committed', error: undefined, records: none, resolve, reject })
      if (this.#running) return
      this.#running = true
      nextTurn(this.#run)
    })
  }

  /** Resolves when nothing waits or runs. */
  idle(): Promise<void> {
    if (!this.#running) return Promise.resolve()
    return new Promise((resolve) => this.#idlers.push(resolve))
  }

  readonly #run = async (): Promise<void> => {
    while (this.#queue.length > 0) {
      const group = this.#queue.length <= groupMax ? this.#queue : this.#queue.slice(0, groupMax)
      this.#queue = this.#queue.length <= groupMax ? [] : this.#queue.slice(groupMax)
      await this.#commitGroup(group)
      await this.inbox.sweepWhenDue(this.#options.clock.now())
    }
    this.#running = false
    for (const resolve of this.#idlers.splice(0)) resolve()
  }

  async #commitGroup(group: readonly Pending[]): Promise<void> {
    const undo: (() => void)[] = []
    const rows: OutboxRow[] = []
    try {
      await this.#options.database.commit(this.#sqlOf(group, undo, rows))
    } catch (error) {
      for (const restore of undo) restore()
      await this.#afterFailure(group, ledgerError(error) ?? error)
      return
    }
    for (const { unit } of group) unit.partition?.offsets.committed()
    if (rows.length > 0) this.#options.onOutbox(rows)
    for (const pending of group) {
      if (pending.error === undefined) pending.resolve(pending.outcome)
      else pending.reject(pending.error)
    }
  }

  // A constraint that is checked only at the commit fails the whole group: each unit alone shows whose it was.
  async #afterFailure(group: readonly Pending[], error: unknown): Promise<void> {
    if (group.length === 1 || isFirebreakError(error)) {
      for (const pending of group) pending.reject(error)
      return
    }
    for (const { unit, resolve, reject } of group) {
      await this.#commitGroup([{ unit, outcome: 'committed', error: undefined, records: none, resolve, reject }])
    }
  }

  // Most units are a mark and nothing else: one batch serves them all, without a savepoint each.
  #sqlOf(group: readonly Pending[], undo: (() => void)[], rows: OutboxRow[]): readonly SqlUnit[] {
    const nowMs = this.#options.clock.now()
    const marksOnly: Pending[] = []
    const units: SqlUnit[] = []
    for (const pending of group) {
      const { body, settle, records } = pending.unit
      if (body === null && settle === null && records === null) marksOnly.push(pending)
      else units.push((sql) => this.#runUnit(sql, pending, nowMs))
    }
    const open = async (sql: Sql): Promise<void> => {
      await fenceAll(sql, group)
      await this.#mark(sql, marksOnly, nowMs)
    }
    // The events of all units go into the outbox at once, in the order of the units (I1).
    const close = async (sql: Sql): Promise<void> => {
      const records = group.flatMap(({ error, records }) => (error === undefined ? records : none))
      if (records.length > 0) rows.push(...(await addToOutbox(sql, records, nowMs)))
      await progressAll(sql, group, undo)
    }
    return [allOrNothing(open), ...units, allOrNothing(close)]
  }

  async #mark(sql: Sql, pendings: readonly Pending[], nowMs: number): Promise<void> {
    const marking = pendings.filter(({ unit, error }) => unit.inboxId !== null && error === undefined)
    if (marking.length === 0) return
    const known = await this.inbox.mark(
      sql,
      marking.map(({ unit }) => unit.inboxId as string),
      nowMs,
    )
    if (known === undefined) return
    for (const [i, pending] of marking.entries()) if (known[i]) pending.outcome = 'duplicate'
  }

  async #runUnit(sql: Sql, pending: Pending, nowMs: number): Promise<void> {
    const { unit } = pending
    if (pending.error !== undefined) throw pending.error
    try {
      if (unit.inboxId !== null && (await this.inbox.mark(sql, [unit.inboxId], nowMs)) !== undefined) {
        pending.outcome = 'duplicate'
      }
      if (unit.settle !== null) await unit.settle(sql)
      if (pending.outcome === 'duplicate') return
      if (unit.body !== null) await unit.body(sql)
      if (unit.records !== null) pending.records = await unit.records()
    } catch (error) {
      pending.error = error ?? new Error('a transaction body threw nothing')
      throw error
    }
  }
}

// The ledger's own statements carry the whole group: an error with a database code undoes every unit of it (I2).
function allOrNothing(run: SqlUnit): SqlUnit {
  return async (sql) => {
    try {
      await run(sql)
    } catch (error) {
      if (isFirebreakError(error) && error.code.startsWith('FB_DATABASE_')) throw error
      throw new FirebreakError('FB_DATABASE_UNAVAILABLE', { path: 'ledger', reason: errorMessage(error) }, error)
    }
  }
}

/** What broke in the ledger's own statements, when it is more than the database being away: a broken invariant. */
function ledgerError(error: unknown): unknown {
  const isLedger = isFirebreakError(error, 'FB_DATABASE_UNAVAILABLE') && error.detail['path'] === 'ledger'
  return isLedger && isFirebreakError(error.cause) ? error.cause : undefined
}

async function fenceAll(sql: Sql, group: readonly Pending[]): Promise<void> {
  const partitions = new Set<ClaimedPartition>()
  for (const { unit } of group) if (unit.partition !== null) partitions.add(unit.partition)
  for (const partition of partitions) {
    if (!partition.fenced && !(await stillHeld(sql, partition, partition.epoch))) partition.fence()
  }
  for (const pending of group) {
    const { partition } = pending.unit
    if (partition?.fenced) pending.error = new FirebreakError('FB_FENCED', { partition: partition.id })
  }
}

async function progressAll(sql: Sql, group: readonly Pending[], undo: (() => void)[]): Promise<void> {
  const byPartition = new Map<ClaimedPartition, { delta: Accounts; positions: number[] }>()
  for (const { unit, outcome, error } of group) {
    if (unit.partition === null || error !== undefined) continue
    let progress = byPartition.get(unit.partition)
    if (progress === undefined) {
      progress = { delta: noAccounts(), positions: [] }
      byPartition.set(unit.partition, progress)
    }
    addDelta(progress.delta, unit.delta, outcome)
    if (unit.position !== null) progress.positions.push(unit.position)
  }
  for (const [partition, { delta, positions }] of byPartition) {
    const { offsets } = partition
    undo.push(offsets.snapshot())
    const first = offsets.next ?? 0
    for (const position of positions) offsets.finish(position)
    const gaps = offsets.takeGaps()
    await recordProgress(sql, partition, { first, next: offsets.next ?? 0, above: offsets.above(), gaps, delta })
  }
}

// A unit that turned out to be a duplicate changes only which account its `done` goes to.
function addDelta(sum: Accounts, delta: Readonly<Partial<Accounts>>, outcome: UnitOutcome): void {
  for (const name in delta) {
    const count = delta[name as keyof Accounts] ?? 0
    sum[outcome === 'duplicate' && name === 'done' ? 'duplicate' : (name as keyof Accounts)] += count
  }
}
