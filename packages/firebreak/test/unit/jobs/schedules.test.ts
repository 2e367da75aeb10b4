import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { permanent } from '../../../src/contracts/errors.ts'
import type { Fact } from '../../../src/contracts/journal.ts'
import { handle } from '../../../src/define/handle.ts'
import { job } from '../../../src/define/job.ts'
import { type ScheduleSpec, schedule } from '../../../src/define/schedule.ts'
import { type ServiceDefinition, service } from '../../../src/define/service.ts'
import { toRfc3339 } from '../../../src/node/clock.ts'
import { rejectsWith } from '../../../src/testing/conformance/log-scene.ts'
import { createTestRuntime, type TestRuntime, type TestRuntimeOptions } from '../../../src/testing/test-runtime.ts'
import type { TestService } from '../../../src/testing/test-service.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

const Report = job({ type: 'report.run', schema: z.object({ local: z.string(), at: z.string() }) })

interface Scene extends AsyncDisposable {
  readonly app: TestRuntime
  readonly one: TestService
  /** The slots of the jobs that have run: local time and instant. */
  readonly runs: string[]
  readonly facts: Fact[]
  /** Facts of schedules. */
  readonly told: () => readonly string[]
}

type Plan = Partial<ScheduleSpec<typeof Report>>

const enqueue: ScheduleSpec<typeof Report>['enqueue'] = ({ local, atMs }) => [Report, { local, at: toRfc3339(atMs) }]

function reporting(plan: Plan, runs: string[]): ServiceDefinition {
  const report = handle(Report, ({ local, at }) => void runs.push(`${local} ${at.slice(11, 16)}Z`))
  const spec = { cron: '0 2 * * *', zone: 'Europe/Amsterdam', enqueue, ...plan }
  return service({ name: 'reports', handlers: [report], schedules: [schedule('nightly', spec)] })
}

/** A service with one schedule, daily at 02:00 in Amsterdam unless `plan` says otherwise, which starts at `start`. */
async function scene(start: string, plan: Plan = {}, more: Partial<TestRuntimeOptions> = {}): Promise<Scene> {
  const runs: string[] = []
  const facts: Fact[] = []
  const reports = reporting(plan, runs)
  const observe = (fact: Fact): void => void facts.push(fact)
  const app = await createTestRuntime({ services: [reports], startMs: Date.parse(start), observe, ...more })
  const told = (): string[] =>
    facts.flatMap((fact) => ('schedule' in fact ? [`${fact.kind} ${toRfc3339(fact.slotAtMs)}`] : []))
  return { app, one: app.service(reports), runs, facts, told, [Symbol.asyncDispose]: () => app.stop() }
}

test('scenario 28: daily 02:00 on the night without it runs once, at 03:00', async () => {
  await using at = await scene('2026-03-29T00:55:00Z')
  await at.app.advance(5 * minuteMs - 1)
  assert.deepEqual(at.runs, [])
  await at.app.advance(1)
  assert.deepEqual(at.runs, ['2026-03-29T03:00 01:00Z'])
  await at.app.advance(65 * minuteMs)
  assert.equal(at.runs.length, 1)
})

test('scenario 29: daily 02:00 on the night that has it twice runs once, at the first', async () => {
  await using at = await scene('2026-10-24T23:58:00Z')
  await at.app.advance(65 * minuteMs)
  assert.deepEqual(at.runs, ['2026-10-25T02:00 00:00Z'])
})

test('scenario 31: every 30 minutes on the night that has an hour twice is every 30 minutes', async () => {
  await using at = await scene('2026-10-24T23:58:00Z', { cron: '*/30 * * * *' })
  await at.app.advance(64 * minuteMs)
  assert.deepEqual(at.runs, ['2026-10-25T02:00 00:00Z', '2026-10-25T02:30 00:30Z', '2026-10-25T02:00 01:00Z'])
})

test('scenario 33: a clock that is set back by 10 minutes brings no slot twice, one set forward brings the last slot', async () => {
  await using at = await scene('2026-06-01T11:58:00Z', { cron: '0 * * * *', zone: 'UTC' })
  await at.app.advance(3 * minuteMs)
  assert.deepEqual(at.runs, ['2026-06-01T12:00 12:00Z'])
  at.app.clock.jump(-10 * minuteMs)
  await at.app.advance(11 * minuteMs)
  assert.equal(at.runs.length, 1)
  // 12:02 becomes 15:02: 13:00 and 14:00 are not caught up.
  at.app.clock.jump(3 * hourMs)
  await at.app.advance(minuteMs)
  assert.deepEqual(at.runs.slice(1), ['2026-06-01T15:00 15:00Z'])
  assert.deepEqual(at.told(), [])
})

