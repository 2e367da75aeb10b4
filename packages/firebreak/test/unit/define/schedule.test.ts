import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import { cron } from '../../../src/define/cron.ts'
import { handle } from '../../../src/define/handle.ts'
import { job } from '../../../src/define/job.ts'
import { lastSlot, nextSlot } from '../../../src/define/next-slot.ts'
import { schedule } from '../../../src/define/schedule.ts'
import { planOf, planOfSpec, slotOf } from '../../../src/define/schedule-plan.ts'
import { service } from '../../../src/define/service.ts'
import { zoneRules } from '../../../src/node/time/zones.ts'

const Report = job({ type: 'report.run', schema: z.object({ day: z.string() }) })
const enqueue = () => [Report, { day: '2026-03-01' }] as const
const daily = schedule('daily', { cron: '@daily', zone: 'UTC', enqueue })
const report = handle(Report, () => {})

function problemsOf(run: () => unknown): string[] {
  try {
    run()
  } catch (error) {
    if (isFirebreakError(error, 'FB_CONFIG')) return String(error.detail['problems']).split('\n')
    throw error
  }
  return []
}

test('a schedule catches up one slot of the last hour unless it says otherwise', () => {
  assert.deepEqual([daily.catchUp, daily.catchUpMaxMs, daily.description], ['one', 3_600_000, ''])
  assert.ok(Object.isFrozen(daily))
})

test('all mistakes of a schedule are told at once', () => {
  const wrong = { cron: '61 * * * *', enqueue: 7, catchUp: 'all', catchUpMaxMs: 1, every: 5 }
  const problems = problemsOf(() => schedule('month end', wrong as never))
  assert.deepEqual(
    problems.map((one) =>
      one
        .replace(/^schedule: /, '')
        .split(' ')
        .slice(0, 3)
        .join(' '),
    ),
    [
      'schedule name "month',
      'catchUp must be',
      'catchUpMaxMs must be',
      'every is no',
      'cron "61 *',
      'zone must be',
      'enqueue must be',
    ],
  )
  assert.match(problems[5] ?? '', /IANA time zone, such as Europe\/Amsterdam or UTC, not undefined/)
  assert.match(problemsOf(() => schedule('a', null as never)).join(), /^schedule a: it must be an object, not null$/)
})

test('a service has one schedule of a name, and a handler of a job', () => {
  const twice = problemsOf(() => service({ name: 'billing', handlers: [report], schedules: [daily, daily] }))
  assert.deepEqual(twice, ['billing has two schedules daily: give each a name of its own'])
  assert.match(
    problemsOf(() => service({ name: 'billing', schedules: [daily] })).join(),
    /billing has schedules and no handler of a job/,
  )
  const holes = problemsOf(() => service({ name: 'billing', handlers: [report], schedules: [undefined as never] }))
  assert.deepEqual(holes, ['service billing: schedules[0] must be made by schedule(), not undefined'])
  const sound = service({ name: 'billing', handlers: [report], schedules: [daily] })
  assert.deepEqual([...sound.schedules], [['daily', daily]])
})

test('a slot says its instant, and what clocks in its zone show', () => {
  const plan = planOf(schedule('early', { cron: '0 2 * * *', zone: 'Europe/Amsterdam', enqueue }))
  const at = (time: string) => slotOf(plan, Date.parse(time)).local
  assert.equal(at('2026-03-28T01:00:00Z'), '2026-03-28T02:00')
  assert.equal(at('2026-03-29T01:00:00Z'), '2026-03-29T03:00')
  assert.deepEqual([at('2026-10-25T00:00:00Z'), at('2026-10-25T01:00:00Z')], ['2026-10-25T02:00', '2026-10-25T02:00'])
  assert.equal(at('2026-12-31T23:30:59Z'), '2027-01-01T00:30')
})

test('a plan that is written down is read as the same plan', () => {
  for (const [text, zone] of [
    ['@daily', 'UTC'],
    ['*/5  8-17 * * MON-FRI', 'America/New_York'],
    [' 0 2 1 * * ', 'UTC'],
  ] as const) {
    const plan = planOf(schedule('a', { cron: text, zone, enqueue }))
    const read = planOfSpec('a', plan.spec)
    assert.equal(read.spec, plan.spec)
    assert.deepEqual([read.cron.minutes, read.cron.days], [plan.cron.minutes, plan.cron.days])
  }
})

test('the last slot of a span is the one that no other follows in it', () => {
  const zone = zoneRules('Europe/Amsterdam')
  const beginMs = Date.parse('2026-03-27T12:34:56.789Z')
  for (const text of ['* * * * *', '*/7 1-3 * * *', '0 2 * * *', '30 0 29 3 *', '0 0 29 2 *', '* * 28 * *'])
    for (const spanMs of [1, 59_999, 60_000, 3_600_000, 40 * 3_600_000]) {
      const one = cron(text)
      const untilMs = beginMs + spanMs
      let expected: number | undefined
      for (let at = nextSlot(one, zone, beginMs); at <= untilMs; at = nextSlot(one, zone, at)) expected = at
      assert.equal(lastSlot(one, zone, { afterMs: beginMs, untilMs }), expected, `${text} for ${spanMs} ms`)
    }
  // A slot at the end is in the span, one at its beginning is not.
  const midnight = Date.parse('2026-03-28T00:00:00Z')
  const span = (afterMs: number, untilMs: number) => lastSlot(cron('0 1 * * *'), zone, { afterMs, untilMs })
  assert.deepEqual([span(midnight - 1, midnight), span(midnight, midnight + 1)], [midnight, undefined])
})
