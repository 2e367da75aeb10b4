import type { Clock } from '../../contracts/clock.ts'
import type { Database } from '../../contracts/database.ts'
import { Inbox } from '../../ledger/inbox.ts'
import { LedgerTime } from '../../ledger/ledger-time.ts'
import type { OutboxRow } from '../../ledger/outbox.ts'
import { CommitLine } from './commit-line.ts'
import type { Unit, UnitOutcome } from './unit.ts'

export interface CommitterOptions {
  readonly database: Database
  readonly clock: Clock
  readonly inboxWindowMs: number
  readonly random: () => number
  /** Clearing the inbox has failed; it is tried again. */
  readonly onTrouble: (error: unknown) => void
  /** Gets the outbox rows of each commit before its units learn of it; those of one line in commit order. */
  readonly onOutbox: (rows: readonly OutboxRow[]) => void
}

// A server works on one commit while we prepare the next; more than this only wait for each other.
const linesOnServer = 3

/**
 * Commits units of work, all of a partition in one line. A database that is a file takes one commit at a time, so it has
 * one line; a server has several.
 */
export class Committer {
  readonly inbox: Inbox
  readonly #lines: readonly CommitLine[]
  readonly #time: LedgerTime

  constructor({ database, clock, inboxWindowMs: windowMs, random, onTrouble, onOutbox }: CommitterOptions) {
    const inbox = new Inbox(database, { windowMs, random, onTrouble })
    const count = database.capabilities.shared ? linesOnServer : 1
    const time = new LedgerTime(database, clock)
    const sweep = (): Promise<void> =>
      time.reached().then((reachedMs) => inbox.sweepWhenDue(reachedMs, clock.now()), onTrouble)
    this.inbox = inbox
    this.#time = time
    this.#lines = Array.from({ length: count }, () => new CommitLine({ database, clock, inbox, time, sweep, onOutbox }))
  }

  /** Resolves when the unit is durable; rejects with the error of its body, `FB_FENCED`, or that of the database. */
  commit(unit: Unit): Promise<UnitOutcome> {
    const at = (unit.partition?.partition ?? 0) % this.#lines.length
    return (this.#lines[at] as CommitLine).commit(unit)
  }

  /** Resolves when nothing waits or runs. */
  async idle(): Promise<void> {
    for (const line of this.#lines) await line.idle()
  }

  /** The last thing of all: who starts next goes on from there. */
  end(): Promise<void> {
    return this.#time.keep()
  }
}
