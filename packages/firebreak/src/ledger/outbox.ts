import type { Database, Sql } from '../contracts/database.ts'
import type { LogRecord } from '../contracts/log.ts'

/** An event that is committed and not yet known to be in the log. */
export interface OutboxRow {
  /** Ascending in commit order: the order in which a key's events leave. */
  readonly seq: number
  readonly record: LogRecord
}

interface Row {
  readonly seq: number
  readonly topic: string
  readonly msg_key: string | null
  readonly headers: string
  readonly value: Uint8Array | null
}

const advance = `UPDATE fb_meta SET value = CAST(CAST(value AS BIGINT) + CAST($1 AS BIGINT) AS TEXT)
  WHERE name = 'outbox-seq' RETURNING value`
const insert = 'INSERT INTO fb_outbox (seq, topic, msg_key, headers, value, at_ms) VALUES ($1, $2, $3, $4, $5, $6)'
const select = 'SELECT seq, topic, msg_key, headers, value FROM fb_outbox WHERE seq > $1 ORDER BY seq LIMIT $2'
const remove = 'DELETE FROM fb_outbox WHERE seq = $1'

/**
 * Numbers and stores the events of units of work.
 *
 * One counter for all instances, moved inside the writing transaction: a number is given once, in commit order, without a
 * hole between the rows of two commits. So whoever holds consecutive numbers holds all rows, and a row that is removed late
 * is never somebody else's. Asking the database for a generated number of each row cost three times the insert.
 */
export async function addToOutbox(
  sql: Sql,
  records: readonly LogRecord[],
  nowMs: number,
): Promise<readonly OutboxRow[]> {
  const [counter] = await sql.query<{ value: string }>(advance, [records.length])
  const first = Number(counter?.value) - records.length + 1
  const rows = records.map((record, i) => ({ seq: first + i, record }))
  await sql.run(
    insert,
    rows.map(({ seq, record: r }) => [seq, r.topic, r.key, JSON.stringify(r.headers), r.value, nowMs]),
  )
  return rows
}

/** Events after `afterSeq` that wait for the log, in order. */
export async function readOutbox(database: Database, afterSeq: number, max: number): Promise<readonly OutboxRow[]> {
  const rows = await database.query<Row>(select, [afterSeq, max])
  return rows.map((row) => {
    const headers = JSON.parse(row.headers) as Record<string, string>
    return { seq: row.seq, record: { topic: row.topic, key: row.msg_key, value: row.value, headers } }
  })
}

export async function removeFromOutbox(sql: Sql, seqs: readonly number[]): Promise<void> {
  await sql.run(
    remove,
    seqs.map((seq) => [seq]),
  )
}

export async function countOutbox(database: Database): Promise<number> {
  const [row] = await database.query<{ n: number }>('SELECT COUNT(*) AS n FROM fb_outbox')
  return row?.n ?? 0
}
