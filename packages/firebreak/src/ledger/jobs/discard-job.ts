import type { Sql } from '../../contracts/database.ts'
import { countJobs } from './job-accounts.ts'

const discard = "UPDATE fb_job_ends SET how = 'discarded' WHERE id = $1 AND how = 'failed'"

/** A job that failed, and that nobody will replay. */
export async function discardFailed(
  ledger: Sql,
  { id, type }: { readonly id: string; readonly type: string },
  instance: string,
): Promise<void> {
  await ledger.query(discard, [id])
  await countJobs(ledger, instance, type, { failed: -1, discarded: 1 })
}
