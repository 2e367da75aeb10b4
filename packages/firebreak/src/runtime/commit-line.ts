import type { Clock } from '../contracts/clock.ts'
import type { Database, Sql, SqlUnit } from '../contracts/database.ts'
import { errorMessage, FirebreakError, isFirebreakError } from '../contracts/errors.ts'
import type { LogRecord } from '../contracts/log.ts'
import { type Accounts, noAccounts } from '../ledger/accounts.ts'
import type { Inbox } from '../ledger/inbox.ts'
import { ledgerHandle } from '../ledger/ledger-place.ts'
import { addToOutbox, type OutboxRow } from '../ledger/outbox.ts'
import { advanceEpochs, type Progress, recordProgress } from '../ledger/partitions.ts'
import { nextTurn } from '../node/turn.ts'
import type { ClaimedPartition } from './partition.ts'
import type { Unit, UnitOutcome } from './unit.ts'

/** A unit on its way, and what is known of it so far. */
interface Pending {
  readonly unit: Unit
  outcome: UnitOutcome
  error: unknown
  /** Of its event in the batch of the group; null where it has none, or where the unit marks it by itself. */
  mark: number | null
  /** What it publishes; goes into the outbox with that of the whole group. */
  records: readonly LogRecord[]
  readonly resolve: (outcome: UnitOutcome) => void
  readonly reject: (error: unknown) => void
}

/** What a commit does beyond the database, once it is durable; `undo` if it comes to nothing. */
interface Books {
  /** Those that have a unit of their own in the commit, in its order behind the first. */
  readonly own: Pending[]
  /** Of these, those whose function has not ended in this run: a database undoes what is out of time, and goes on. */
  going: Set<Pending>
  held: readonly ClaimedPartition[]
  rows: readonly OutboxRow[]
  readonly undo: (() => void)[]
}

export interface LineOptions {
  readonly database: Database
  readonly clock: Clock
  readonly inbox: Inbox
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
 * I3 What the database has undone has not been done: a unit that is out of time leaves no mark and no position behind.
 * I4 A unit whose partition somebody else has claimed fails with `FB_FENCED` before its body runs.
 */
export class CommitLine {
  readonly #options: LineOptions
  readonly #inLedger: (sql: Sql) => Sql
  #queue: Pending[] = []
  #running = false
  #idlers: (() => void)[] = []

  constructor(options: LineOptions) {
    this.#options = options
    this.#inLedger = ledgerHandle(options.database)
  }

  /** Resolves when the unit is durable; rejects with the error of its body, `FB_FENCED`, or that of the database. */
  commit(unit: Unit): Promise<UnitOutcome> {
    return new Promise((resolve, reject) => {
      this.#queue.push(pendingOf(unit, resolve, reject))
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
      void this.#options.inbox.sweepWhenDue(this.#options.clock.now())
    }
    this.#running = false
    for (const resolve of this.#idlers.splice(0)) resolve()
  }

  async #commitGroup(group: readonly Pending[]): Promise<void> {
    const books: Books = { own: [], going: new Set(), held: [], undo: [], rows: [] }
    try {
      const verdicts = await this.#options.database.commit(this.#sqlOf(group, books))
      for (const [i, pending] of books.own.entries()) {
        const verdict = verdicts[i + 1]
        if (verdict?.ok === false) pending.error = verdict.error
      }
    } catch (error) {
      for (const restore of books.undo) restore()
      // What is in memory of these partitions may be behind what is in the database: they have to be claimed anew.
      if (isFirebreakError(error, 'FB_COMMIT_UNKNOWN')) for (const { unit } of group) unit.partition?.fence()
      await this.#afterFailure(group, ledgerError(error) ?? error)
      return
    }
    for (const partition of books.held) partition.committed()
    if (books.rows.length > 0) this.#options.onOutbox(books.rows)
    for (const pending of group) {
      if (pending.error === undefined) pending.resolve(pending.outcome)
      else pending.reject(pending.error)
    }
  }

  // A constraint that is checked only at the commit fails the whole group: each unit alone shows whose it was.
  async #afterFailure(group: readonly Pending[], error: unknown): Promise<void> {
    // A group holds the rows of many units for long: smaller ones get past others that want the same rows.
    if (group.length > 1 && this.#options.database.capabilities.shared && isFirebreakError(error, 'FB_DATABASE_BUSY')) {
      const middle = group.length >> 1
      await this.#commitGroup(group.slice(0, middle))
      await this.#commitGroup(group.slice(middle))
      return
    }
    if (group.length === 1 || isFirebreakError(error)) {
      for (const pending of group) pending.reject(error)
      return
    }
    for (const { unit, resolve, reject } of group) {
      await this.#commitGroup([pendingOf(unit, resolve, reject)])
    }
  }

