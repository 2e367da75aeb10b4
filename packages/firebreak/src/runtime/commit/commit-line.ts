import type { Clock } from '../../contracts/clock.ts'
import type { Database, Sql } from '../../contracts/database.ts'
import { FirebreakError, isFirebreakError } from '../../contracts/errors.ts'
import type { Inbox } from '../../ledger/inbox.ts'
import { ledgerHandle } from '../../ledger/ledger-place.ts'
import type { LedgerTime } from '../../ledger/ledger-time.ts'
import type { OutboxRow } from '../../ledger/outbox.ts'
import { contextOfNow } from '../../node/open-units.ts'
import { nextTurn } from '../../node/turn.ts'
import { CommitGroup, type Effects, type End } from './commit-group.ts'
import type { Unit, UnitOutcome } from './unit.ts'

/** A unit on its way, and whoever waits for it. */
interface Pending {
  readonly unit: Unit
  readonly resolve: (outcome: UnitOutcome) => void
  readonly reject: (error: unknown) => void
}

export interface LineOptions {
  readonly database: Database
  readonly clock: Clock
  readonly inbox: Inbox
  readonly time: LedgerTime
  /** Called after each commit; forgets what may be forgotten, and never rejects. */
  readonly sweep: () => Promise<void>
  /** Gets the outbox rows of each commit, in commit order, before the units learn of it. */
  readonly onOutbox: (rows: readonly OutboxRow[]) => void
}

const groupMax = 1024

/**
 * Commits units of work in groups: all that arrive in one turn of the event loop share one transaction and one fsync.
 *
 * I1 One group at a time; groups and the units in them keep their order, so outbox order is commit order. Two copies of an
 *    event are never in one group: the later one has to see what became of the first.
 * I2 Positions and accounts of a unit become durable in the same commit as its effects, or not at all.
 * I3 A unit whose partition somebody else has claimed fails with `FB_FENCED` before its body runs.
 * I4 A unit that may have failed because of those beside it is run in a commit of its own before it counts as failed.
 * I5 It runs in nobody's async context: what a handler has put there must not reach the units of others.
 */
export class CommitLine {
  readonly #options: LineOptions
  readonly #inLedger: (sql: Sql) => Sql
  readonly #inOwnContext = contextOfNow()
  #queue: Pending[] = []
  #running = false
  #idlers: (() => void)[] = []

  constructor(options: LineOptions) {
    this.#options = options
    this.#inLedger = ledgerHandle(options.database)
  }

  /**
   * Resolves when it is durable, or when the user's code has failed it. Rejects with `FB_FENCED`, or with what the database
   * or the ledger is to blame for.
   */
  commit(unit: Unit): Promise<UnitOutcome> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ unit, resolve, reject })
      if (this.#running) return
      this.#running = true
      this.#inOwnContext(() => nextTurn(this.#run))
    })
  }

  /** Resolves when nothing waits or runs. */
  idle(): Promise<void> {
    if (!this.#running) return Promise.resolve()
    return new Promise((resolve) => this.#idlers.push(resolve))
  }

  readonly #run = async (): Promise<void> => {
    while (this.#queue.length > 0) {
      await this.#commitGroup(this.#takeGroup())
      void this.#options.sweep()
    }
    this.#running = false
    for (const resolve of this.#idlers.splice(0)) resolve()
  }

  /**
   * The units of the queue that can share a commit. What wants its own waits until it is the first, and so does the second
   * copy of an event; those behind it need not.
   */
  #takeGroup(): readonly Pending[] {
    const queue = this.#queue
    const [group, rest]: [Pending[], Pending[]] = [[], []]
    const ids = new Set<string>()
    for (const one of queue) {
      const { inboxId, own } = one.unit
      const fits = group.length === 0 || (!own && group.length < groupMax && !group[0]?.unit.own)
      const isCopy = inboxId !== null && ids.has(inboxId)
      if (fits && !isCopy) {
        group.push(one)
        if (inboxId !== null) ids.add(inboxId)
      } else rest.push(one)
    }
    this.#queue = rest
    return group
  }

  /** Resolves to why the commit failed as a whole, when the database is to blame for it. */
  async #commitGroup(pending: readonly Pending[]): Promise<FirebreakError | undefined> {
    const { database, inbox, time, clock } = this.#options
    const units = pending.map(({ unit }) => unit)
    const group = new CommitGroup(units, { inbox, time, nowMs: clock.now(), inLedger: this.#inLedger })
    try {
      await database.commit(group.sqlUnits, { own: units.length === 1 })
    } catch (error) {
      group.undo()
      // What is in memory of these partitions may be behind what is in the database: they have to be claimed anew.
      if (isFirebreakError(error, 'FB_COMMIT_UNKNOWN')) for (const { partition } of units) partition?.fence()
      const cause = ledgerError(error) ?? error
      await this.#afterFailure(pending, cause)
      return isFirebreakError(cause) ? cause : undefined
    }
    await this.#tell(pending, group.effects)
    return undefined
  }

  async #tell(pending: readonly Pending[], { ends, held, rows }: Effects): Promise<void> {
    for (const partition of held) partition.committed()
    if (rows.length > 0) this.#options.onOutbox(rows)
    const again: Pending[] = []
    for (let i = 0; i < pending.length; i++) {
      const [one, end] = [pending[i] as Pending, ends[i] as End]
      if (end.is === 'alone') again.push(one)
      else if (end.is === 'fenced') one.reject(new FirebreakError('FB_FENCED', { partition: one.unit.partition?.id }))
      else if (end.is !== 'failed') one.resolve(end.is)
      else if (end.ours) one.reject(end.error)
      else one.resolve({ failed: end.error })
    }
    await this.#eachAlone(again)
  }

  async #eachAlone(pending: readonly Pending[]): Promise<void> {
    let away: FirebreakError | undefined
    for (const { unit, resolve, reject } of pending) {
      if (away !== undefined) reject(away)
      else {
        const error = await this.#commitGroup([{ unit: { ...unit, own: true }, resolve, reject }])
        // One that waits for a database that is away says it for all.
        if (error?.code === 'FB_DATABASE_UNAVAILABLE' && !isOfUnit(error)) away = error
      }
    }
  }

  // A constraint that is checked only at the commit fails the whole group with an error of the user's: each unit alone shows
  // whose it was.
  async #afterFailure(pending: readonly Pending[], error: unknown): Promise<void> {
    // A group holds the rows of many units for long: smaller ones get past others that want the same rows.
    if (
      pending.length > 1 &&
      this.#options.database.capabilities.shared &&
      isFirebreakError(error, 'FB_DATABASE_BUSY')
    ) {
      const middle = pending.length >> 1
      await this.#commitGroup(pending.slice(0, middle))
      await this.#commitGroup(pending.slice(middle))
      return
    }
    if (isFirebreakError(error) && !(isOfUnit(error) && pending.length > 1))
      for (const { reject } of pending) reject(error)
    else if (pending.length > 1) await this.#eachAlone(pending)
    else
      for (const { unit, resolve, reject } of pending) unit.body === null ? reject(error) : resolve({ failed: error })
  }
}

/** The connection was lost in a unit, which may have ended it. */
const isOfUnit = (error: FirebreakError): boolean => error.detail['inUnit'] === true

/** What broke in the ledger's own statements, when it is more than the database being away: a broken invariant. */
function ledgerError(error: unknown): unknown {
  const isLedger = isFirebreakError(error, 'FB_DATABASE_UNAVAILABLE') && error.detail['path'] === 'ledger'
  return isLedger && isFirebreakError(error.cause) ? error.cause : undefined
}
