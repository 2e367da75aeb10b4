import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { planOfSpec } from '../../src/define/schedule-plan.ts'
import {
  lockSchedule,
  pauseSchedule,
  readSchedules,
  registerSchedules,
  resumeSchedule,
  takeSlot,
} from '../../src/ledger/jobs/schedules.ts'
import { JobScene } from '../job-scene.ts'
import { needsPostgres, PostgresScene } from './postgres/scene.ts'

const options = { skip: needsPostgres, timeout: 120_000 }
let scene: PostgresScene
before(async () => {
  if (needsPostgres === false) scene = await PostgresScene.start()
})
after(() => scene?.end())

const hourMs = 3_600_000
const spec = '0 * * * * UTC'
const names = ['a', 'b', 'c', 'd']

test('34, 36: four instances that start at once and want the same slots get each of them once', options, async () => {
  const open = (): Promise<JobScene> => JobScene.open(scene.open({ schema: 'schedules' }))
  const all = [await open(), await open(), await open(), await open()]
  const plans = names.map((name) => planOfSpec(name, spec))
  await Promise.all(all.map((one) => one.within((ledger) => registerSchedules(ledger, plans, 10))))
  const [first] = all as [JobScene]
  for (let hour = 1; hour <= 20; hour++)
    for (const name of names) {
      const fromMs = (await readSchedules(first.database)).get(name)?.slotAtMs ?? 0
      const step = { name, spec, fromMs, slotMs: hour * hourMs, nextMs: (hour + 1) * hourMs, isEnqueued: true }
      const taken = await Promise.all(all.map((one) => one.within((ledger) => takeSlot(ledger, step))))
      assert.equal(taken.filter((isOurs) => isOurs).length, 1, `${name} at hour ${hour}`)
    }
  const change = { atMs: 7, by: 'ada', note: 'a\0' }
  assert.equal(await first.within((ledger) => pauseSchedule(ledger, 'a', change)), true)
  const step = { name: 'a', spec, fromMs: 20 * hourMs, slotMs: 21 * hourMs, nextMs: 22 * hourMs, isEnqueued: false }
  assert.equal(await first.within((ledger) => takeSlot(ledger, step)), false)
  await first.within(async (ledger) => {
    const row = await lockSchedule(ledger, 'a')
    assert.deepEqual([row?.isPaused, row?.lastSlotMs, row?.note], [true, 20 * hourMs, 'a␀'])
    await resumeSchedule(ledger, { name: 'a', slotAtMs: 20 * hourMs, nextAtMs: 21 * hourMs }, change)
  })
  assert.equal(await first.within((ledger) => takeSlot(ledger, step)), true)
  assert.equal((await readSchedules(first.database)).get('a')?.lastSlotMs, 20 * hourMs)
  await Promise.all(all.map(({ database }) => database.close()))
})
