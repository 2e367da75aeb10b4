import type { Sql } from '../../contracts/database.ts'
import type { LogRecord } from '../../contracts/log.ts'
import type { Accounts } from '../../ledger/accounts.ts'
import type { ClaimedPartition } from '../partition/partition.ts'

/** What one delivery, or one outside transaction, wants committed. */
export interface Unit {
  readonly partition: ClaimedPartition | null
  /** The live position that this finishes; null for parked records (theirs is finished) and for outside transactions. */
  readonly position: number | null
  readonly accountChanges: Readonly<Partial<Accounts>>
  /** Marks this event as handled; when it already is, `body` does not run and the unit counts as a duplicate. */
  readonly inboxId: string | null
  /** The user's SQL. */
  readonly body: ((sql: Sql) => Promise<void>) | null
  /** The ledger's own SQL, run with or without `body`. */
  readonly ledgerSql: ((ledger: Sql) => Promise<void>) | null
  /** Events to publish, asked for after `body`. */
  readonly records: (() => readonly LogRecord[] | Promise<readonly LogRecord[]>) | null
  /** Shares its commit with no other unit: its body may do to its session what others must not see. */
  readonly own: boolean
}

/** A unit that does nothing yet: what all of them start from. */
export const emptyUnit: Unit = {
  partition: null,
  position: null,
  accountChanges: {},
  inboxId: null,
  body: null,
  ledgerSql: null,
  records: null,
  own: false,
}

/** `failed`: what the user's own code threw, in the body or in what it published. Nothing of the unit is left. */
export type UnitOutcome = 'committed' | 'duplicate' | { readonly failed: unknown }
