import type { Clock } from '../../contracts/clock.ts'
import type { Database, Sql } from '../../contracts/database.ts'
import { FirebreakError, isFirebreakError } from '../../contracts/errors.ts'
import type { Inbox } from '../../ledger/inbox.ts'
import { ledgerHandle } from '../../ledger/ledger-place.ts'
import type { LedgerTime } from '../../ledger/ledger-time.ts'
import type { OutboxRow } from '../../ledger/outbox.ts'
import type { OutgoingJob } from '../message/outgoing.ts'
import { CommitGroup, type End } from './commit-group.ts'
import type { Unit, UnitOutcome } from './unit.ts'

/** A unit on its way, and the promise of its outcome. */
export interface PendingUnit {
  readonly unit: Unit
  readonly resolve: (outcome: UnitOutcome) => void
  readonly reject: (error: unknown) => void
}

export interface GroupOptions {
  readonly database: Database
  readonly clock: Clock
  readonly inbox: Inbox
  readonly time: LedgerTime
  /** Gets the outbox rows of each commit, in commit order, before the units learn of it. */
  readonly onOutbox: (rows: readonly OutboxRow[]) => void
  /** Jobs that a commit has enqueued. */
  readonly onJobs: (jobs: readonly OutgoingJob[]) => void
  readonly instance: string
}

/**
 * Commits a group of units in one transaction, and tells each of them its outcome. Where the failure of the whole group says
 * nothing about its units, it commits them in halves, or one by one.
 */
export class GroupCommitter {
  readonly #options: GroupOptions
  readonly #inLedger: (sql: Sql) => Sql

  constructor(options: GroupOptions) {
    this.#options = options
    this.#inLedger = ledgerHandle(options.database)
  }

  /** Never rejects. Resolves to why the commit failed as a whole, when the database is to blame for it. */
  async commit(pending: readonly PendingUnit[]): Promise<FirebreakError | undefined> {
    const { database, inbox, time, clock, instance } = this.#options
    const units = pending.map(({ unit }) => unit)
    const group = new CommitGroup(units, { instance, inbox, time, nowMs: clock.now(), inLedger: this.#inLedger })
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
    const { ends, rows, jobs } = group.settle()
    if (rows.length > 0) this.#options.onOutbox(rows)
    if (jobs.length > 0) this.#options.onJobs(jobs)
    await this.#eachAlone(answered(pending, ends))
    return undefined
  }

  async #eachAlone(pending: readonly PendingUnit[]): Promise<void> {
    let unavailable: FirebreakError | undefined
    for (const { unit, resolve, reject } of pending) {
      if (unavailable !== undefined) reject(unavailable)
      else {
        const error = await this.commit([{ unit: { ...unit, own: true }, resolve, reject }])
        // One that waits for a database that is away says it for all.
        if (error?.code === 'FB_DATABASE_UNAVAILABLE' && !isOfUnit(error)) unavailable = error
      }
    }
  }

  // A constraint that is checked only at the commit fails the whole group with an error of the user's: each unit alone shows
  // whose it was.
  async #afterFailure(pending: readonly PendingUnit[], error: unknown): Promise<void> {
    const isShared = this.#options.database.capabilities.shared
    // A group holds the rows of many units for long: smaller ones get past others that want the same rows.
    if (pending.length > 1 && isShared && isFirebreakError(error, 'FB_DATABASE_BUSY')) {
      const middle = pending.length >> 1
      await this.commit(pending.slice(0, middle))
      await this.commit(pending.slice(middle))
      return
    }
    if (isFirebreakError(error) && !(isOfUnit(error) && pending.length > 1))
      for (const { reject } of pending) reject(error)
    else if (pending.length > 1) await this.#eachAlone(pending)
    else
      for (const { unit, resolve, reject } of pending) unit.body === null ? reject(error) : resolve({ failed: error })
  }
}

/** Tells units what has become of them; those that only a commit of their own can tell are left. */
function answered(pending: readonly PendingUnit[], ends: readonly End[]): readonly PendingUnit[] {
  const left: PendingUnit[] = []
  for (let i = 0; i < pending.length; i++) {
    const [one, end] = [pending[i] as PendingUnit, ends[i] as End]
    if (end.is === 'alone') left.push(one)
    else if (end.is === 'fenced') one.reject(fencedError(one.unit))
    else if (end.is !== 'failed') one.resolve(end.is)
    else if (end.ours) one.reject(end.error)
    else one.resolve({ failed: end.error })
  }
  return left
}

function fencedError({ job, partition }: Unit): FirebreakError {
  if (job === null) return new FirebreakError('FB_FENCED', { partition: partition?.id })
  return new FirebreakError('FB_JOB_FENCED', { type: job.claim.type, id: job.claim.id })
}

/** The connection was lost in a unit, which may have ended it. */
const isOfUnit = (error: FirebreakError): boolean => error.detail['inUnit'] === true

/** What broke in the ledger's own statements, when it is more than the database being away: a broken invariant. */
function ledgerError(error: unknown): unknown {
  const isLedger = isFirebreakError(error, 'FB_DATABASE_UNAVAILABLE') && error.detail['path'] === 'ledger'
  return isLedger && isFirebreakError(error.cause) ? error.cause : undefined
}
