import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { z } from 'zod'
import { widthOf } from '../../src/cli/program/text-width.ts'
import { handle } from '../../src/define/handle.ts'
import { job } from '../../src/define/job.ts'
import { type ScheduleSpec, schedule } from '../../src/define/schedule.ts'
import { type ServiceDefinition, service } from '../../src/define/service.ts'
import { createRuntime } from '../../src/runtime/runtime.ts'
import { defineConfig } from '../../src/runtime/system/config.ts'
import { sqliteDatabase } from '../../src/sqlite/database/sqlite-database.ts'
import { sqliteLog } from '../../src/sqlite/sqlite-log.ts'
import { virtualClock } from '../../src/testing/virtual-time/virtual-clock.ts'
import { type Cleanup, filledScene, type Ran, run, type Scene } from './scene.ts'

const RunStatements = job({ type: 'statements.run', schema: z.object({ day: z.string() }), unique: 'live' })
const Clean = job({ type: 'files.clean', schema: z.object({}) })

const clock = virtualClock(Date.parse('2026-03-10T08:30:00Z'))

const monthly: ScheduleSpec<typeof RunStatements> = {
  cron: '0 2 1 * *',
  zone: 'Europe/Amsterdam',
  enqueue: ({ local }) => [RunStatements, { day: local.slice(0, 10) }],
}

function billing(name: string, spec: ScheduleSpec<typeof RunStatements> = monthly): ServiceDefinition {
  return service({
    name,
    handlers: [handle(RunStatements, () => {}), handle(Clean, () => {})],
    schedules: [schedule('month-end', spec), schedule('clean', { cron: '@daily', zone: 'UTC', enqueue: () => null })],
  })
}

interface Place {
  readonly scene: Scene
  /** Runs a command line at the time of `clock`. */
  readonly cli: (line: string, columns?: number) => Promise<Ran>
  readonly json: (line: string) => Promise<Record<string, unknown>>
}

/** Services that have run once, and do not run now. */
async function place(t: Cleanup, services: readonly ServiceDefinition[]): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'firebreak-cli-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const durability = 'survives-process-crash-only'
  const open = (name: string) => sqliteDatabase({ path: join(folder, `${name}.db`), durability })
  const config = defineConfig({
    log: () => sqliteLog({ path: join(folder, 'log'), durability }),
    services: services.map((one) => ({ service: one, database: () => open(one.name) })),
  })
  const log = config.log()
  for (const one of services) {
    const database = open(one.name)
    const runtime = createRuntime({ service: one, log, database, clock, observe: false })
    await runtime.start()
    await runtime.stop({ drainMs: 0 })
    await database.close()
  }
  await log.close()
  const scene = { folder, config }
  const cli = (line: string, columns = Number.POSITIVE_INFINITY) =>
    run(scene, line.split(' '), { clock, columns, isTty: columns < 1000 })
  const json = async (line: string) => JSON.parse((await cli(`${line} --json`)).out)
  return { scene, cli, json }
}

test('schedules list: when each comes next, by the clocks of its zone and as JSON in UTC too', async (t) => {
  const { cli, json } = await place(t, [billing('billing')])
  const { out, err, exit } = await cli('schedules list')
  assert.equal(exit, 0)
  assert.match(out, /^SCHEDULE +SERVICE +STATE +CRON +ZONE +NEXT +LAST$/m)
  assert.match(out, /^month-end +billing +active +0 2 1 \* \* +Europe\/Amsterdam +2026-04-01T02:00 +-$/m)
  assert.equal(err, '2 schedules.\n')
  const { schedules } = await json('schedules list')
  assert.deepEqual((schedules as unknown[])[1], {
    ...{ name: 'month-end', service: 'billing', state: 'active', cron: '0 2 1 * *', zone: 'Europe/Amsterdam' },
    ...{ next: '2026-04-01T00:00:00.000Z', nextLocal: '2026-04-01T02:00', last: null, lastLocal: null, changed: null },
  })
})

test('schedules list: nothing but a sentence where there are none', async (t) => {
  const { exit, out, err } = await run(await filledScene(t), ['schedules', 'list'])
  assert.deepEqual([exit, out, err], [0, '', 'There are no schedules.\n'])
})

test('schedules list holds 80 columns', async (t) => {
  const { cli } = await place(t, [billing('billing-of-a-long-name')])
  const { out } = await cli('schedules list', 80)
  for (const line of stripVTControlCharacters(out).split('\n')) assert.ok(widthOf(line) <= 80, line)
  assert.match(out, /2026-04-01T02:00/)
})

