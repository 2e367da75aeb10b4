import type { Database, Sql } from '../contracts/database.ts'
import type { LogRecord } from '../contracts/log.ts'
import { partitionOfKey } from '../contracts/partitioner.ts'

/** An event that is committed and not yet known to be in the log. */
export interface OutboxRow {
  /** Ascending in commit order: the order in which a key's events leave. */
  readonly seq: number
  /** Events of one key share it; each shard has one sender at a time. */
  readonly shard: number
  readonly record: LogRecord
}

/** Fixed for the life of a ledger: it decides where a key's events wait. */
export const outboxShards = 8

interface Row {
  readonly seq: number
  readonly topic: string
  readonly msg_key: string | null
  readonly headers: string
  readonly value: Uint8Array | null
}

const advance = `UPDATE fb_meta SET value = CAST(CAST(value AS BIGINT) + CAST($1 AS BIGINT) AS TEXT)
  WHERE name = 'outbox-seq' RETURNING value`
const insert = `INSERT INTO fb_outbox (shard, seq, topic, msg_key, headers, value, at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7)`
const select = `SELECT seq, topic, msg_key, headers, value FROM fb_outbox WHERE shard = $1 AND seq > $2 ORDER BY shard, seq LIMIT $3`
const remove = 'DELETE FROM fb_outbox WHERE shard = $1 AND seq = $2'
const count = 'SELECT COUNT(*) AS n FROM (SELECT 1 AS one FROM fb_outbox LIMIT $1) AS waiting'

/** Where the events of a key wait; those without a key, which nothing orders, are spread by their number. */
export const shardOf = (key: string | null, seq: number): number =>
  key === null ? seq % outboxShards : partitionOfKey(key, outboxShards)

/**
 * Numbers and stores the events of units of work.
 *
 * One counter for all instances, moved inside the writing transaction: a number is given once, in commit order, without a
 * hole between the rows of two commits. So whoever holds consecutive numbers holds all rows, a reader that has seen number
 * n has seen everything below it, and a row that is removed late is never somebody else's.
 */
export async function addToOutbox(
  sql: Sql,
  records: readonly LogRecord[],
  nowMs: number,
): Promise<readonly OutboxRow[]> {
  const [counter] = await sql.query<{ value: string }>(advance, [records.length])
  const first = Number(counter?.value) - records.length + 1
  const rows = records.map((record, i) => ({ seq: first + i, shard: shardOf(record.key, first + i), record }))
  await insertOutbox(sql, rows, nowMs)
  return rows
}

export async function insertOutbox(sql: Sql, rows: readonly OutboxRow[], nowMs: number): Promise<void> {
  await sql.run(
    insert,
    rows.map(({ seq, shard, record: r }) => [shard, seq, r.topic, r.key, JSON.stringify(r.headers), r.value, nowMs]),
  )
}

/** Events of a shard after `afterSeq` that wait for the log, in order. */
export async function readOutbox(
  database: Database,
  shard: number,
  afterSeq: number,
  max: number,
): Promise<readonly OutboxRow[]> {
  const rows = await database.query<Row>(select, [shard, afterSeq, max])
  return rows.map((row) => {
    const headers = JSON.parse(row.headers) as Record<string, string>
    return { seq: row.seq, shard, record: { topic: row.topic, key: row.msg_key, value: row.value, headers } }
  })
}

export async function removeFromOutbox(sql: Sql, rows: readonly OutboxPlace[]): Promise<void> {
  await sql.run(
    remove,
    rows.map(({ shard, seq }) => [shard, seq]),
  )
}

/** Events that wait, counted up to `max`: a backlog must not make the count slow as well. */
export async function countOutbox(database: Database, max: number): Promise<number> {
  const [row] = await database.query<{ n: number }>(count, [max])
  return row?.n ?? 0
}

const replace = 'UPDATE fb_outbox SET headers = $3, value = $4 WHERE shard = $1 AND seq = $2'

/** Where a row is. */
export interface OutboxPlace {
  readonly shard: number
  readonly seq: number
}

/** Another event in the place of this one. */
export async function changeOutbox(
  sql: Sql,
  { shard, seq }: OutboxPlace,
  { headers, value }: Pick<LogRecord, 'headers' | 'value'>,
): Promise<void> {
  await sql.query(replace, [shard, seq, JSON.stringify(headers), value])
}
