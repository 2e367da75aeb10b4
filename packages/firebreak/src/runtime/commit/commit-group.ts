import type { CommitScope, Sql, SqlUnit, Verdict } from '../../contracts/database.ts'
import { errorMessage, FirebreakError, isFirebreakError } from '../../contracts/errors.ts'
import type { LogRecord } from '../../contracts/log.ts'
import { type Accounts, noAccounts } from '../../ledger/accounts.ts'
import type { Inbox, Marks } from '../../ledger/inbox.ts'
import { lockClaims } from '../../ledger/jobs/claim-jobs.ts'
import { endJobs } from '../../ledger/jobs/end-jobs.ts'
import type { LedgerTime } from '../../ledger/ledger-time.ts'
import { addToOutbox, type OutboxRow } from '../../ledger/outbox.ts'
import { advanceEpochs, type Progress, recordProgress } from '../../ledger/partitions.ts'
import type { Outgoing, OutgoingJob } from '../message/outgoing.ts'
import type { ClaimedPartition } from '../partition/partition.ts'
import { storeJobs } from './store-jobs.ts'
import type { Unit } from './unit.ts'

/** How a unit enters the commit, as its first statements found it. */
type Entry = { readonly is: 'new'; readonly mark: number } | { readonly is: 'known' | 'unmarked' | 'fenced' }

/** How it leaves it. `ours`: the ledger failed it, and not the code of the user. `alone`: only a commit of its own can tell. */
export type End =
  | { readonly is: 'committed' | 'duplicate'; readonly outgoing: readonly Outgoing[] }
  | { readonly is: 'fenced' | 'alone' }
  | { readonly is: 'failed'; readonly error: unknown; readonly ours: boolean }

/** One time that the database runs the units. */
class Run implements Effects {
  /** None until `begin` has looked. */
  entries: readonly Entry[] = []
  held: readonly ClaimedPartition[] = []
  ends: readonly End[] = []
  rows: readonly OutboxRow[] = []
  jobs: readonly OutgoingJob[] = []
  /** It was rolled back, or another has begun. */
  isOver = false
  readonly #restores: (() => void)[] = []

  /** Takes the positions as they are now, to put them back if it is rolled back. */
  remember({ offsets }: ClaimedPartition): void {
    this.#restores.push(offsets.snapshot())
  }

  undo(): void {
    this.isOver = true
    for (const restore of this.#restores.splice(0)) restore()
  }
}

/** What the commit does beyond the database, once it is durable. */
export interface Effects {
  /** In the order of the units. */
  readonly ends: readonly End[]
  readonly rows: readonly OutboxRow[]
  /** Jobs that are new. */
  readonly jobs: readonly OutgoingJob[]
}

type Made = readonly Outgoing[]
type Scope = CommitScope<Made>

const none: Made = []

export interface GroupPlace {
  /** The instance, for the accounts of jobs. */
  readonly instance: string
  readonly inbox: Inbox
  readonly time: Pick<LedgerTime, 'now'>
  readonly nowMs: number
  /** The handle as the ledger's statements need it. */
  readonly inLedger: (sql: Sql) => Sql
}

/**
 * The units of one commit, as the database runs them: `begin` fences and marks all, then comes each unit that has code or
 * SQL of its own, then `finish` counts them. Behind the commit, `settle` takes it into memory, or `undo` takes it back. No event
 * is in a group twice.
 *
 * I1 What becomes of a unit follows from the verdict of the database alone, in `finish`: a unit that it has undone is counted
 *    nowhere, whatever its code still does.
 * I2 The database may run the units again from the start: `begin` then undoes the run before. One that is over no longer changes
 *    what is in memory, although its code may go on.
 * I3 What fails in `begin` or `finish`, or has no time left there, undoes the whole commit.
 */
export class CommitGroup {
  readonly #units: readonly Unit[]
  readonly #place: GroupPlace
  /** The places of those that have a unit of their own in the commit, in its order behind `begin`. */
  readonly #own: readonly number[]
  #now = new Run()

  constructor(units: readonly Unit[], place: GroupPlace) {
    this.#units = units
    this.#place = place
    this.#own = placesOf(
      units,
      ({ body, ledgerSql, outgoing }) => body !== null || ledgerSql !== null || outgoing !== null,
    )
  }

