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

const highest = 'SELECT MAX(seq) AS seq FROM fb_outbox'
const insert = 'INSERT INTO fb_outbox (seq, topic, msg_key, headers, value, at_ms) VALUES ($1, $2, $3, $4, $5, $6)'
const select = 'SELECT seq, topic, msg_key, headers, value FROM fb_outbox WHERE seq > $1 ORDER BY seq LIMIT $2'
const remove = 'DELETE FROM fb_outbox WHERE seq = $1'

/**
 * Numbers and stores the events of units of work.
 *
 * The number is above every row that is still there, read inside the writing transaction, and above every number given
 * here before: two instances on one database can reuse a number, but never one that stands for a row. Asking the database
 * for a generated number of each row cost three times the insert.
 */
export class Outbox {
  #last = 0

  async add(sql: Sql, records: readonly LogRecord[], nowMs: number): Promise<readonly OutboxRow[]> {
    const [top] = await sql.query<{ seq: number | null }>(highest)
    this.#last = Math.max(this.#last, top?.seq ?? 0)
    const rows = records.map((record) => ({ seq: ++this.#last, record }))
    await sql.run(
      insert,
      rows.map(({ seq, record: r }) => [seq, r.topic, r.key, JSON.stringify(r.headers), r.value, nowMs]),
    )
    return rows
  }
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
