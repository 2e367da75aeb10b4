import type { Database, Sql } from '../src/contracts/database.ts'
import { type ClaimWish, claimJobs, lockClaims } from '../src/ledger/jobs/claim-jobs.ts'
import { endJobs } from '../src/ledger/jobs/end-jobs.ts'
import { enqueueJobs } from '../src/ledger/jobs/enqueue-jobs.ts'
import type { ClaimedJob, JobEnd, NewJob } from '../src/ledger/jobs/job-rows.ts'
import { inLedger } from '../src/ledger/ledger-place.ts'
import { openLedger } from '../src/ledger/schema.ts'

/** Ids rise with their numbers. */
export const jobId = (n: number): string => `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`

export const numberOfJob = (id: string): number => Number(id.slice(-12))

export const newJob = (n: number, more: Partial<NewJob> = {}): NewJob => ({
  ...{ id: jobId(n), type: 't', priority: 1, dueAtMs: 0, lane: null, uniqueKey: null },
  ...{ input: `{"n":${n}}`, headers: {}, enqueuedAtMs: 0, deadlineAtMs: null },
  ...more,
})

export const newJobs = (count: number, more: Partial<NewJob> = {}): readonly NewJob[] =>
  Array.from({ length: count }, (_, n) => newJob(n, more))

export const endOf = (job: ClaimedJob, more: Partial<JobEnd> = {}): JobEnd => ({
  ...{ job, how: 'done', result: null, error: null, letterId: null, keepMs: 1000, endedAtMs: 1 },
  ...more,
})

export const wish = (more: Partial<ClaimWish> = {}): ClaimWish => ({
  ...{
    type: 't',
    holder: 'one',
    max: 10,
    nowMs: 0,
    prioAgeMs: 1000,
    withSuspects: true,
    concurrency: null,
    rate: null,
  },
  ...more,
})

/** One row of the table of jobs. */
export interface JobRow extends Record<string, unknown> {
  readonly id: string
  readonly state: number
  readonly due_at_ms: number
  readonly holder: string | null
  readonly claim: number
  readonly suspects: number
}

/** A ledger, and what is done to it most. */
export class JobScene {
  readonly database: Database

  private constructor(database: Database) {
    this.database = database
  }

  static async open(database: Database): Promise<JobScene> {
    await openLedger(database, 'one', 0)
    return new JobScene(inLedger(database))
  }

  within<T>(body: (ledger: Sql) => Promise<T>): Promise<T> {
    return this.database.transaction(body)
  }

  add(jobs: readonly NewJob[]): Promise<void> {
    return this.within((ledger) => enqueueJobs(ledger, jobs, 'one'))
  }

  claim(more: Partial<ClaimWish> = {}): Promise<readonly ClaimedJob[]> {
    return this.within((ledger) => claimJobs(ledger, wish(more)))
  }

  end(jobs: readonly ClaimedJob[], more: Partial<JobEnd> = {}): Promise<void> {
    const ends = jobs.map((job) => endOf(job, more))
    return this.within(async (ledger) => {
      await lockClaims(ledger, jobs)
      await endJobs(ledger, ends, 'one')
    })
  }

  rows(): Promise<readonly JobRow[]> {
    return this.database.query<JobRow>('SELECT * FROM fb_jobs ORDER BY id')
  }

  /** Numbers and states. */
  async states(): Promise<Record<number, string>> {
    const names = ['ready', 'blocked', 'running', 'cancelling']
    return Object.fromEntries((await this.rows()).map(({ id, state }) => [numberOfJob(id), names[state] ?? '?']))
  }
}