test('scenario 34: after three days two instances that start at once enqueue the last slot once', async () => {
  await using at = await scene('2026-06-01T12:00:00Z')
  await at.one.stop()
  // Wednesday 02:00 was at 00:00Z.
  await at.app.advance(2 * dayMs + 12.5 * hourMs)
  await Promise.all([at.one.restart(), at.one.restart()])
  await at.app.advance(2 * minuteMs)
  assert.deepEqual(at.runs, ['2026-06-04T02:00 00:00Z'])
  assert.equal(at.one.instances, 2)
  assert.ok((await at.one.ledger()).ok)
})

test('a slot that is older than catchUpMaxMs is told and not caught up; the next one comes', async () => {
  await using at = await scene('2026-06-01T12:00:00Z', { cron: '0 * * * *', zone: 'UTC', catchUpMaxMs: 10 * minuteMs })
  await at.one.stop()
  await at.app.advance(2 * hourMs + 11 * minuteMs)
  await at.one.restart()
  await at.app.advance(minuteMs)
  assert.deepEqual([at.runs, at.told()], [[], ['schedule-missed 2026-06-01T14:00:00.000Z']])
  await at.app.advance(48 * minuteMs)
  assert.deepEqual(at.runs, ['2026-06-01T15:00 15:00Z'])
})

test("catchUp 'none' waits for the next slot, and a deployment of half a minute loses none", async () => {
  await using at = await scene('2026-06-01T11:59:40Z', { cron: '0 * * * *', zone: 'UTC', catchUp: 'none' })
  await at.one.stop()
  await at.app.advance(50_000)
  await at.one.restart()
  await at.app.settle()
  assert.deepEqual(at.runs, ['2026-06-01T12:00 12:00Z'])
  await at.one.stop()
  await at.app.advance(62 * minuteMs)
  await at.one.restart()
  await at.app.advance(minuteMs)
  assert.equal(at.runs.length, 1)
})

test('scenario 35: the next slot is computed again at the start, and is never before the last one', async () => {
  await using at = await scene('2026-06-01T23:58:00Z')
  await at.app.advance(3 * minuteMs)
  assert.deepEqual(at.runs, ['2026-06-02T02:00 00:00Z'])
  await at.one.stop()
  const row = async (): Promise<unknown[]> =>
    Object.values((await at.one.database.query('SELECT slot_at_ms, next_at_ms FROM fb_schedules'))[0] ?? {})
  const [slotMs, nextMs] = [Date.parse('2026-06-02T00:00:00Z'), Date.parse('2026-06-03T00:00:00Z')]
  assert.deepEqual(await row(), [slotMs, nextMs])
  // As a Node with other rules for the zone has left it: an hour early, which would be due now.
  await at.one.database.query('UPDATE fb_schedules SET next_at_ms = $1', [slotMs + minuteMs])
  await at.one.restart()
  await at.app.advance(5 * minuteMs)
  assert.deepEqual(await row(), [slotMs, nextMs])
  assert.equal(at.runs.length, 1)
})

test('scenario 36: instances that disagree by 5 s enqueue a slot once', async () => {
  await using at = await scene('2026-06-01T11:58:00Z', { cron: '* * * * *', zone: 'UTC' })
  await at.one.restart(5000)
  await at.one.restart(-5000)
  await at.app.advance(3 * minuteMs)
  assert.deepEqual(at.runs, ['2026-06-01T11:59 11:59Z', '2026-06-01T12:00 12:00Z', '2026-06-01T12:01 12:01Z'])
  assert.deepEqual(at.told(), [])
})

test('wherever an instance dies around a slot, its successor leaves the slot enqueued once', async () => {
  for (let call = 1; call <= 6; call++)
    for (const when of ['before', 'after'] as const) {
      await using at = await scene('2026-06-01T23:59:59.500Z')
      await at.app.settle()
      await at.app.advance(499)
      at.one.crashAt(call, when)
      await at.app.advance(20_000)
      if (at.one.instances === 0) await at.one.restart()
      await at.app.advance(20_000)
      const [first, ...others] = new Set(at.runs)
      assert.deepEqual([first, others], ['2026-06-02T02:00 00:00Z', []], `${when} call ${call}`)
      const [count] = await at.one.database.query<{ n: number }>('SELECT SUM(enqueued) AS n FROM fb_job_accounts')
      assert.equal(count?.n, 1, `${when} call ${call}`)
    }
})