  /** What the database runs. */
  get sqlUnits(): readonly SqlUnit<Made>[] {
    const begin = this.#allOrNothing((ledger) => this.#begin(ledger))
    // The first verdict is that of `begin`.
    const finish = this.#allOrNothing((ledger, { before }) => this.#finish(ledger, before.slice(1)))
    const own = this.#own.map((i): SqlUnit<Made> => {
      return (sql, commit) => this.#unit(this.#units[i] as Unit, this.#now.entries[i] as Entry, sql, commit)
    })
    return [begin, ...own, finish]
  }

  /** The commit is durable: memory follows, and what it does beyond the database is to be done. */
  settle(): Effects {
    for (const partition of this.#now.held) partition.committed()
    return this.#now
  }

  /** Takes back what memory has of a commit that was rolled back. */
  undo(): void {
    this.#now.undo()
  }

  async #begin(ledger: Sql): Promise<void> {
    this.undo()
    const now = new Run()
    this.#now = now
    const { partitions, lost } = await fenceAll(ledger, this.#units)
    now.held = partitions.filter((partition) => !lost.has(partition))
    const isLost = await this.#lostJobs(ledger)
    // Looked at once: a partition may be fenced while the marks are written.
    const marking = placesOf(this.#units, (unit) => unit.inboxId !== null && !isFenced(unit))
    const entries = this.#units.map((unit): Entry => (isFenced(unit) || isLost(unit) ? fenced : unmarked))
    const { first, known } = await this.#mark(ledger, marking)
    for (let n = 0; n < marking.length; n++) {
      const i = marking[n] as number
      const isKnown = known.has(this.#units[i]?.inboxId as string)
      entries[i] = isKnown ? duplicate : { is: 'new', mark: first + n }
    }
    now.entries = entries
  }

  /** Which units end a job that is not ours any more. The rows of all others stay ours until the commit ends. */
  async #lostJobs(ledger: Sql): Promise<(unit: Unit) => boolean> {
    const claims = this.#units.flatMap(({ job }) => (job === null ? [] : [job.claim]))
    if (claims.length === 0) return isNotLost
    const held = await lockClaims(ledger, claims)
    return ({ job }) => job !== null && !held.has(job.claim)
  }

  async #mark(ledger: Sql, places: readonly number[]): Promise<Marks> {
    if (places.length === 0) return noMarks
    const ids = places.map((i) => this.#units[i]?.inboxId as string)
    const { inbox, time } = this.#place
    return inbox.mark(ledger, ids, await time.now(ledger))
  }

  async #unit(unit: Unit, entry: Entry, sql: Sql, commit: Scope): Promise<Made> {
    if (entry.is === 'fenced') return none
    if (unit.ledgerSql !== null) await this.#ledgerSql(unit.ledgerSql, commit.ledger)
    if (entry.is === 'known') return none
    if (unit.body !== null) await unit.body(sql, this.#place.inLedger(commit.ledger))
    return unit.outgoing === null ? none : await unit.outgoing()
  }

  async #ledgerSql(ledgerSql: NonNullable<Unit['ledgerSql']>, ledger: Sql): Promise<void> {
    try {
      await ledgerSql(this.#place.inLedger(ledger))
    } catch (error) {
      throw new LedgerSqlFailed(error)
    }
  }

  // The events of all units go into the outbox at once, in the order of the units.
  async #finish(ledger: Sql, verdicts: readonly Verdict<Made>[]): Promise<void> {
    const now = this.#now
    let own = 0
    now.ends = this.#units.map((unit, i): End => {
      const verdict = i === this.#own[own] ? verdicts[own++] : undefined
      return endOf(unit, now.entries[i] as Entry, verdict)
    })
    await this.#unmark(ledger, now)
    if (now.isOver) return
    await this.#progress(ledger, now)
    await this.#endJobs(ledger, now)
    const made = now.ends.flatMap((end) => ('outgoing' in end ? end.outgoing : none))
    if (made.length === 0) return
    const records = made.filter((one): one is LogRecord => 'topic' in one)
    if (records.length < made.length) now.jobs = await this.#storeJobs(ledger, made)
    // Last: from here to the end of the commit other queues and instances wait for the next number.
    if (records.length > 0) now.rows = await addToOutbox(ledger, records, this.#place.nowMs)
  }

  async #endJobs(ledger: Sql, { ends }: Run): Promise<void> {
    const ended = this.#units.flatMap(({ job }, i) => (job !== null && ends[i]?.is === 'committed' ? [job.end()] : []))
    if (ended.length > 0) await endJobs(ledger, ended, this.#place.instance)
  }

  #storeJobs(ledger: Sql, made: Made): Promise<readonly OutgoingJob[]> {
    const jobs = made.filter((one): one is OutgoingJob => !('topic' in one))
    return storeJobs(ledger, jobs, this.#place.instance)
  }

  async #unmark(ledger: Sql, { entries, ends }: Run): Promise<void> {
    const marks = ends.flatMap((end, i): [string, number][] => {
      const entry = entries[i] as Entry
      const isUndone = entry.is === 'new' && end.is !== 'committed'
      return isUndone ? [[this.#units[i]?.inboxId as string, entry.mark]] : []
    })
    if (marks.length > 0) await this.#place.inbox.unmark(ledger, marks)
  }

  async #progress(ledger: Sql, run: Run): Promise<void> {
    const byPartition = new Map<ClaimedPartition, { delta: Accounts; positions: number[] }>()
    for (let i = 0; i < this.#units.length; i++) {
      const { partition, position, accountChanges } = this.#units[i] as Unit
      const end = run.ends[i]?.is
      if (partition === null || (end !== 'committed' && end !== 'duplicate')) continue
      let sum = byPartition.get(partition)
      if (sum === undefined) {
        sum = { delta: noAccounts(), positions: [] }
        byPartition.set(partition, sum)
      }
      addChanges(sum.delta, accountChanges, end)
      if (position !== null) sum.positions.push(position)
    }
    const progress: Progress[] = []
    for (const [partition, { delta, positions }] of byPartition) {
      const { offsets } = partition
      run.remember(partition)
      const first = offsets.next ?? 0
      for (const position of positions) offsets.finish(position)
      const gaps = offsets.takeGaps()
      progress.push({ at: partition, first, next: offsets.next ?? 0, above: offsets.above(), gaps, delta })
    }
    if (progress.length > 0) await recordProgress(ledger, progress)
  }

  /** I3. */
  #allOrNothing(run: (ledger: Sql, commit: Scope) => Promise<void>): SqlUnit<Made> {
    return async (_, commit) => {
      commit.require()
      try {
        await run(this.#place.inLedger(commit.ledger), commit)
        return none
      } catch (error) {
        throw isFirebreakError(error) ? error : ledgerFailed(error)
      }
    }
  }
}

