import type { Context } from './context.ts'
import type { AnyJob, JobProgress, JobResult } from './job.ts'
import type { Transaction } from './transaction.ts'

/** What the handler of a job gets beside its input. */
export interface JobContext<J extends AnyJob = AnyJob> extends Omit<Context, 'transaction'> {
  /**
   * The one commit of this job: its end, its result, the SQL of `body`, the events and jobs of both, all or none. What `body`
   * resolves to is the result.
   *
   * **Guarantee** `body` takes effect once, however often the handler runs. **Errors** those of `Context.transaction`;
   * `FB_JOB_FENCED` when another instance has the job by now, or it was cancelled.
   */
  transaction<T extends JobResult<J>>(body: (tx: Transaction) => Promise<T>): Promise<T>
  /** Says how far it is. The newest counts, four are written a second at most, and none of them is part of the commit. */
  progress(value: JobProgress<J>): void
}
