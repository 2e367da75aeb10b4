import type { Database, DatabaseCapabilities, Sql, SqlValue } from '../contracts/database.ts'

/**
 * How the inbox is stored. SQLite: one tree of ids, cleared by walking it. PostgreSQL: one partition per day of the ids'
 * own time, because a dropped table leaves nothing behind to vacuum; ids that carry no time, or that of a day without a
 * partition, go to `fb_inbox_other`, which is walked.
 */
export interface InboxTables {
  /** Adds marks, numbered from `first` on; `rows` makes its parameters. */
  readonly insert: string
  rows(ids: readonly string[], atMs: number, first: number): readonly (readonly SqlValue[])[]
  /** Asks for `lookupWidth` ids at most; `among` makes its parameters. */
  readonly lookup: string
  among(ids: readonly string[]): readonly SqlValue[]
  /** The table that is cleared by walking. */
  readonly walked: string
}

const dayMs = 86_400_000
// A lock on the whole inbox stops every commit behind it, also while it is waited for: not long, and again in an hour.
const lockWaitMs = 200
// Made ahead, so that a service that runs through midnight has its table; a week covers one that nobody looks at.
const daysAhead = 7

/** Ids of one look: a statement of fixed width, so that it is prepared once. */
export const lookupWidth = 64
const places = Array.from({ length: lookupWidth }, (_, i) => `$${i + 1}`).join(', ')
const lookup = `SELECT event_id FROM fb_inbox WHERE event_id IN (${places})`
const filled = (ids: readonly string[]): SqlValue[] => Array.from({ length: lookupWidth }, (_, i) => ids[i] ?? null)

const sqlite: InboxTables = {
  // All ids in one statement: running it once per id cost a third more. Text is stored as JSON has it, so the ids must be
  // what they are when they are bound one by one.
  insert: `INSERT INTO fb_inbox (event_id, at_ms, mark) SELECT value, $2, $3 + key FROM json_each($1) WHERE true
    ON CONFLICT (event_id) DO NOTHING`,
  rows: (ids, atMs, first) => [[JSON.stringify(ids.map((id) => id.toWellFormed())), atMs, first]],
  lookup,
  among: filled,
  walked: 'fb_inbox',
}

const postgres: InboxTables = {
  insert: 'INSERT INTO fb_inbox (event_id, at_ms, mark, day) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING',
  rows: (ids, atMs, first) => ids.map((id, i) => [id, atMs, first + i, dayOf(id)]),
  // With the days the server leaves out the partitions of all others.
  lookup: `${lookup} AND day BETWEEN $${lookupWidth + 1} AND $${lookupWidth + 2}`,
  among(ids) {
    const days = ids.map(dayOf)
    return [...filled(ids), Math.min(...days), Math.max(...days)]
  },
  walked: 'fb_inbox_other',
}

export const inboxTables = ({ dialect }: Pick<DatabaseCapabilities, 'dialect'>): InboxTables =>
  dialect === 'postgres' ? postgres : sqlite

/** The day in which an id was made, by the id alone, so that a copy of it finds the same place; 0 where it does not say. */
export function dayOf(id: string): number {
  // UUID version 7: 48 bits of milliseconds, and a 7 in its place.
  if (id.length !== 36 || id[14] !== '7') return 0
  const atMs = Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
  return Number.isNaN(atMs) ? 0 : Math.floor(atMs / dayMs)
}

export async function createInbox(sql: Sql, { dialect }: Pick<DatabaseCapabilities, 'dialect'>): Promise<void> {
  if (dialect === 'sqlite') {
    // The inbox is its primary key and little else: storing it inside the key's tree halves its size and its writes.
    await sql.query(
      'CREATE TABLE fb_inbox (event_id TEXT PRIMARY KEY, at_ms BIGINT NOT NULL, mark BIGINT NOT NULL) WITHOUT ROWID',
    )
    return
  }
  await sql.query(`CREATE TABLE fb_inbox (
    event_id TEXT COLLATE "C" NOT NULL, day BIGINT NOT NULL, at_ms BIGINT NOT NULL, mark BIGINT NOT NULL,
    PRIMARY KEY (event_id, day)) PARTITION BY RANGE (day)`)
  await sql.query('CREATE TABLE fb_inbox_other PARTITION OF fb_inbox DEFAULT')
}