  // Most units are a mark and nothing else: the batch of the group serves them, without a unit of their own.
  #sqlOf(group: readonly Pending[], books: Books): readonly SqlUnit[] {
    const nowMs = this.#options.clock.now()
    const copies = copiesIn(group)
    const units: SqlUnit[] = []
    for (const pending of group) {
      const { body, settle, records, inboxId } = pending.unit
      const isMore = body !== null || settle !== null || records !== null
      if (!isMore && !copies.has(inboxId)) continue
      books.own.push(pending)
      units.push(async (sql) => {
        const { going } = books
        await this.#runUnit(sql, pending, nowMs)
        going.delete(pending)
      })
    }
    const open = async (sql: Sql): Promise<void> => {
      // A database may run the units of a commit again: then nothing of the first time counts.
      for (const restore of books.undo.splice(0)) restore()
      books.rows = []
      books.going = new Set(books.own)
      for (const pending of group) begin(pending)
      books.held = await fenceAll(sql, group)
      const once = group.filter(
        ({ unit, error }) => unit.inboxId !== null && error === undefined && !copies.has(unit.inboxId),
      )
      await this.#markAll(sql, once, nowMs)
    }
    // The events of all units go into the outbox at once, in the order of the units (I1).
    const close = async (sql: Sql): Promise<void> => {
      // Nothing of it is left, so nothing may be counted of it. Its verdict will say why.
      for (const pending of books.going) pending.error ??= new Error('undone by the database')
      await this.#unmarkFailed(sql, group)
      await progressAll(sql, group, books.undo)
      // Last: from here to the end of the commit other lines and instances wait for the next number.
      const records = group.flatMap(({ error, records }) => (error === undefined ? records : none))
      if (records.length > 0) books.rows = await addToOutbox(sql, records, nowMs)
    }
    return [this.#allOrNothing(open), ...units, this.#allOrNothing(close)]
  }

  /** One batch for all units whose event is theirs alone. */
  async #markAll(sql: Sql, marking: readonly Pending[], nowMs: number): Promise<void> {
    if (marking.length === 0) return
    const ids = marking.map(({ unit }) => unit.inboxId as string)
    const { first, known } = await this.#options.inbox.mark(sql, ids, nowMs)
    for (const [i, pending] of marking.entries()) {
      pending.mark = first + i
      if (known.has(ids[i] as string)) pending.outcome = 'duplicate'
    }
  }

  // The ledger's own statements carry the whole group: an error with a database code undoes every unit of it (I2).
  #allOrNothing(run: SqlUnit): SqlUnit {
    return async (sql) => {
      try {
        await run(this.#inLedger(sql))
      } catch (error) {
        if (isFirebreakError(error) && error.code.startsWith('FB_DATABASE_')) throw error
        throw new FirebreakError('FB_DATABASE_UNAVAILABLE', { path: 'ledger', reason: errorMessage(error) }, error)
      }
    }
  }

  async #unmarkFailed(sql: Sql, group: readonly Pending[]): Promise<void> {
    const marks = group.flatMap(({ unit, error, mark, outcome }): [string, number][] =>
      error !== undefined && mark !== null && outcome === 'committed' ? [[unit.inboxId as string, mark]] : [],
    )
    if (marks.length > 0) await this.#options.inbox.unmark(sql, marks)
  }

  async #runUnit(sql: Sql, pending: Pending, nowMs: number): Promise<void> {
    const { unit } = pending
    if (pending.error !== undefined) throw pending.error
    try {
      const ledger = this.#inLedger(sql)
      if (unit.inboxId !== null && pending.mark === null) {
        const { known } = await this.#options.inbox.mark(ledger, [unit.inboxId], nowMs)
        if (known.size > 0) pending.outcome = 'duplicate'
      }
      if (unit.settle !== null) await unit.settle(ledger)
      if (pending.outcome === 'duplicate') return
      if (unit.body !== null) await unit.body(sql)
      if (unit.records !== null) pending.records = await unit.records()
    } catch (error) {
      pending.error = error ?? new Error('a transaction body threw nothing')
      throw error
    }
  }
}

