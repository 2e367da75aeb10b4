import type { Sql } from '../../contracts/database.ts'
import type { Accounts } from '../../ledger/accounts.ts'
import type { JobClaim, JobEnd } from '../../ledger/jobs/job-rows.ts'
import type { Outgoing } from '../message/outgoing.ts'
import type { ClaimedPartition } from '../partition/partition.ts'

/** A job that this instance holds; the unit that ends it is fenced when another has it by now. */
export interface HeldJob {
  readonly claim: JobClaim
  /** Aborts when it is not ours any more. */
  readonly signal: AbortSignal
  /** A process died while it had it: nothing runs beside it. */
  readonly isAlone: boolean
  /** Takes what its handler made of it; what is no result throws. */
  takeResult(value: unknown): void | Promise<void>
  /** Asked for when its unit is committed. */
  end(): JobEnd
}

/** What one delivery, one job, or one outside transaction wants committed. */
export interface Unit {
  readonly partition: ClaimedPartition | null
  /** The live position that this finishes; null for parked records (theirs is finished) and for outside transactions. */
  readonly position: number | null
  readonly accountChanges: Readonly<Partial<Accounts>>
  /** Marks this event as handled; when it already is, `body` does not run and the unit counts as a duplicate. */
  readonly inboxId: string | null
  /** The job that this ends. */
  readonly job: HeldJob | null
  /** The user's SQL. `ledger`: the same transaction for statements of the library's own. */
  readonly body: ((sql: Sql, ledger: Sql) => Promise<void>) | null
  /** The ledger's own SQL, run with or without `body`. */
  readonly ledgerSql: ((ledger: Sql) => Promise<void>) | null
  /** Events and jobs that it sets off, asked for after `body`. */
  readonly outgoing: (() => readonly Outgoing[] | Promise<readonly Outgoing[]>) | null
  /** Shares its commit with no other unit: its body may do to its session what others must not see. */
  readonly own: boolean
}

/** A unit that does nothing yet: what all of them start from. */
export const emptyUnit: Unit = {
  partition: null,
  position: null,
  accountChanges: {},
  inboxId: null,
  job: null,
  body: null,
  ledgerSql: null,
  outgoing: null,
  own: false,
}

/** `failed`: what the user's own code threw, in the body or in what it published. Nothing of the unit is left. */
export type UnitOutcome = 'committed' | 'duplicate' | { readonly failed: unknown }
