import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { FirebreakError } from '../../../src/contracts/errors.ts'
import type { Fact } from '../../../src/contracts/journal.ts'
import { Facts } from '../../../src/runtime/instance/facts.ts'
import { Warnings } from '../../../src/runtime/operator/warnings.ts'
import { virtualClock } from '../../../src/testing/virtual-time/virtual-clock.ts'

const about = {
  at: { topic: 'orders', partition: 2, offset: 7 },
  key: '4711',
  eventId: 'e-1',
  eventType: 'order.placed',
  correlationId: null,
}
const failed = (error: Error, more: Partial<typeof about> = {}): Fact => ({
  kind: 'failed',
  attempt: 2,
  durationMs: 1,
  atMs: 1,
  error,
  ...about,
  ...more,
})

function printing() {
  const lines: string[] = []
  const clock = virtualClock()
  return { lines, clock, warnings: new Warnings('billing', clock, (line) => lines.push(line)) }
}

test('a warning says service, kind, event, key, cause and what to do, and the first one how to replace it', () => {
  const { lines, warnings } = printing()
  warnings.hear(failed(new Error('no such table: invoices')))
  warnings.hear(failed(new Error('the bank does not answer.')))
  warnings.hear({
    kind: 'dead-lettered',
    letterId: 'l-1',
    reason: 'exhausted',
    error: new Error('no'),
    atMs: 1,
    ...about,
  })
  warnings.hear({
    kind: 'infrastructure-error',
    where: 'log',
    error: new FirebreakError('FB_LOG_FULL', { path: 'd' }),
    atMs: 1,
  })
  assert.match(lines[0] ?? '', /^firebreak billing: no listener is set.*observe: logTo\(logger\).*observe: false/)
  assert.deepEqual(lines.slice(1), [
    'firebreak billing: failed order.placed e-1 of key "4711": no such table: invoices (attempt 2). Create it before the service starts. It is tried again.',
    'firebreak billing: failed order.placed e-1 of key "4711": the bank does not answer (attempt 2). It is tried again. Throw permanent() where that can never help.',
    'firebreak billing: dead-lettered order.placed e-1 of key "4711": no. Look: firebreak dlq show l-1. When the cause is fixed: firebreak dlq replay l-1',
    'firebreak billing: infrastructure-error of the log: no space left for log d. Free disk space; publishing goes on by itself.',
  ])
})

test('what went well is no warning', () => {
  const { lines, warnings } = printing()
  for (const kind of ['done', 'duplicate', 'skipped'] as const)
    warnings.hear({ kind, attempt: 1, durationMs: 1, atMs: 1, ...about })
  warnings.hear({ kind: 'started', instance: 'billing-1', durationMs: 1, atMs: 1 })
  warnings.hear({ kind: 'stopped', drained: true, durationMs: 1, atMs: 1 })
  assert.deepEqual(lines, [])
})

test('data and errors of others move no cursor, and show no credentials', () => {
  const { lines, warnings } = printing()
  const error = new Error('\u001b[2J\nrefused by postgresql://ada:secret-word@db/shop')
  warnings.hear(failed(error, { key: 'k\u202e\n', eventType: 'order\u001b', eventId: '\u0007' }))
  const text = lines.join('')
  for (const found of ['\u001b', '\n', '\u202e', '\u0007', 'secret-word']) assert.ok(!text.includes(found), found)
})

test('of many warnings of one kind five are printed in ten seconds, and then how many were left out', async () => {
  const { lines, clock, warnings } = printing()
  for (let n = 0; n < 100; n++) warnings.hear(failed(new Error('again')))
  warnings.hear({ kind: 'halted', error: new Error('fenced'), atMs: 1 })
  assert.equal(lines.filter((line) => line.includes('failed')).length, 5)
  assert.match(lines.at(-1) ?? '', /halted: fenced/)
  await clock.advance(10_000)
  assert.equal(lines.at(-1), 'firebreak billing: failed: 95 more were left out')
  warnings.hear(failed(new Error('once more')))
  assert.match(lines.at(-1) ?? '', /once more/)
  for (let n = 0; n < 6; n++) warnings.hear(failed(new Error('again')))
  warnings.hear({ kind: 'stopped', drained: true, durationMs: 1, atMs: 1 })
  assert.equal(lines.at(-1), 'firebreak billing: failed: 2 more were left out')
})

