import type { Database, Sql, SqlRow, SqlValue } from '../contracts/database.ts'
import type { Attempt } from '../contracts/disposition.ts'
import type { LogEntry, Partition } from '../contracts/log.ts'
import { checkSeals, keptColumns, keptRecord, parkedSeal, sealOf } from './kept.ts'

/**
 * A record that waits in the database, at the head of its lane or behind it.
 *
 * Its dates are those of one wall clock, which may have been wrong: they are for people. What counts is the time between
 * them, `delayOf` and `ageWhenDue`.
 */
export interface ParkedRow {
  readonly entry: LogEntry
  readonly lane: string
  /** Null: waits for what is before it in its lane, or for a person. */
  readonly dueAtMs: number | null
  /** When it was put off. */
  readonly atMs: number
  readonly attempts: readonly Attempt[]
  readonly firstFailedAtMs: number | null
  /** The dead letter that this is a replay of. */
  readonly letterId: string | null
}

/** The dates of a record that was put off. */
export type ParkedDates = Pick<ParkedRow, 'dueAtMs' | 'atMs'>

/** For how long it was put off. */
export const delayOf = ({ dueAtMs, atMs }: ParkedDates): number => (dueAtMs === null ? 0 : Math.max(0, dueAtMs - atMs))

/**
 * How long it still has to wait, for somebody who has just met it. Not longer than it was put off for, whatever the clock
 * shows that made its date, or the one that reads it.
 */
export const waitOf = (dates: ParkedDates, nowMs: number): number =>
  Math.max(0, Math.min(delayOf(dates), (dates.dueAtMs ?? 0) - nowMs))

/** How long it has been failing when its date has come; null when it never failed. */
export const ageWhenDue = ({ dueAtMs, atMs, firstFailedAtMs }: ParkedRow): number | null =>
  firstFailedAtMs === null ? null : Math.max(0, (dueAtMs ?? atMs) - firstFailedAtMs)

/** What the scheduler reads of a parked lane. */
export interface ParkedLane {
  readonly lane: string
  readonly count: number
  readonly head: ParkedDates
}

const insert = `INSERT INTO fb_parked (${[...parkedSeal.columns, 'seal'].join(', ')})
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`
const reschedule = `UPDATE fb_parked SET due_at_ms = $4, at_ms = $5, attempts = $6, first_failed_at_ms = $7, seal = $8
  WHERE topic = $1 AND part = $2 AND position = $3`
const remove = 'DELETE FROM fb_parked WHERE topic = $1 AND part = $2 AND position = $3'
const withdraw = 'DELETE FROM fb_parked WHERE letter_id = $1 RETURNING position'
const head = `SELECT * FROM fb_parked WHERE topic = $1 AND part = $2 AND lane = $3 ORDER BY position LIMIT $4`
const lanes = 'SELECT lane, due_at_ms, at_ms FROM fb_parked WHERE topic = $1 AND part = $2 ORDER BY position'

export async function park(sql: Sql, row: ParkedRow): Promise<void> {
  const values = valuesOf(row)
  await sql.query(insert, [...values, sealOf(values)])
}

export async function repark(sql: Sql, row: ParkedRow): Promise<void> {
  const { entry } = row
  const plan = [row.dueAtMs, row.atMs, JSON.stringify(row.attempts), row.firstFailedAtMs]
  await sql.query(reschedule, [entry.topic, entry.partition, entry.offset, ...plan, sealOf(valuesOf(row))])
}

/** In the order of the seal. */
function valuesOf({ entry, ...row }: ParkedRow): SqlValue[] {
  return [
    ...[entry.topic, entry.partition, entry.offset, row.lane, ...keptColumns(entry), entry.atMs],
    ...[row.dueAtMs, row.atMs, JSON.stringify(row.attempts), row.firstFailedAtMs, row.letterId],
  ]
}

export async function unpark(sql: Sql, entry: { topic: string; partition: number; offset: number }): Promise<void> {
  await sql.query(remove, [entry.topic, entry.partition, entry.offset])
}

/** Takes the replay of a letter back. False when it is not there any more. */
export async function withdrawReplay(sql: Sql, letterId: string): Promise<boolean> {
  return (await sql.query(withdraw, [letterId])).length > 0
}

/** The first `max` records of a lane, in the order in which they must be handled. */
export async function readLane(
  database: Database,
  at: Partition,
  lane: string,
  max: number,
): Promise<readonly ParkedRow[]> {
  const rows = await database.query(head, [at.topic, at.partition, lane, max])
  return checkSeals(parkedSeal, rows, database.capabilities).map(parkedOf)
}

interface LaneRow {
  readonly lane: string
  readonly due_at_ms: number | null
  readonly at_ms: number
}

/** All parked lanes of a partition, without their payloads. */
export async function readLanes(database: Database, at: Partition): Promise<readonly ParkedLane[]> {
  const rows = await database.query<LaneRow>(lanes, [at.topic, at.partition])
  const byLane = new Map<string, { lane: string; count: number; head: ParkedDates }>()
  for (const row of rows) {
    const known = byLane.get(row.lane)
    if (known) known.count++
    else
      byLane.set(row.lane, {
        lane: row.lane,
        count: 1,
        head: { dueAtMs: row.due_at_ms, atMs: row.at_ms },
      })
  }
  return [...byLane.values()]
}

function parkedOf(row: SqlRow): ParkedRow {
  const numberOf = (column: string): number | null => row[column] as number | null
  return {
    entry: {
      topic: String(row['topic']),
      partition: Number(row['part']),
      offset: Number(row['position']),
      ...keptRecord(row),
      atMs: Number(row['log_at_ms']),
    },
    lane: String(row['lane']),
    dueAtMs: numberOf('due_at_ms'),
    atMs: Number(row['at_ms']),
    attempts: JSON.parse(String(row['attempts'])) as Attempt[],
    firstFailedAtMs: numberOf('first_failed_at_ms'),
    letterId: row['letter_id'] as string | null,
  }
}
