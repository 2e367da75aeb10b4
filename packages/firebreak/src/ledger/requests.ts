import type { Sql, SqlRow } from '../contracts/database.ts'

/**
 * Requests over HTTP that were accepted, each with the job that it became: `fb_requests`. A row is written in the commit of its
 * job, so a request that was accepted is never half-done.
 *
 * I1 One row for each scope and key; of several requests at once one is in, and the others see it.
 * I2 A row is there for a day at least, and for a day after its job has ended and that end is no longer kept.
 */
export interface RequestRecord {
  /** Whose it is. */
  readonly scope: string
  readonly key: string
  /** What it was, to tell a repetition from another request. */
  readonly fingerprint: string
  readonly jobId: string
  /** The body of its answer. */
  readonly answer: string
}

const dayMs = 86_400_000

const insert = `INSERT INTO fb_requests (scope, key, fingerprint, job_id, answer, at_ms, expires_at_ms)
  VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (scope, key) DO NOTHING RETURNING job_id`
const byKey = 'SELECT fingerprint, job_id, answer FROM fb_requests WHERE scope = $1 AND key = $2'
const byJob = 'SELECT scope FROM fb_requests WHERE job_id = $1 AND scope = $2 LIMIT 1'
const ofOthers = 'SELECT scope FROM fb_requests WHERE job_id = $1 AND scope <> $2 LIMIT 1'
const over = `SELECT scope, key, at_ms,
    (SELECT 1 FROM fb_jobs WHERE fb_jobs.id = fb_requests.job_id) AS lives,
    (SELECT fb_job_ends.expires_at_ms FROM fb_job_ends WHERE fb_job_ends.id = fb_requests.job_id) AS end_expires_at_ms
  FROM fb_requests WHERE expires_at_ms <= $1 ORDER BY expires_at_ms LIMIT $2 /* FOR UPDATE SKIP LOCKED */`
const keep = 'UPDATE fb_requests SET at_ms = $3, expires_at_ms = $4 WHERE scope = $1 AND key = $2'
const forget = 'DELETE FROM fb_requests WHERE scope = $1 AND key = $2'

/** False: there is one of this key already, and nothing was written. Waits for one that is just being committed. */
export async function insertRequest(ledger: Sql, record: RequestRecord, nowMs: number): Promise<boolean> {
  const { scope, key, fingerprint, jobId, answer } = record
  return (await ledger.query(insert, [scope, key, fingerprint, jobId, answer, nowMs, nowMs + dayMs])).length > 0
}

export async function findRequest(
  sql: Pick<Sql, 'query'>,
  scope: string,
  key: string,
): Promise<RequestRecord | undefined> {
  const [row] = await sql.query<SqlRow>(byKey, [scope, key])
  if (row === undefined) return undefined
  const { fingerprint, job_id, answer } = row
  return { scope, key, fingerprint: String(fingerprint), jobId: String(job_id), answer: String(answer) }
}

/** Whether a request of this scope became this job, or joined it. */
export async function isOfScope(sql: Pick<Sql, 'query'>, jobId: string, scope: string): Promise<boolean> {
  return (await sql.query(byJob, [jobId, scope])).length > 0
}

/** Whether requests of other scopes have joined this job. */
export async function isSharedWithOthers(sql: Pick<Sql, 'query'>, jobId: string, scope: string): Promise<boolean> {
  return (await sql.query(ofOthers, [jobId, scope])).length > 0
}

/**
 * Looks at `max` of those whose time is over, at most, and forgets them unless their jobs live or ended lately. Resolves to how
 * many it has looked at.
 */
export async function forgetRequests(ledger: Sql, nowMs: number, max: number): Promise<number> {
  const rows = await ledger.query<SqlRow>(over, [nowMs, max])
  const dated = rows.map((row) => ({ of: [String(row['scope']), String(row['key'])], ...datesOf(row, nowMs) }))
  const kept = dated.filter(({ expiresAtMs }) => expiresAtMs > nowMs)
  const gone = dated.filter(({ expiresAtMs }) => expiresAtMs <= nowMs)
  const changes = kept.map(({ of, atMs, expiresAtMs }) => [...of, atMs, expiresAtMs])
  if (kept.length > 0) await ledger.batch(keep, changes)
  if (gone.length > 0)
    await ledger.batch(
      forget,
      gone.map(({ of }) => of),
    )
  return rows.length
}

/** `atMs`: when its job was last known to live. */
function datesOf(row: SqlRow, nowMs: number): { readonly atMs: number; readonly expiresAtMs: number } {
  const [atMs, endExpiresAtMs] = [Number(row['at_ms']), row['end_expires_at_ms']]
  if (row['lives'] !== null) return { atMs: nowMs, expiresAtMs: nowMs + dayMs }
  if (endExpiresAtMs !== null) return { atMs, expiresAtMs: Number(endExpiresAtMs) + dayMs }
  // It ended within the day that followed, and nothing says when.
  return { atMs, expiresAtMs: atMs + 2 * dayMs }
}
