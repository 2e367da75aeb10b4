import type { Sql } from '../../contracts/database.ts'
import type { Attempt } from '../../contracts/disposition.ts'
import { recordEnds } from './job-ends.ts'
import type { JobClaim, JobEnd } from './job-rows.ts'
import { queryWide, wideStatement } from './wide-statement.ts'

// Jobs of one claim number go together: nearly all are claimed once.
const remove = wideStatement({ fixed: 1, columns: 1 }, (list) => {
  return `DELETE FROM fb_jobs WHERE id IN (SELECT listed.column1 FROM ${list}) AND claim = $1 AND state >= 2 RETURNING id`
})
const giveBack = wideStatement({ fixed: 1, columns: 1 }, (list) => {
  return `UPDATE fb_jobs SET state = 0, holder = NULL WHERE id IN (SELECT listed.column1 FROM ${list}) AND claim = $1 AND state >= 2`
})
// Who asked for its end meanwhile need not wait for the next attempt.
const retry = `UPDATE fb_jobs SET state = 0, holder = NULL, suspects = 0, attempts = $4, first_failed_at_ms = $5,
  due_at_ms = CASE WHEN cancel_at_ms IS NULL THEN CAST($3 AS BIGINT) ELSE cancel_at_ms END
  WHERE id = $1 AND claim = $2 AND state >= 2 RETURNING id`
const report = 'UPDATE fb_jobs SET progress = $3 WHERE id = $1 AND claim = $2 AND state >= 2 RETURNING id'

/**
 * Ends jobs, with the next one of each lane let go. Those that are not held under their claim any more are left as they are:
 * `lockClaims` says before which.
 */
export async function endJobs(ledger: Sql, ends: readonly JobEnd[], instance: string): Promise<void> {
  const ended = new Map<string, number>()
  for (const { claim, rows } of byClaim(ends.map(({ job }) => job)))
    for (const { id } of await queryWide<{ id: string }>(ledger, remove, { fixed: [claim], rows })) ended.set(id, claim)
  const kept = ended.size === ends.length ? ends : ends.filter(({ job }) => ended.get(job.id) === job.claim)
  await recordEnds(ledger, kept, instance)
}

/** When the next attempt is, and what there was before. */
interface NextAttempt {
  readonly dueAtMs: number
  readonly attempts: readonly Attempt[]
  readonly firstFailedAtMs: number | null
}

/** Puts a job off; its lane waits for it. False: fenced. */
export async function retryJob(ledger: Sql, { id, claim }: JobClaim, next: NextAttempt): Promise<boolean> {
  const values = [id, claim, next.dueAtMs, JSON.stringify(next.attempts), next.firstFailedAtMs]
  return (await ledger.query(retry, values)).length > 0
}

/** Anybody may have them at once, and no attempt is counted. */
export async function handBack(ledger: Sql, claims: readonly JobClaim[]): Promise<void> {
  for (const { claim, rows } of byClaim(claims)) await queryWide(ledger, giveBack, { fixed: [claim], rows })
}

/** False: fenced. */
export async function writeProgress(ledger: Sql, { id, claim }: JobClaim, progress: string): Promise<boolean> {
  return (await ledger.query(report, [id, claim, progress])).length > 0
}

function byClaim(claims: readonly JobClaim[]): readonly { readonly claim: number; readonly rows: string[][] }[] {
  return [...Map.groupBy(claims, ({ claim }) => claim)].map(([claim, jobs]) => ({
    claim,
    rows: jobs.map(({ id }) => [id]).sort(),
  }))
}
