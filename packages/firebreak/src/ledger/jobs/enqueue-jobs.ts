import type { Sql } from '../../contracts/database.ts'
import { insertJobs, insertUnlessJoinable, type Replay, triesMax } from './insert-jobs.ts'
import { countByType, countJobs } from './job-accounts.ts'
import { keptText, type NewJob } from './job-rows.ts'
import { queryWide, wideStatement } from './wide-statement.ts'

const joinable = 'SELECT id FROM fb_jobs WHERE type = $1 AND unique_key = $2'
const reserve = `INSERT INTO fb_job_uniques (type, unique_key, job_id, until_ms) VALUES ($1, $2, $3, $4)
  ON CONFLICT (type, unique_key) DO UPDATE SET job_id = excluded.job_id, until_ms = excluded.until_ms
  WHERE fb_job_uniques.until_ms <= $5 RETURNING job_id`
const reserved = 'SELECT job_id AS id FROM fb_job_uniques WHERE type = $1 AND unique_key = $2'
const forgetEnd = wideStatement(
  { fixed: 0, columns: 1 },
  (list) => `DELETE FROM fb_job_ends WHERE id IN (SELECT listed.column1 FROM ${list})`,
)

/**
 * Adds jobs, each under an id of its own. In a lane, those behind another one are blocked until it has ended.
 *
 * Their unique keys, where they have some, must be free: `enqueueUnique` asks.
 */
export async function enqueueJobs(ledger: Sql, jobs: readonly NewJob[], instance: string): Promise<void> {
  await insertJobs(ledger, jobs)
  await countByType(
    ledger,
    instance,
    jobs.map(({ type }) => [type, 'enqueued']),
  )
}

/**
 * Adds a job unless one with its unique key is there: one that has not ended (`live`), or one that was enqueued less than
 * `windowMs` ago. Resolves to the id of the one that is there from now on; the other one is joined.
 *
 * **Guarantee** Of several at once one is added and the others join it.
 */
export async function enqueueUnique(
  ledger: Sql,
  job: NewJob & { readonly uniqueKey: string },
  how: 'live' | { readonly windowMs: number },
  instance: string,
): Promise<{ readonly id: string; readonly joined: boolean }> {
  const there = how === 'live' ? await addUnlessLive(ledger, job) : await addOncePerWindow(ledger, job, how.windowMs)
  await countJobs(ledger, instance, job.type, there === undefined ? { enqueued: 1 } : { joined: 1 })
  return { id: there ?? job.id, joined: there !== undefined }
}

/** The id of the one that is there already. */
async function addUnlessLive(ledger: Sql, job: NewJob & { readonly uniqueKey: string }): Promise<string | undefined> {
  for (let tries = 1; tries < triesMax; tries++) {
    if (await insertUnlessJoinable(ledger, job)) return undefined
    const [there] = await ledger.query<{ id: string }>(joinable, [job.type, keptText(job.uniqueKey)])
    // It may have ended since, or its lane may have got a head.
    if (there !== undefined) return there.id
  }
  await insertJobs(ledger, [job])
  return undefined
}

async function addOncePerWindow(
  ledger: Sql,
  job: NewJob & { readonly uniqueKey: string },
  windowMs: number,
): Promise<string | undefined> {
  const { id, type, enqueuedAtMs } = job
  const key = keptText(job.uniqueKey)
  const isOurs = (await ledger.query(reserve, [type, key, id, enqueuedAtMs + windowMs, enqueuedAtMs])).length > 0
  if (!isOurs) return (await ledger.query<{ id: string }>(reserved, [type, key]))[0]?.id
  // That one has ended does not let the next one in.
  await insertJobs(ledger, [{ ...job, uniqueKey: null }])
  return undefined
}

/** Jobs that failed live again under their ids, and join nobody. */
export async function replayJobs(ledger: Sql, jobs: readonly Replay[], instance: string): Promise<void> {
  await queryWide(ledger, forgetEnd, { fixed: [], rows: jobs.map(({ id }) => [id]) })
  await insertJobs(
    ledger,
    jobs.map((job) => ({ ...job, uniqueKey: null })),
  )
  for (const [type, { length }] of [...Map.groupBy(jobs, (job) => job.type)].sort())
    await countJobs(ledger, instance, type, { failed: -length })
}
