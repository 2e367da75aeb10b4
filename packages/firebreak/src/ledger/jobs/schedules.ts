import type { Database, Sql, SqlRow } from '../../contracts/database.ts'
import { storable } from '../../contracts/text/storable.ts'
import { nextOf, type SchedulePlan } from '../../define/schedule-plan.ts'
import { numberOf, textOf } from './job-rows.ts'

/** What the ledger knows of a schedule. */
export interface ScheduleRow {
  readonly name: string
  /** The plan that is in force. */
  readonly spec: string
  /** Up to here all slots were enqueued or given up. It only grows. */
  readonly slotAtMs: number
  /** The slot that is due next. */
  readonly nextAtMs: number
  /** The last one that enqueued something. */
  readonly lastSlotMs: number | null
  readonly isPaused: boolean
  /** When it was paused or resumed last, by whom and why. */
  readonly changedAtMs: number | null
  readonly changedBy: string | null
  readonly note: string | null
}

/** A step from one slot to the next. */
export interface SlotStep {
  readonly name: string
  readonly spec: string
  /** As it was read. */
  readonly fromMs: number
  readonly slotMs: number
  readonly nextMs: number
  readonly isEnqueued: boolean
}

/** Who pauses or resumes, and why. */
export interface ScheduleChange {
  readonly atMs: number
  readonly by: string
  readonly note: string
}

const columns = 'name, spec, slot_at_ms, next_at_ms, last_slot_ms, paused, changed_at_ms, changed_by, note'
const selectAll = `SELECT ${columns} FROM fb_schedules ORDER BY name`
const lock = `SELECT ${columns} FROM fb_schedules WHERE name = $1 /* FOR UPDATE */`
const insert = `INSERT INTO fb_schedules (name, spec, slot_at_ms, next_at_ms) VALUES ($1, $2, $3, $4)
  ON CONFLICT (name) DO NOTHING`
const replan = 'UPDATE fb_schedules SET spec = $2, slot_at_ms = $3, next_at_ms = $4 WHERE name = $1'
const step = `UPDATE fb_schedules SET slot_at_ms = $4, next_at_ms = $5, last_slot_ms = COALESCE($6, last_slot_ms)
  WHERE name = $1 AND spec = $2 AND slot_at_ms = $3 AND slot_at_ms < $4 AND paused = 0 RETURNING name`
const pause = `UPDATE fb_schedules SET paused = 1, changed_at_ms = $2, changed_by = $3, note = $4
  WHERE name = $1 AND paused = 0 RETURNING name`
const resume = `UPDATE fb_schedules SET paused = 0, changed_at_ms = $2, changed_by = $3, note = $4, slot_at_ms = $5, next_at_ms = $6
  WHERE name = $1`

/** By name. */
export async function readSchedules(database: Pick<Database, 'query'>): Promise<ReadonlyMap<string, ScheduleRow>> {
  const rows = (await database.query<SqlRow>(selectAll)).map(rowOf)
  return new Map(rows.map((row) => [row.name, row]))
}

/**
 * Writes down the plans of a service, which are in force from then on. A new one, and one that has changed, counts from now: no slot
 * of it has been missed. Of the others the next slot is computed again, as the rules of a zone may have changed.
 */
export async function registerSchedules(ledger: Sql, plans: readonly SchedulePlan[], nowMs: number): Promise<void> {
  // In one order for everybody, so that two instances do not wait for each other.
  for (const plan of plans.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const { name, spec } = plan
    await ledger.query(insert, [name, spec, nowMs, nextOf(plan, nowMs)])
    const row = await lockSchedule(ledger, name)
    if (row === undefined) continue
    const slotAtMs = row.spec === spec ? row.slotAtMs : Math.max(row.slotAtMs, nowMs)
    const nextAtMs = nextOf(plan, slotAtMs)
    if (row.spec !== spec || row.nextAtMs !== nextAtMs) await ledger.query(replan, [name, spec, slotAtMs, nextAtMs])
  }
}

/** False when somebody else was faster, has paused it, or has another plan for it. */
export async function takeSlot(ledger: Sql, taken: SlotStep): Promise<boolean> {
  const { name, spec, fromMs, slotMs, nextMs, isEnqueued } = taken
  return (await ledger.query(step, [name, spec, fromMs, slotMs, nextMs, isEnqueued ? slotMs : null])).length > 0
}

/** Its row, which nobody changes before the commit. */
export async function lockSchedule(ledger: Sql, name: string): Promise<ScheduleRow | undefined> {
  const [row] = await ledger.query<SqlRow>(lock, [name])
  return row === undefined ? undefined : rowOf(row)
}

/** False when it is paused already. */
export async function pauseSchedule(ledger: Sql, name: string, { atMs, by, note }: ScheduleChange): Promise<boolean> {
  return (await ledger.query(pause, [name, atMs, storable(by), storable(note)])).length > 0
}

/** Lets a schedule whose row is locked go on behind `slotAtMs`. */
export async function resumeSchedule(
  ledger: Sql,
  { name, slotAtMs, nextAtMs }: Pick<ScheduleRow, 'name' | 'slotAtMs' | 'nextAtMs'>,
  { atMs, by, note }: ScheduleChange,
): Promise<void> {
  await ledger.query(resume, [name, atMs, storable(by), storable(note), slotAtMs, nextAtMs])
}

const rowOf = (row: SqlRow): ScheduleRow => ({
  name: String(row['name']),
  spec: String(row['spec']),
  slotAtMs: Number(row['slot_at_ms']),
  nextAtMs: Number(row['next_at_ms']),
  lastSlotMs: numberOf(row['last_slot_ms']),
  isPaused: Number(row['paused']) === 1,
  changedAtMs: numberOf(row['changed_at_ms']),
  changedBy: textOf(row['changed_by']),
  note: textOf(row['note']),
})
