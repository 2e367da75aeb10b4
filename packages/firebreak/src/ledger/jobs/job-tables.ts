import type { DatabaseCapabilities, Sql } from '../../contracts/database.ts'

/**
 * The tables of jobs. What lives is in `fb_jobs`, in one of four states: 0 ready, at once or from its date on; 1 blocked
 * behind another one of its lane; 2 running; 3 running, and to be cancelled. What has ended is in `fb_job_ends`.
 *
 * I1 A row has a holder when its state is 2 or 3, and only then.
 * I2 Of a lane at most one row is not blocked, its head: an index sees to it. A row is blocked only behind a head.
 * I3 Per type: enqueued = rows + done + failed + cancelled + expired + discarded, in every commit.
 */
export async function addJobs(sql: Sql, { dialect }: Pick<DatabaseCapabilities, 'dialect'>): Promise<void> {
  const isPostgres = dialect === 'postgres'
  // Compared byte by byte, as JavaScript does.
  const id = isPostgres ? 'TEXT COLLATE "C"' : 'TEXT'
  const [clustered, double] = isPostgres ? ['', 'DOUBLE PRECISION'] : [' WITHOUT ROWID', 'REAL']
  // Room on a page lets changes that no index sees stay there. Rows are claimed and deleted soon, so what they leave behind
  // must go at once: the claim would have to read over it.
  const churning = isPostgres
    ? ' WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = false)'
    : clustered
  await sql.query(`CREATE TABLE fb_jobs (
    id ${id} PRIMARY KEY, type ${id} NOT NULL, prio BIGINT NOT NULL, state BIGINT NOT NULL, due_at_ms BIGINT NOT NULL,
    lane ${id}, unique_key ${id}, input TEXT NOT NULL, headers TEXT NOT NULL,
    holder ${id}, claim BIGINT NOT NULL DEFAULT 0,
    attempts TEXT NOT NULL DEFAULT '[]', first_failed_at_ms BIGINT, suspects BIGINT NOT NULL DEFAULT 0,
    enqueued_at_ms BIGINT NOT NULL, deadline_at_ms BIGINT, cancel_at_ms BIGINT, decision TEXT, progress TEXT, letter_id ${id})${churning}`)
  if (isPostgres) await takePages(sql)
  await sql.query('CREATE INDEX fb_jobs_ready ON fb_jobs (type, prio, due_at_ms, id) WHERE state = 0')
  await sql.query('CREATE UNIQUE INDEX fb_jobs_unique ON fb_jobs (type, unique_key) WHERE unique_key IS NOT NULL')
  await sql.query('CREATE UNIQUE INDEX fb_jobs_head ON fb_jobs (type, lane) WHERE lane IS NOT NULL AND state <> 1')
  await sql.query('CREATE INDEX fb_jobs_followers ON fb_jobs (type, lane, id) WHERE state = 1')
  await sql.query('CREATE INDEX fb_jobs_suspected ON fb_jobs (due_at_ms) WHERE suspects > 0')
  await sql.query('CREATE INDEX fb_jobs_held ON fb_jobs (holder, type) WHERE holder IS NOT NULL')
  await sql.query(`CREATE TABLE fb_job_ends (
    id ${id} PRIMARY KEY, type ${id} NOT NULL, how TEXT NOT NULL, result TEXT, error TEXT, attempts BIGINT NOT NULL,
    enqueued_at_ms BIGINT NOT NULL, ended_at_ms BIGINT NOT NULL, expires_at_ms BIGINT NOT NULL, letter_id ${id})${clustered}`)
  await sql.query('CREATE INDEX fb_job_ends_expired ON fb_job_ends (expires_at_ms)')
  await sql.query(`CREATE TABLE fb_job_uniques (
    type ${id} NOT NULL, unique_key ${id} NOT NULL, job_id ${id} NOT NULL, until_ms BIGINT NOT NULL,
    PRIMARY KEY (type, unique_key))${clustered}`)
  await sql.query('CREATE INDEX fb_job_uniques_over ON fb_job_uniques (until_ms)')
  await sql.query(`CREATE TABLE fb_job_limits (type ${id} PRIMARY KEY, tat_ms ${double} NOT NULL)`)
  await sql.query(`CREATE TABLE fb_job_accounts (
    type ${id} NOT NULL, instance ${id} NOT NULL,
    enqueued BIGINT NOT NULL, joined BIGINT NOT NULL, done BIGINT NOT NULL, failed BIGINT NOT NULL,
    cancelled BIGINT NOT NULL, expired BIGINT NOT NULL, discarded BIGINT NOT NULL, PRIMARY KEY (type, instance))`)
  await sql.query(`CREATE TABLE fb_requests (
    scope ${id} NOT NULL, key ${id} NOT NULL, fingerprint TEXT NOT NULL, job_id ${id} NOT NULL, answer TEXT NOT NULL,
    at_ms BIGINT NOT NULL, expires_at_ms BIGINT NOT NULL, PRIMARY KEY (scope, key))${clustered}`)
  await sql.query('CREATE INDEX fb_requests_job ON fb_requests (job_id)')
  await sql.query('CREATE INDEX fb_requests_expired ON fb_requests (expires_at_ms)')
  await sql.query(`CREATE TABLE fb_schedules (
    name ${id} PRIMARY KEY, spec TEXT NOT NULL, slot_at_ms BIGINT NOT NULL, next_at_ms BIGINT NOT NULL, last_slot_ms BIGINT,
    paused BIGINT NOT NULL DEFAULT 0, changed_at_ms BIGINT, changed_by TEXT, note TEXT)`)
}

/**
 * A table of a few pages is read as a whole, and that plan is kept while it fills, for up to a minute. It never has so few: its
 * pages are not given back.
 */
async function takePages(sql: Sql): Promise<void> {
  await sql.query(`INSERT INTO fb_jobs (id, type, prio, state, due_at_ms, input, headers, enqueued_at_ms)
    SELECT 'page ' || n, '', 0, 1, 0, repeat('x', 1500), '{}', 0 FROM generate_series(1, 60) AS n`)
  await sql.query('DELETE FROM fb_jobs')
}