test('what a schedule throws is told, and the slot is tried again until it works', async () => {
  let failures = 0
  const failing: Plan['enqueue'] = (slot) => {
    if (++failures <= 3) throw new Error('not yet')
    return enqueue(slot)
  }
  await using at = await scene('2026-06-01T23:59:00Z', { enqueue: failing })
  await at.app.advance(minuteMs + 2000)
  assert.deepEqual(at.told(), Array(2).fill('schedule-failed 2026-06-02T00:00:00.000Z'))
  const { live, ready, reasons } = at.one.runtime.health()
  assert.deepEqual([live, ready, reasons], [true, true, ['schedule nightly: not yet']])
  await at.app.advance(10_000)
  assert.deepEqual([at.runs, at.told().length], [['2026-06-02T02:00 00:00Z'], 3])
  assert.deepEqual(at.one.runtime.health().reasons, [])
})

test('a slot that was begun in time is not too old when it works later', async () => {
  let isBroken = true
  const failing: Plan['enqueue'] = (slot) => {
    if (isBroken) throw new Error('not yet')
    return enqueue(slot)
  }
  await using at = await scene('2026-06-01T23:59:00Z', { catchUp: 'none', enqueue: failing })
  await at.app.advance(5 * minuteMs)
  isBroken = false
  await at.app.advance(minuteMs)
  assert.deepEqual(at.runs, ['2026-06-02T02:00 00:00Z'])
})

test('a slot that fails gives way to the next one', async () => {
  const failing: Plan['enqueue'] = (slot) => {
    if (slot.local.endsWith('12:00')) throw new Error('never at noon')
    return enqueue(slot)
  }
  await using at = await scene('2026-06-01T11:59:00Z', { cron: '*/5 * * * *', zone: 'UTC', enqueue: failing })
  await at.app.advance(7 * minuteMs)
  assert.deepEqual(at.runs, ['2026-06-01T12:05 12:05Z'])
  assert.deepEqual(at.one.runtime.health().reasons, [])
})

const Other = job({ type: 'other', schema: z.object({}) })
const deadEnds: Readonly<Record<string, Plan['enqueue']>> = {
  'a job without a handler': () => [Other as never, {} as never],
  'an input that does not fit': () => [Report, { local: 7 } as never],
  'what its code calls permanent': () => {
    throw permanent('there is no such period')
  },
  'a promise': (async () => null) as never,
  'nothing at all': (() => undefined) as never,
}
for (const [what, ends] of Object.entries(deadEnds))
  test(`${what} is told once, halts nothing, and is another release's to catch up`, async () => {
    let isFixed = false
    const plan: Plan = { enqueue: (slot) => (isFixed ? enqueue(slot) : (ends?.(slot) ?? (undefined as never))) }
    await using at = await scene('2026-06-01T23:59:00Z', plan)
    await at.app.advance(10 * minuteMs)
    assert.deepEqual(at.told(), ['schedule-failed 2026-06-02T00:00:00.000Z'])
    const { ready, reasons } = at.one.runtime.health()
    assert.deepEqual([ready, reasons.length], [true, 1])
    await at.one.stop()
    isFixed = true
    await at.one.restart()
    await at.app.settle()
    assert.deepEqual(at.runs, ['2026-06-02T02:00 00:00Z'])
  })

test('null enqueues nothing, and the schedule goes on', async () => {
  const some: Plan['enqueue'] = (slot) => (slot.local.endsWith('12:01') ? null : enqueue(slot))
  await using at = await scene('2026-06-01T11:59:30Z', { cron: '* * * * *', zone: 'UTC', enqueue: some })
  await at.app.advance(3 * minuteMs)
  assert.deepEqual(at.runs, ['2026-06-01T12:00 12:00Z', '2026-06-01T12:02 12:02Z'])
  assert.deepEqual(at.told(), [])
})

test('a paused schedule does nothing, and what came meanwhile is not caught up when it goes on', async () => {
  let asked = 0
  const counting: Plan['enqueue'] = (slot) => {
    asked++
    return enqueue(slot)
  }
  await using at = await scene('2026-06-01T11:59:30Z', { cron: '*/2 * * * *', zone: 'UTC', enqueue: counting })
  const { schedules } = at.one.runtime
  const by = { by: 'ada', note: 'the printer is broken' }
  assert.deepEqual([await schedules.pause('nightly', by), await schedules.pause('nightly', by)], [true, false])
  const [paused] = await schedules.list()
  assert.deepEqual(
    [paused?.state, paused?.next, paused?.last, paused?.changed],
    ['paused', null, null, { ...by, atMs: at.app.clock.now() }],
  )
  await at.app.advance(3 * minuteMs)
  assert.deepEqual([await schedules.resume('nightly', by), await schedules.resume('nightly', by)], [true, false])
  await at.app.advance(90_000 - 1)
  assert.deepEqual([at.runs, asked], [[], 0])
  await at.app.advance(1)
  assert.deepEqual(at.runs, ['2026-06-01T12:04 12:04Z'])
  const [resumed] = await schedules.list()
  assert.deepEqual(
    [resumed?.state, resumed?.next?.local, resumed?.last?.local],
    ['active', '2026-06-01T12:06', '2026-06-01T12:04'],
  )
  assert.deepEqual(at.told(), [])
})

