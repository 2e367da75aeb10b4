import type { Sql } from '../../contracts/database.ts'
import { countByType } from './job-accounts.ts'
import { type JobEnd, keptText } from './job-rows.ts'
import { queryWide, wideStatement } from './wide-statement.ts'

const insert = `INSERT INTO fb_job_ends (id, type, how, result, error, attempts, enqueued_at_ms, ended_at_ms, expires_at_ms, letter_id)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`
// The first one that is blocked, lane by lane: one look into the index each. Where it is just being cancelled, this waits for
// that, and takes the next one.
const letGo = wideStatement({ fixed: 0, columns: 2 }, (list) => {
  return `UPDATE fb_jobs SET state = 0 WHERE id IN (SELECT (
      SELECT id FROM fb_jobs AS follower WHERE follower.type = listed.column1 AND follower.lane = listed.column2 AND follower.state = 1
      ORDER BY follower.id LIMIT 1 /* FOR UPDATE */)
    FROM ${list})`
})
const forgetEnd = `WITH expired AS MATERIALIZED (
    SELECT id FROM fb_job_ends WHERE expires_at_ms <= $1 ORDER BY expires_at_ms LIMIT $2 /* FOR UPDATE SKIP LOCKED */)
  DELETE FROM fb_job_ends WHERE id IN (SELECT id FROM expired) RETURNING id`
const forgetUnique = `WITH expired AS MATERIALIZED (
    SELECT type, unique_key FROM fb_job_uniques WHERE until_ms <= $1 ORDER BY until_ms LIMIT $2 /* FOR UPDATE SKIP LOCKED */)
  DELETE FROM fb_job_uniques WHERE (type, unique_key) IN (SELECT type, unique_key FROM expired) AND until_ms <= $1 RETURNING type`

/** Of heads whose rows have just been removed: what is kept of them, the accounts, and the next of each lane. */
export async function recordEnds(ledger: Sql, ends: readonly JobEnd[], instance: string): Promise<void> {
  if (ends.length === 0) return
  const kept = ends.filter(({ keepMs }) => keepMs > 0).map(valuesOf)
  if (kept.length > 0) await ledger.batch(insert, kept)
  const lanes = ends.flatMap(({ job }) => (job.lane === null ? [] : [[job.type, job.lane]]))
  await queryWide(ledger, letGo, { fixed: [], rows: lanes.sort() })
  // Last of all: nothing is waited for with the accounts locked.
  await countByType(
    ledger,
    instance,
    ends.map(({ job, how }) => [job.type, how]),
  )
}

function valuesOf({ job, how, result, error, letterId, keepMs, endedAtMs }: JobEnd): (string | number | null)[] {
  const dates = [job.enqueuedAtMs, endedAtMs, endedAtMs + keepMs]
  return [job.id, job.type, how, keptText(result), keptText(error), job.attempts.length, ...dates, letterId]
}

/** Forgets at most `max` ends whose time is over, and as many unique keys. Resolves to how many of both it were. */
export async function forgetEnds(ledger: Sql, nowMs: number, max: number): Promise<number> {
  const ends = await ledger.query(forgetEnd, [nowMs, max])
  const uniques = await ledger.query(forgetUnique, [nowMs, max])
  return ends.length + uniques.length
}