test('schedules pause and resume: with who and why, and twice is no failure', async (t) => {
  const { json, cli } = await place(t, [billing('billing')])
  assert.equal((await cli('schedules pause month-end --reason audit')).out, 'paused month-end of billing\n')
  const again = await cli('schedules pause month-end --by bob')
  assert.deepEqual([again.exit, again.out], [0, 'month-end of billing is paused already\n'])
  const { schedules } = (await json('schedules list')) as { schedules: Record<string, unknown>[] }
  assert.deepEqual(
    [schedules[1]?.['state'], schedules[1]?.['next'], schedules[1]?.['changed']],
    ['paused', null, { at: '2026-03-10T08:30:00.000Z', by: 'ada', note: 'audit' }],
  )
  assert.match((await cli('schedules list')).err, /^2 schedules, 1 paused\.$/m)
  const resumed = await cli('schedules resume month-end')
  assert.equal(resumed.out, 'resumed month-end of billing; next at 2026-04-01T02:00 Europe/Amsterdam\n')
  assert.deepEqual(await json('schedules resume month-end'), {
    ...{ action: 'resume', name: 'month-end', service: 'billing' },
    ...{ changed: false, next: '2026-04-01T00:00:00.000Z' },
  })
})

test('schedules run: enqueues now, beside the plan; what is unique is joined', async (t) => {
  const { scene, json, cli } = await place(t, [billing('billing')])
  const first = await json('schedules run month-end')
  const id = (first['job'] as Record<string, unknown>)['id']
  assert.deepEqual(first, {
    ...{ action: 'run', name: 'month-end', service: 'billing', slot: '2026-03-10T08:30:00.000Z' },
    ...{ job: { type: 'statements.run', id, joined: false } },
  })
  assert.equal(
    (await cli('schedules run month-end')).out,
    `statements.run ${id} is there already: billing runs it once\n`,
  )
  assert.equal((await cli('schedules run clean')).out, 'clean of billing has nothing to enqueue now\n')
  const database = scene.config.services[0]!.database!()
  const rows = await database.query('SELECT id, input FROM fb_jobs')
  assert.deepEqual(rows.map(Object.values), [[id, '{"day":"2026-03-10"}']])
  await database.close()
  const { exit } = await cli('verify')
  assert.equal(exit, 0)
})

test('schedules run: what the code of the service throws ends with 1, and enqueues nothing', async (t) => {
  const failing = () => {
    throw new TypeError('no such period')
  }
  const { cli } = await place(t, [billing('billing', { ...monthly, enqueue: failing })])
  const { exit, out, err } = await cli('schedules run month-end')
  assert.deepEqual([exit, out], [1, ''])
  assert.match(err, /The schedule month-end has failed: TypeError: no such period\nNothing was enqueued\./)
})

test('a name that is none ends with 3, one of several services with 2 until one is named', async (t) => {
  const { cli } = await place(t, [billing('billing'), billing('invoicing')])
  const unknown = await cli('schedules run month-start')
  assert.deepEqual([unknown.exit, unknown.out], [3, ''])
  assert.match(unknown.err, /There is no schedule month-start\.\nList them with: firebreak schedules list/)
  const several = await cli('schedules pause month-end')
  assert.equal(several.exit, 2)
  assert.match(
    several.err,
    /Several services have a schedule month-end: billing, invoicing\.\nName one with --service\./,
  )
  assert.equal((await cli('schedules pause month-end --service invoicing')).out, 'paused month-end of invoicing\n')
  const { out } = await cli('schedules list --service billing')
  assert.ok(!out.includes('paused'), out)
})

test('schedules pause: one that its service does not define any more ends with 3', async (t) => {
  const { scene, cli } = await place(t, [billing('billing')])
  const database = scene.config.services[0]!.database!()
  await database.query(
    "INSERT INTO fb_schedules (name, spec, slot_at_ms, next_at_ms) VALUES ('old', '@daily UTC', 0, 0)",
  )
  await database.close()
  assert.match((await cli('schedules list')).out, /^old +billing +removed +@daily +UTC +- +-$/m)
  const { exit, err } = await cli('schedules pause old')
  assert.equal(exit, 3)
  assert.match(err, /service billing has no schedule old/)
})
