import type { Database, Sql, SqlValue } from '../contracts/database.ts'

const mark =
  'INSERT INTO fb_inbox (event_id, at_ms) VALUES ($1, $2) ON CONFLICT (event_id) DO NOTHING RETURNING event_id'
const lookupWidth = 64
const lookup = `SELECT event_id FROM fb_inbox WHERE event_id IN (${Array.from({ length: lookupWidth }, (_, i) => `$${i + 1}`).join(', ')})`

/** Marks events as handled; returns those that nobody had marked before. */
export async function markHandled(sql: Sql, ids: readonly string[], nowMs: number): Promise<readonly string[]> {
  const rows = await sql.batch<{ event_id: string }>(
    mark,
    ids.map((id) => [id, nowMs]),
  )
  return rows.map((row) => row.event_id)
}

/** Which of these events have been handled. A statement of fixed width, so that it is prepared once. */
export async function findHandled(database: Database, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const found = new Set<string>()
  for (let from = 0; from < ids.length; from += lookupWidth) {
    const params: SqlValue[] = ids.slice(from, from + lookupWidth)
    while (params.length < lookupWidth) params.push(null)
    for (const row of await database.query<{ event_id: string }>(lookup, params)) found.add(row.event_id)
  }
  return found
}

const walk = 'SELECT event_id, at_ms FROM fb_inbox WHERE event_id > $1 ORDER BY event_id LIMIT $2'
const forget = 'DELETE FROM fb_inbox WHERE event_id = $1'

/**
 * Forgets marks older than `beforeMs` among the `rowsMax` that follow `after` in id order, and returns where it stopped;
 * '' when it reached the end.
 *
 * A walk instead of an index on time: the index would cost a second write for each mark, the walk costs two reads.
 */
export async function sweepInbox(
  database: Database,
  after: string,
  beforeMs: number,
  rowsMax: number,
): Promise<string> {
  const rows = await database.query<{ event_id: string; at_ms: number }>(walk, [after, rowsMax])
  const old = rows.filter((row) => row.at_ms < beforeMs)
  if (old.length > 0) {
    await database.commit([
      async (sql) =>
        void (await sql.batch(
          forget,
          old.map((row) => [row.event_id]),
        )),
    ])
  }
  return rows.length < rowsMax ? '' : (rows.at(-1)?.event_id ?? '')
}
