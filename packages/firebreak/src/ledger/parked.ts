import type { Database, Sql } from '../contracts/database.ts'
import type { Attempt } from '../contracts/disposition.ts'
import type { LogEntry, Partition } from '../contracts/log.ts'
import { storable } from './storable.ts'

/** A record that waits in the database, at the head of its lane or behind it. */
export interface ParkedRow {
  readonly entry: LogEntry
  readonly lane: string
  /** Null: waits for what is before it in its lane, or for a person. */
  readonly dueAtMs: number | null
  readonly attempts: readonly Attempt[]
  readonly firstFailedAtMs: number | null
  /** The dead letter that this is a replay of. */
  readonly letterId: string | null
}

/** What the scheduler keeps in memory of a parked lane. */
export interface ParkedLane {
  readonly lane: string
  readonly count: number
  readonly headDueAtMs: number | null
}

interface Row {
  readonly topic: string
  readonly part: number
  readonly position: number
  readonly lane: string
  readonly msg_key: string | null
  readonly headers: string
  readonly value: Uint8Array | null
  readonly log_at_ms: number
  readonly due_at_ms: number | null
  readonly attempts: string
  readonly first_failed_at_ms: number | null
  readonly letter_id: string | null
}

const insert = `INSERT INTO fb_parked (topic, part, position, lane, msg_key, headers, value, log_at_ms, due_at_ms, attempts, first_failed_at_ms, letter_id)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`
const reschedule = `UPDATE fb_parked SET due_at_ms = $4, attempts = $5, first_failed_at_ms = $6
  WHERE topic = $1 AND part = $2 AND position = $3`
const remove = 'DELETE FROM fb_parked WHERE topic = $1 AND part = $2 AND position = $3'
const head = `SELECT * FROM fb_parked WHERE topic = $1 AND part = $2 AND lane = $3 ORDER BY position LIMIT $4`
const lanes = 'SELECT lane, due_at_ms FROM fb_parked WHERE topic = $1 AND part = $2 ORDER BY position'

export async function park(sql: Sql, row: ParkedRow): Promise<void> {
  const { entry } = row
  const where = [entry.topic, entry.partition, entry.offset, row.lane, storable(entry.key)]
  const body = [JSON.stringify(entry.headers), entry.value, entry.atMs]
  const plan = [row.dueAtMs, JSON.stringify(row.attempts), row.firstFailedAtMs, row.letterId]
  await sql.query(insert, [...where, ...body, ...plan])
}

export async function repark(sql: Sql, row: ParkedRow): Promise<void> {
  const { entry } = row
  const plan = [row.dueAtMs, JSON.stringify(row.attempts), row.firstFailedAtMs]
  await sql.query(reschedule, [entry.topic, entry.partition, entry.offset, ...plan])
}

export async function unpark(sql: Sql, entry: { topic: string; partition: number; offset: number }): Promise<void> {
  await sql.query(remove, [entry.topic, entry.partition, entry.offset])
}

/** The first `max` records of a lane, in the order in which they must be handled. */
export async function readLane(
  database: Database,
  at: Partition,
  lane: string,
  max: number,
): Promise<readonly ParkedRow[]> {
  return (await database.query<Row>(head, [at.topic, at.partition, lane, max])).map(parkedOf)
}

/** All parked lanes of a partition, without their payloads. */
export async function readLanes(database: Database, at: Partition): Promise<readonly ParkedLane[]> {
  const rows = await database.query<{ lane: string; due_at_ms: number | null }>(lanes, [at.topic, at.partition])
  const byLane = new Map<string, { lane: string; count: number; headDueAtMs: number | null }>()
  for (const row of rows) {
    const known = byLane.get(row.lane)
    if (known) known.count++
    else
      byLane.set(row.lane, {
        lane: row.lane,
        count: 1,
        headDueAtMs: row.due_at_ms,
      })
  }
  return [...byLane.values()]
}

function parkedOf(row: Row): ParkedRow {
  return {
    entry: {
      topic: row.topic,
      partition: row.part,
      offset: row.position,
      key: row.msg_key,
      value: row.value,
      headers: JSON.parse(row.headers) as Record<string, string>,
      atMs: row.log_at_ms,
    },
    lane: row.lane,
    dueAtMs: row.due_at_ms,
    attempts: JSON.parse(row.attempts) as Attempt[],
    firstFailedAtMs: row.first_failed_at_ms,
    letterId: row.letter_id,
  }
}