test('what somebody listens to is not printed', () => {
  const heard: string[] = []
  const unheard = { hears: (kind: Fact['kind']) => kind === 'halted', hear: ({ kind }: Fact) => void heard.push(kind) }
  const facts = new Facts('one', { unheard }, { now: () => 0, monotonic: () => 0 })
  const halt = () => facts.emit({ kind: 'halted', error: new Error('no') })
  const end = facts.on('halted', () => end())
  halt()
  assert.deepEqual(heard, [])
  halt()
  facts.emit({ kind: 'published', count: 1 })
  assert.deepEqual(heard, ['halted'])
  assert.equal(facts.hears('done'), false, 'facts of what went well are not even built')
})

const program = (options: string): string => `
  import { createRuntime, event, handle, service, sqliteDatabase } from 'firebreak'
  import { memoryLog } from 'firebreak/testing'
  import { z } from 'zod'
  const Placed = event({ type: 'order.placed', topic: 'orders', key: 'id', schema: z.object({ id: z.string() }) })
  const failed = Promise.withResolvers()
  const onPlaced = handle(Placed, async (order, ctx) => {
    if (ctx.attempt === 2) failed.resolve()
    await ctx.transaction((tx) => tx.query('INSERT INTO invoices (id) VALUES ($1)', [order.id]))
  })
  const billing = service({ name: 'billing', publishes: [Placed], handlers: [onPlaced] })
  const database = sqliteDatabase({ path: ':memory:' })
  await using runtime = createRuntime({ service: billing, log: memoryLog(), database, ${options} })
  await runtime.start()
  await runtime.publish(Placed, { id: '4711' })
  await failed.promise
`

test('a program without a listener says on stderr what its first mistake is, and can be silenced', () => {
  const run = (options: string): string =>
    spawnSync(process.execPath, ['--conditions=firebreak-source', '--input-type=module', '-e', program(options)], {
      encoding: 'utf8',
      timeout: 60_000,
    }).stderr
  assert.match(
    run(''),
    /^firebreak billing: no listener is set.*\nfirebreak billing: failed order\.placed .*no such table/,
  )
  assert.equal(run('observe: false'), '')
})

test('a schedule that fails, and a slot that was missed, say which and what comes next', () => {
  const { lines, warnings } = printing()
  const about = { schedule: 'month-end', slotAtMs: Date.UTC(2026, 2, 1, 1), atMs: 1 }
  const unhandled = new FirebreakError('FB_NOT_ENQUEUABLE', { service: 'billing', type: 'a' })
  warnings.hear({ kind: 'schedule-failed', ...about, retryInMs: 1000, error: new Error('not yet') })
  warnings.hear({ kind: 'schedule-failed', ...about, retryInMs: null, error: unhandled })
  warnings.hear({ kind: 'schedule-failed', ...about, retryInMs: null, error: new TypeError('no') })
  warnings.hear({ kind: 'schedule-missed', ...about })
  assert.deepEqual(lines.slice(1), [
    'firebreak billing: schedule-failed month-end at 2026-03-01T01:00:00.000Z: not yet. It is tried again until the next slot comes.',
    'firebreak billing: schedule-failed month-end at 2026-03-01T01:00:00.000Z: service billing has no handler for the job a: add it to handlers of service billing. Add handle(job, …) to `handlers` of the service that enqueues it.',
    'firebreak billing: schedule-failed month-end at 2026-03-01T01:00:00.000Z: no. It is tried again with the next slot.',
    'firebreak billing: schedule-missed month-end at 2026-03-01T01:00:00.000Z. No instance ran, and it is too old by now. To run it all the same: firebreak schedules run month-end',
  ])
})