test('who resumes a schedule that a clock far ahead has moved sets it to now', async () => {
  await using at = await scene('2026-06-01T11:59:30Z', { cron: '0 * * * *', zone: 'UTC' })
  const ahead = Date.parse('2027-01-01T00:00:00Z')
  await at.one.database.query('UPDATE fb_schedules SET slot_at_ms = $1, next_at_ms = $2', [ahead, ahead + hourMs])
  await at.app.advance(minuteMs)
  assert.deepEqual(at.runs, [])
  const { schedules } = at.one.runtime
  await schedules.pause('nightly', { by: 'ada', note: '' })
  await schedules.resume('nightly', { by: 'ada', note: '' })
  assert.equal((await schedules.list())[0]?.next?.local, '2026-06-01T13:00')
})

test('run enqueues now, beside the plan, with the slot of now', async () => {
  await using at = await scene('2026-06-01T11:59:30Z')
  const { schedules } = at.one.runtime
  const run = await schedules.run('nightly')
  await at.app.settle()
  assert.deepEqual(at.runs, ['2026-06-01T13:59 11:59Z'])
  assert.deepEqual([run?.type, run?.joined, run?.slot.local], ['report.run', false, '2026-06-01T13:59'])
  const [row] = await schedules.list()
  assert.deepEqual([row?.last, row?.next?.local], [null, '2026-06-02T02:00'])
  assert.ok((await at.one.ledger()).ok)
  await rejectsWith(schedules.run('weekly'), 'FB_SCHEDULE_NOT_FOUND')
  await rejectsWith(schedules.pause('weekly', { by: 'ada', note: '' }), 'FB_SCHEDULE_NOT_FOUND')
})

test('a changed plan counts from the start of its release, and the release before does not enqueue by its own', async () => {
  let asked = 0
  const counting: Plan['enqueue'] = (slot) => {
    asked++
    return enqueue(slot)
  }
  await using at = await scene('2026-06-01T11:59:30Z', { cron: '* * * * *', zone: 'UTC', enqueue: counting })
  await at.app.advance(minuteMs)
  assert.equal(at.runs.length, 1)
  const spec = '0 12 * * * UTC'
  await at.one.database.query('UPDATE fb_schedules SET spec = $1', [spec])
  await at.app.advance(3 * minuteMs)
  assert.deepEqual([at.runs.length, asked], [1, 1])
  const { schedules } = at.one.runtime
  assert.deepEqual([(await schedules.list())[0]?.cron, (await schedules.list())[0]?.zone], ['0 12 * * *', 'UTC'])
  // Started anew it is in force again, and slots of the time between are none of its own.
  await at.one.restart()
  await at.app.advance(minuteMs)
  assert.deepEqual(at.runs.slice(1), ['2026-06-01T12:04 12:04Z'])
  assert.deepEqual(at.told(), [])
})

test('a schedule that its service does not define any more is listed as removed, and nobody runs it', async () => {
  await using at = await scene('2026-06-01T11:59:30Z')
  await at.one.database.query(`INSERT INTO fb_schedules (name, spec, slot_at_ms, next_at_ms) VALUES
    ('gone', '* * * * * Europe/Nowhere', 0, 1)`)
  await at.app.advance(2 * minuteMs)
  const listed = await at.one.runtime.schedules.list()
  assert.deepEqual(
    listed.map(({ name, state, zone, next }) => [name, state, zone, next?.local ?? null]),
    [
      ['gone', 'removed', 'Europe/Nowhere', null],
      ['nightly', 'active', 'Europe/Amsterdam', '2026-06-02T02:00'],
    ],
  )
  assert.deepEqual([at.runs, at.told()], [[], []])
})

test('while the database is away the slot waits, and comes once it is back', async () => {
  let isAway = false
  const around: TestRuntimeOptions['around'] = {
    call: (_, run) => (isAway ? Promise.reject(new Error('the database is away')) : run()),
  }
  await using at = await scene('2026-06-01T23:59:00Z', {}, { around })
  isAway = true
  await at.app.advance(5 * minuteMs)
  assert.deepEqual(at.runs, [])
  isAway = false
  await at.app.advance(3000)
  assert.deepEqual(at.runs, ['2026-06-02T02:00 00:00Z'])
})