/** Whether a day has young marks is asked under a lock: an index of a few pages, for rows that lie in order of time anyway. */
export async function indexMarks(sql: Sql, { dialect }: Pick<DatabaseCapabilities, 'dialect'>): Promise<void> {
  if (dialect === 'postgres') await sql.query('CREATE INDEX fb_inbox_at ON fb_inbox USING brin (at_ms)')
}

/**
 * Makes the tables of today and the next days that are missing. Asked for at every start, so that the first mark of a day
 * finds its table, and now and then afterwards; safe beside other instances. **Errors** that of the last day that could not
 * be made, when the others have been.
 */
export async function makeDays(database: Database, nowMs: number): Promise<void> {
  if (database.capabilities.dialect !== 'postgres') return
  const existing = new Set(await days(database))
  const today = Math.floor(nowMs / dayMs)
  let failure: { readonly error: unknown } | undefined
  for (let day = today - 1; day <= today + daysAhead; day++) {
    if (existing.has(day)) continue
    const table = `fb_inbox_${day} PARTITION OF fb_inbox FOR VALUES FROM (${day}) TO (${day + 1})`
    try {
      await locking(database, (sql) => sql.query(`CREATE TABLE IF NOT EXISTS ${table}`))
    } catch (error) {
      if (!isSettled(error)) failure = { error }
    }
  }
  if (failure !== undefined) throw failure.error
}

/** Drops the days whose marks are all beyond the window. Safe beside other instances. */
export async function dropDays(database: Database, nowMs: number, windowMs: number): Promise<void> {
  if (database.capabilities.dialect !== 'postgres') return
  const oldest = Math.floor((nowMs - windowMs) / dayMs)
  for (const day of await days(database)) {
    if (day >= oldest) continue
    const table = `fb_inbox_${day}`
    // An old event may have been handled late, and is remembered from then on.
    const young = `SELECT 1 AS one FROM ${table} WHERE at_ms >= $1 LIMIT 1`
    if ((await database.query(young, [nowMs - windowMs])).length > 0) continue
    // Before the lock: nobody waits meanwhile, and what is added from here on is young.
    const [held] = await database.query<{ n: number }>(`SELECT COUNT(*) AS n FROM ${table}`)
    await locking(database, async (sql) => {
      await sql.query(`LOCK TABLE ONLY fb_inbox, ${table} IN ACCESS EXCLUSIVE MODE`)
      // Asked again: the mark of such an event may have been on its way until the lock was had.
      if ((await sql.query(young, [nowMs - windowMs])).length > 0) return
      await sql.query(`DROP TABLE ${table}`)
      await countForgotten(sql, held?.n ?? 0)
    })
  }
}

/** Where the ledger counts the marks that it has forgotten: with those that are left, as many as events are done. */
export const forgottenMarks = 'inbox-forgotten'

export async function countForgotten(sql: Sql, marks: number): Promise<void> {
  if (marks > 0) await sql.query(addForgotten, [marks, forgottenMarks])
}

const addForgotten = `UPDATE fb_meta SET value = CAST(CAST(value AS BIGINT) + CAST($1 AS BIGINT) AS TEXT) WHERE name = $2`

async function locking(database: Database, run: (sql: Sql) => Promise<unknown>): Promise<void> {
  const [verdict] = await database.commit([
    async (sql) => {
      await sql.query("SELECT set_config('lock_timeout', $1, true)", [String(lockWaitMs)])
      await run(sql)
    },
  ])
  if (verdict?.ok === false) throw verdict.error
}

// Somebody else has made it meanwhile; or the day has marks among the walked ones already, and stays there.
const settled: ReadonlySet<unknown> = new Set(['42P07', '23505', '23514'])
const isSettled = (error: unknown): boolean => settled.has((error as { readonly code?: unknown } | null)?.code)

async function days(database: Database): Promise<readonly number[]> {
  const tables = await database.query<{ name: string }>(listDays, [database.capabilities.schema ?? 'public'])
  return tables.map(({ name }) => Number(name.slice('fb_inbox_'.length)))
}

const listDays = `SELECT tablename AS name FROM pg_tables
  WHERE schemaname = $1 AND tablename ~ '^fb_inbox_[0-9]+$' ORDER BY tablename`
