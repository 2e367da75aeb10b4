import type { Sql, SqlRow } from '../../contracts/database.ts'
import { allowedStarts, type ClaimLimits } from './claim-limits.ts'
import { type ClaimedJob, claimedColumns, claimedJobOf, type JobClaim, numberOf, type Priority } from './job-rows.ts'
import { queryWide, wideStatement } from './wide-statement.ts'

/** What an instance wants to run. */
export interface ClaimWish extends ClaimLimits {
  readonly holder: string
  readonly max: number
  /** Whether a job may come that was with a holder when it died: it comes alone, and nothing runs beside it. */
  readonly withSuspects: boolean
  /** After so long a job starts before those of the next higher priority that have just come. */
  readonly prioAgeMs: number
}

const priorities: readonly Priority[] = [0, 1, 2]
// In the order of the index and no further than asked: what is not due, or blocked, is not read.
const dueOf = (priority: Priority, also: string): string => `SELECT * FROM (
    SELECT id, suspects, due_at_ms + ${priority} * CAST($4 AS BIGINT) AS turn FROM fb_jobs
    WHERE type = $1 AND prio = ${priority} AND state = 0 AND due_at_ms <= $2${also}
    ORDER BY due_at_ms, id LIMIT $3 /* FOR UPDATE SKIP LOCKED */) AS due${priority}`
// The pick is materialized, as it must not run twice: what it has locked, it would not find again.
const claimOf = (
  also: string,
): string => `WITH due AS MATERIALIZED (${priorities.map((priority) => dueOf(priority, also)).join(' UNION ALL ')}),
  pick AS MATERIALIZED (SELECT id, suspects, ROW_NUMBER() OVER (ORDER BY turn, id) AS place FROM due ORDER BY turn, id LIMIT $3)
  UPDATE fb_jobs SET state = 2, holder = $5, claim = claim + 1 WHERE id IN (
    SELECT id FROM pick WHERE suspects = 0 AND NOT EXISTS (SELECT 1 FROM pick WHERE place = 1 AND suspects > 0)
    UNION ALL SELECT id FROM pick WHERE place = 1 AND suspects > 0)
  RETURNING ${claimedColumns}`
const claim = claimOf('')
const claimTrusted = claimOf(' AND suspects = 0')
const suspected = 'SELECT DISTINCT type FROM fb_jobs WHERE suspects > 0 AND state = 0 AND due_at_ms <= $1'
const lock = wideStatement({ fixed: 0, columns: 1 }, (list) => {
  return `SELECT id, claim FROM fb_jobs WHERE id IN (SELECT listed.column1 FROM ${list}) AND state >= 2 ORDER BY id /* FOR UPDATE */`
})
// One look into the index for each priority.
const nextDue = wideStatement({ fixed: 0, columns: 1 }, (list) => {
  const dates = priorities.map((priority) => {
    return `(SELECT due_at_ms FROM fb_jobs WHERE type = listed.column1 AND prio = ${priority} AND state = 0
      ORDER BY due_at_ms LIMIT 1) AS due${priority}`
  })
  return `SELECT listed.column1 AS type, ${dates.join(', ')} FROM ${list}`
})

/** By type, the date of the ready row that is due first, also when that has passed; types that have none are left out. */
export async function nextDueOf(
  sql: Pick<Sql, 'query'>,
  types: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const rows = types.map((type) => [type])
  const found = await queryWide(sql, nextDue, { fixed: [], rows })
  return new Map(
    found.flatMap((row) => {
      const dates = priorities.map((priority) => numberOf(row[`due${priority}`])).filter((date) => date !== null)
      return dates.length === 0 ? [] : [[String(row['type']), Math.min(...dates)]]
    }),
  )
}

/**
 * Takes due jobs, at most `max` and as many as the limits of the type leave, in the order in which they should start. One that
 * was with a holder when it died comes alone. One whose deadline has passed comes like others.
 *
 * **Guarantee** A job has one holder at most.
 */
export async function claimJobs(ledger: Sql, want: ClaimWish): Promise<readonly ClaimedJob[]> {
  const { type, nowMs, prioAgeMs, holder } = want
  const { max, started } = await allowedStarts(ledger, want.max, want)
  if (max <= 0) return []
  const rows = await ledger.query<SqlRow>(want.withSuspects ? claim : claimTrusted, [
    type,
    nowMs,
    max,
    prioAgeMs,
    holder,
  ])
  if (rows.length > 0) await started(ledger, rows.length)
  const turnOf = ({ dueAtMs, priority }: ClaimedJob): number => dueAtMs + priority * prioAgeMs
  return rows.map(claimedJobOf).sort((a, b) => turnOf(a) - turnOf(b) || (a.id < b.id ? -1 : 1))
}

/** Types of which a job is due that was with a holder when it died. */
export async function suspectTypes(sql: Pick<Sql, 'query'>, nowMs: number): Promise<readonly string[]> {
  return (await sql.query<{ type: string }>(suspected, [nowMs])).map(({ type }) => type)
}

/**
 * Those that are still held under their claim. They stay so until the transaction ends.
 *
 * In the order of ids, for everybody: two that lock the same rows cannot wait for each other.
 */
export async function lockClaims<C extends JobClaim>(ledger: Sql, claims: readonly C[]): Promise<ReadonlySet<C>> {
  const rows = [...new Set(claims.map(({ id }) => id))].sort().map((id) => [id])
  const found = await queryWide<{ id: string; claim: number }>(ledger, lock, { fixed: [], rows })
  const claimOf = new Map(found.map(({ id, claim }) => [id, claim]))
  // By claim, not by id: an older claim of a job may be among them beside the newer one.
  return new Set(claims.filter(({ id, claim }) => claimOf.get(id) === claim))
}