function pendingOf(unit: Unit, resolve: Pending['resolve'], reject: Pending['reject']): Pending {
  return { unit, outcome: 'committed', error: undefined, mark: null, records: none, resolve, reject }
}

/**
 * Ids of events of which the group has several copies. Each of these marks in its own unit, so that its mark comes to nothing
 * with it, and the next copy takes effect.
 */
function copiesIn(group: readonly Pending[]): ReadonlySet<string | null> {
  const seen = new Set<string>()
  const copies = new Set<string | null>()
  for (const { unit } of group) {
    if (unit.inboxId === null) continue
    if (seen.has(unit.inboxId)) copies.add(unit.inboxId)
    seen.add(unit.inboxId)
  }
  return copies
}

function begin(pending: Pending): void {
  pending.outcome = 'committed'
  pending.error = undefined
  pending.mark = null
  pending.records = none
}

/** What broke in the ledger's own statements, when it is more than the database being away: a broken invariant. */
function ledgerError(error: unknown): unknown {
  const isLedger = isFirebreakError(error, 'FB_DATABASE_UNAVAILABLE') && error.detail['path'] === 'ledger'
  return isLedger && isFirebreakError(error.cause) ? error.cause : undefined
}

/** The partitions of the group that are ours, and stay so until it is committed. */
async function fenceAll(sql: Sql, group: readonly Pending[]): Promise<readonly ClaimedPartition[]> {
  const partitions = new Set<ClaimedPartition>()
  for (const { unit } of group) if (unit.partition !== null && !unit.partition.fenced) partitions.add(unit.partition)
  // In one order for everybody, so that two instances which lock rows never wait for each other.
  const sorted = [...partitions].sort((a, b) => (a.id < b.id ? -1 : 1))
  const lost = new Set(await advanceEpochs(sql, sorted))
  for (const partition of lost) partition.fence()
  for (const pending of group) {
    const { partition } = pending.unit
    if (partition?.fenced) pending.error = new FirebreakError('FB_FENCED', { partition: partition.id })
  }
  return sorted.filter((partition) => !lost.has(partition))
}

async function progressAll(sql: Sql, group: readonly Pending[], undo: (() => void)[]): Promise<void> {
  const byPartition = new Map<ClaimedPartition, { delta: Accounts; positions: number[] }>()
  for (const { unit, outcome, error } of group) {
    if (unit.partition === null || error !== undefined) continue
    let sum = byPartition.get(unit.partition)
    if (sum === undefined) {
      sum = { delta: noAccounts(), positions: [] }
      byPartition.set(unit.partition, sum)
    }
    addDelta(sum.delta, unit.delta, outcome)
    if (unit.position !== null) sum.positions.push(unit.position)
  }
  const progress: Progress[] = []
  for (const [partition, { delta, positions }] of byPartition) {
    const { offsets } = partition
    undo.push(offsets.snapshot())
    const first = offsets.next ?? 0
    for (const position of positions) offsets.finish(position)
    const gaps = offsets.takeGaps()
    progress.push({ at: partition, first, next: offsets.next ?? 0, above: offsets.above(), gaps, delta })
  }
  if (progress.length > 0) await recordProgress(sql, progress)
}

// A unit that turned out to be a duplicate changes only which account its `done` goes to.
function addDelta(sum: Accounts, delta: Readonly<Partial<Accounts>>, outcome: UnitOutcome): void {
  for (const name in delta) {
    const count = delta[name as keyof Accounts] ?? 0
    sum[outcome === 'duplicate' && name === 'done' ? 'duplicate' : (name as keyof Accounts)] += count
  }
}
