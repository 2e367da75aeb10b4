import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planOfSpec } from '../../../../src/define/schedule-plan.ts'
import {
  pauseSchedule,
  readSchedules,
  registerSchedules,
  type ScheduleRow,
  type SlotStep,
  takeSlot,
} from '../../../../src/ledger/jobs/schedules.ts'
import { sqliteDatabase } from '../../../../src/sqlite/database/sqlite-database.ts'
import { JobScene } from '../../../job-scene.ts'

const hourMs = 3_600_000
const spec = '0 * * * * UTC'
const step: SlotStep = { name: 'hourly', spec, fromMs: 10, slotMs: hourMs, nextMs: 2 * hourMs, isEnqueued: true }

async function scene() {
  const jobs = await JobScene.open(sqliteDatabase({ path: ':memory:' }))
  await jobs.within((ledger) => registerSchedules(ledger, [planOfSpec('hourly', spec)], 10))
  const row = async (): Promise<ScheduleRow | undefined> => (await readSchedules(jobs.database)).get('hourly')
  const take = (more: Partial<SlotStep>) => jobs.within((ledger) => takeSlot(ledger, { ...step, ...more }))
  return { jobs, row, take, [Symbol.asyncDispose]: () => jobs.database.close() }
}

test('a new schedule has missed nothing; a slot moves it once', async () => {
  await using at = await scene()
  const fresh = { slotAtMs: 10, nextAtMs: hourMs, lastSlotMs: null, isPaused: false }
  const nobody = { changedAtMs: null, changedBy: null, note: null }
  assert.deepEqual(await at.row(), { name: 'hourly', spec, ...fresh, ...nobody })
  assert.deepEqual([await at.take({}), await at.take({})], [true, false])
  const moved = { slotAtMs: hourMs, nextAtMs: 2 * hourMs, lastSlotMs: hourMs, isPaused: false }
  assert.deepEqual(await at.row(), { name: 'hourly', spec, ...moved, ...nobody })
})

test('a slot is not taken from another place, backwards, of another plan, or while it is paused', async () => {
  await using at = await scene()
  const before = await at.row()
  assert.equal(await at.take({ fromMs: 9 }), false)
  assert.equal(await at.take({ slotMs: 10 }), false)
  assert.equal(await at.take({ spec: '@daily UTC' }), false)
  assert.deepEqual(await at.row(), before)
  await at.jobs.within((ledger) => pauseSchedule(ledger, 'hourly', { atMs: 11, by: 'ada', note: 'a\0' }))
  assert.equal(await at.take({}), false)
  assert.deepEqual(await at.row(), { ...before, isPaused: true, changedAtMs: 11, changedBy: 'ada', note: 'a␀' })
})

test('a slot that enqueues nothing is not the last one that did', async () => {
  await using at = await scene()
  await at.take({})
  await at.take({ fromMs: hourMs, slotMs: 2 * hourMs, nextMs: 3 * hourMs, isEnqueued: false })
  const row = await at.row()
  assert.deepEqual([row?.slotAtMs, row?.lastSlotMs], [2 * hourMs, hourMs])
})

test('a plan that is registered again changes nothing, a changed one counts from now and never goes back', async () => {
  await using at = await scene()
  const register = (text: string, nowMs: number) =>
    at.jobs.within((ledger) => registerSchedules(ledger, [planOfSpec('hourly', text)], nowMs))
  const before = await at.row()
  await register(spec, 5 * hourMs)
  assert.deepEqual(await at.row(), before)
  await register('30 * * * * UTC', 5 * hourMs)
  const changed = await at.row()
  assert.deepEqual([changed?.slotAtMs, changed?.nextAtMs], [5 * hourMs, 5.5 * hourMs])
  await register(spec, hourMs)
  const back = await at.row()
  assert.deepEqual([back?.spec, back?.slotAtMs, back?.nextAtMs], [spec, 5 * hourMs, 6 * hourMs])
})
