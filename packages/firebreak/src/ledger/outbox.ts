import type { Database, Sql } from '../contracts/database.ts'
import type { LogRecord } from '../contracts/log.ts'

/** An event that is committed and not yet known to be in the log. */
export interface OutboxRow {
  /** Ascending in commit order of one service: the order in which a key's events leave. */
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

const insert = 'INSERT INTO fb_outbox (topic, msg_key, headers, value, at_ms) VALUES ($1, $2, $3, $4, $5) RETURNING seq'
const select = 'SELECT seq, topic, msg_key, headers, value FROM fb_outbox WHERE seq > $1 ORDER BY seq LIMIT $2'
const remove = 'DELETE FROM fb_outbox WHERE seq = $1'

export async function addToOutbox(
  sql: Sql,
  records: readonly LogRecord[],
  nowMs: number,
): Promise<readonly OutboxRow[]> {
  const rows = await sql.batch<{ seq: number }>(
    insert,
    records.map((r) => [r.topic, r.key, JSON.stringify(r.headers), r.value, nowMs]),
  )
  return records.map((record, i) => ({ seq: rows[i]?.seq ?? 0, record }))
}

export async function readOutbox(database: Database, afterSeq: number, max: number): Promise<readonly OutboxRow[]> {
  const rows = await database.query<Row>(select, [afterSeq, max])
  return rows.map((row) => ({
    seq: row.seq,
    record: {
      topic: row.topic,
      key: row.msg_key,
      value: row.value,
      headers: JSON.parse(row.headers) as Record<string, string>,
    },
  }))
}

export async function removeFromOutbox(sql: Sql, seqs: readonly number[]): Promise<void> {
  await sql.batch(
    remove,
    seqs.map((seq) => [seq]),
  )
}

export async function countOutbox(database: Database): Promise<number> {
  const [row] = await database.query<{ n: number }>('SELECT COUNT(*) AS n FROM fb_outbox')
  return row?.n ?? 0
}
