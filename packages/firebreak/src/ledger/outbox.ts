import type { Database, Sql, SqlRow, SqlValue } from '../contracts/database.ts'
import type { LogRecord } from '../contracts/log.ts'
import { partitionOfKey } from '../contracts/partitioner.ts'
import { checkSeals, keptColumns, keptRecord, outboxSeal, sealOf } from './kept.ts'

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

interface Row extends SqlRow {
  readonly seq: number
  readonly topic: string
}

const advance = `UPDATE fb_meta SET value = CAST(CAST(value AS BIGINT) + CAST($1 AS BIGINT) AS TEXT)
  WHERE name = 'outbox-seq' RETURNING value`
const insert = `INSERT INTO fb_outbox (shard, seq, topic, msg_key, headers, value, original, seal, at_ms)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`
const select = `SELECT shard, seq, topic, msg_key, headers, value, original, seal FROM fb_outbox WHERE shard = $1 AND seq > $2 ORDER BY shard, seq LIMIT $3`
const remove = 'DELETE FROM fb_outbox WHERE shard = $1 AND seq = $2'
const count = 'SELECT COUNT(*) AS n FROM (SELECT 1 AS one FROM fb_outbox LIMIT $1) AS waiting'

/** Where the events of a key wait; those without a key, which nothing orders, are spread by their number. */
export const shardOf = (key: string | null, seq: number): number =>
  key === null ? seq % outboxShards : partitionOfKey(key, outboxShards)

/**
 * Numbers and stores the events of units of work.
 *
 * One counter for all instances, moved inside the writing transaction: a number is given once, in commit order, without a
 * hole between the rows of two commits. So an instance that holds consecutive numbers holds all rows, a reader that has seen number
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

async function insertOutbox(sql: Sql, rows: readonly OutboxRow[], nowMs: number): Promise<void> {
  await sql.batch(
    insert,
    rows.map((row) => [...sealedValues(row), nowMs]),
  )
}

function sealedValues({ shard, seq, record }: OutboxRow): SqlValue[] {
  const values = [shard, seq, record.topic, ...keptColumns(record)]
  return [...values, sealOf(values)]
}

/** Events of a shard after `afterSeq` that wait for the log, in order. */
export async function readOutbox(
  database: Database,
  shard: number,
  afterSeq: number,
  max: number,
): Promise<readonly OutboxRow[]> {
  const rows = await database.query<Row>(select, [shard, afterSeq, max])
  return checkSeals(outboxSeal, rows, database.capabilities).map((row) => {
    return { seq: row.seq, shard, record: { topic: row.topic, ...keptRecord(row) } }
  })
}

export async function removeFromOutbox(sql: Sql, rows: readonly OutboxPlace[]): Promise<void> {
  await sql.batch(
    remove,
    rows.map(({ shard, seq }) => [shard, seq]),
  )
}

/** Events that wait, counted up to `max`: a backlog must not make the count slow as well. */
export async function countOutbox(database: Database, max: number): Promise<number> {
  const [row] = await database.query<{ n: number }>(count, [max])
  return row?.n ?? 0
}

const replace =
  'UPDATE fb_outbox SET msg_key = $4, headers = $5, value = $6, original = $7, seal = $8 WHERE shard = $1 AND seq = $2 AND topic = $3'

/** Where a row is. */
export interface OutboxPlace {
  readonly shard: number
  readonly seq: number
}

/** Another event in the place of this one, of the same topic. */
export async function changeOutbox(sql: Sql, row: OutboxRow): Promise<void> {
  await sql.query(replace, sealedValues(row))
}
