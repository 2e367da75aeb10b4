import type { Clock } from '../../contracts/clock.ts'
import type { Database } from '../../contracts/database.ts'
import { Inbox } from '../../ledger/inbox.ts'
import { LedgerTime } from '../../ledger/ledger-time.ts'
import type { OutboxRow } from '../../ledger/outbox.ts'
import type { OutgoingJob } from '../message/outgoing.ts'
import { CommitQueue } from './commit-queue.ts'
import { GroupCommitter } from './group-committer.ts'
import type { Unit, UnitOutcome } from './unit.ts'

export interface CommitterOptions {
  readonly database: Database
  readonly clock: Clock
  readonly inboxWindowMs: number
  readonly instance: string
  readonly random: () => number
  /** Clearing the inbox has failed; it is tried again. */
  readonly onError: (error: unknown) => void
}

/** Gets the new jobs of each commit. */
export interface JobReceiver {
  enqueued(jobs: readonly OutgoingJob[]): void
}

/** Gets the outbox rows of each commit before its units learn of it; those of one queue in commit order. */
export interface OutboxReceiver {
  push(rows: readonly OutboxRow[]): void
}

// A server works on one commit while we prepare the next; more than this only wait for each other.
const queuesOnServer = 3

/**
 * Commits units of work, all of a partition in one queue. A database that is a file takes one commit at a time, so it has
 * one queue; a server has several.
 */
export class Committer {
  readonly inbox: Inbox
  readonly #queues: readonly CommitQueue[]
  readonly #time: LedgerTime
  #receiver: OutboxReceiver | undefined
  #jobReceiver: JobReceiver | undefined

  constructor({ database, clock, inboxWindowMs: windowMs, random, onError, instance }: CommitterOptions) {
    const inbox = new Inbox(database, { windowMs, random, onError })
    const count = database.capabilities.shared ? queuesOnServer : 1
    const time = new LedgerTime(database, clock)
    const sweep = (): Promise<void> =>
      time.reached().then((reachedMs) => inbox.sweepWhenDue(reachedMs, clock.now()), onError)
    this.inbox = inbox
    this.#time = time
    const onOutbox = (rows: readonly OutboxRow[]): void => this.#receiver?.push(rows)
    const onJobs = (jobs: readonly OutgoingJob[]): void => this.#jobReceiver?.enqueued(jobs)
    const shared = { database, clock, inbox, time, onOutbox, onJobs }
    // An account of jobs each: they would wait for each other's rows.
    this.#queues = Array.from({ length: count }, (_, line) => {
      const committer = new GroupCommitter({ ...shared, instance: line === 0 ? instance : `${instance}/${line}` })
      return new CommitQueue(committer, sweep)
    })
  }

  /** Once, before the first commit. */
  connect(receiver: OutboxReceiver, jobs?: JobReceiver): void {
    this.#receiver = receiver
    this.#jobReceiver = jobs
  }

  /** Resolves when the unit is durable; rejects with the error of its body, `FB_FENCED`, or that of the database. */
  commit(unit: Unit): Promise<UnitOutcome> {
    const at = (unit.partition?.partition ?? unit.job?.claim.claim ?? 0) % this.#queues.length
    return (this.#queues[at] as CommitQueue).commit(unit)
  }

  /** Resolves when nothing waits or runs. */
  async idle(): Promise<void> {
    for (const queue of this.#queues) await queue.idle()
  }

  /** The last thing of all: who starts next goes on from there. */
  end(): Promise<void> {
    return this.#time.keep()
  }
}
