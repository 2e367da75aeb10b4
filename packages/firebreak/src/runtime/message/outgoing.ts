import type { Unique } from '../../contracts/job.ts'
import type { LogRecord } from '../../contracts/log.ts'
import type { NewJob } from '../../ledger/jobs/job-rows.ts'

/** A job on its way into the ledger. */
export type OutgoingJob = PlainJob | UniqueJob

export interface PlainJob {
  readonly job: NewJob
  readonly unique: null
}

/** `isStored`: its row is in the transaction already. */
export interface UniqueJob {
  readonly job: NewJob & { readonly uniqueKey: string }
  readonly unique: Unique
  readonly isStored: boolean
}

/** What a unit of work sets off: an event, or a job. */
export type Outgoing = LogRecord | OutgoingJob