const noMarks: Marks = { first: 0, known: new Set() }
const fenced: Entry = { is: 'fenced' }
const duplicate: Entry = { is: 'known' }
const unmarked: Entry = { is: 'unmarked' }

/** A statement of the ledger failed in a unit that may hold code of the user too. */
class LedgerSqlFailed {
  readonly #error: unknown

  constructor(error: unknown) {
    this.#error = error
  }

  /** Not by `instanceof`: that runs a trap where a body has thrown a proxy, and what the trap throws would be the ledger's. */
  static in(thrown: unknown): { readonly error: unknown } | undefined {
    const isOne = typeof thrown === 'object' && thrown !== null && #error in thrown
    return isOne ? { error: thrown.#error } : undefined
  }
}

function placesOf(units: readonly Unit[], isMeant: (unit: Unit) => boolean): readonly number[] {
  const places: number[] = []
  for (let i = 0; i < units.length; i++) if (isMeant(units[i] as Unit)) places.push(i)
  return places
}

const isFenced = ({ partition }: Unit): boolean => partition?.fenced === true
const isNotLost = (): boolean => false

const ledgerFailed = (error: unknown): FirebreakError =>
  new FirebreakError('FB_DATABASE_UNAVAILABLE', { path: 'ledger', reason: errorMessage(error) }, error)

function endOf(unit: Unit, entry: Entry, verdict: Verdict<Made> | undefined): End {
  if (entry.is === 'fenced') return { is: 'fenced' }
  if (verdict?.ok === false) {
    const { error, alone } = verdict
    if (alone === true && !unit.own) return { is: 'alone' }
    const ofLedger = LedgerSqlFailed.in(error)
    if (ofLedger !== undefined) return { is: 'failed', error: ofLedger.error, ours: true }
    return { is: 'failed', error, ours: unit.body === null && unit.outgoing === null }
  }
  return { is: entry.is === 'known' ? 'duplicate' : 'committed', outgoing: verdict?.value ?? none }
}

/** The partitions of the group that are ours, which stay so until it is committed, and those that are not. */
async function fenceAll(
  ledger: Sql,
  units: readonly Unit[],
): Promise<{ partitions: readonly ClaimedPartition[]; lost: ReadonlySet<ClaimedPartition> }> {
  const found = new Set<ClaimedPartition>()
  for (const { partition } of units) if (partition !== null && !partition.fenced) found.add(partition)
  // In one order for everybody, so that two instances which lock rows never wait for each other.
  const partitions = [...found].sort((a, b) => (a.id < b.id ? -1 : 1))
  const lost = new Set(await advanceEpochs(ledger, partitions))
  for (const partition of lost) partition.fence()
  return { partitions, lost }
}

// A unit that turned out to be a duplicate changes only which account its `done` goes to.
function addChanges(sum: Accounts, changes: Readonly<Partial<Accounts>>, end: 'committed' | 'duplicate'): void {
  for (const name in changes) {
    const count = changes[name as keyof Accounts] ?? 0
    sum[end === 'duplicate' && name === 'done' ? 'duplicate' : (name as keyof Accounts)] += count
  }
}
