import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FirebreakError, permanent } from '../../../src/contracts/errors.ts'
import type { Fact } from '../../../src/contracts/journal.ts'
import { Facts } from '../../../src/runtime/instance/facts.ts'
import { healthOf } from '../../../src/runtime/instance/health.ts'
import { type Logger, logTo } from '../../../src/runtime/operator/log-to.ts'
import { createRuntime } from '../../../src/runtime/runtime.ts'
import { sqliteDatabase } from '../../../src/sqlite/database/sqlite-database.ts'
import { memoryLog } from '../../../src/testing/memory-log/memory-log.ts'
import { virtualClock } from '../../../src/testing/virtual-time/virtual-clock.ts'
import { named } from '../../named.ts'
import { Outage, publishAll, scene, writer } from '../../thing-scene.ts'

const at = (ms: number) => ({ now: () => ms, monotonic: () => ms })

const thrower = (thrown: unknown) =>
  writer('one', () => {
    throw thrown
  })

test('a listener hears the facts of its kind, until it ends, and the observer all of them', async () => {
  const { app, facts } = await scene([writer('one')])
  const heard: Fact[] = []
  const { runtime } = named(app, 'one')
  const end = runtime.on('done', (fact) => void heard.push(fact))
  await publishAll(app, [['a', 1]])
  end()
  await publishAll(app, [['b', 1]])
  assert.deepEqual(
    heard.map((fact) => ('key' in fact ? `${fact.kind} ${fact.key}` : fact.kind)),
    ['done a'],
  )
  assert.equal(facts.filter(({ kind }) => kind === 'done').length, 2)
  await app.stop()
})

test('a fact has an error whatever was thrown, and says what caused its event', async () => {
  for (const thrown of [undefined, 'text', { code: 7 }, Symbol('odd')]) {
    const { app, facts } = await scene([thrower(thrown)])
    await publishAll(app, [['k', 1]])
    const failed = facts.find((fact) => fact.kind === 'failed')
    assert.ok(failed?.error instanceof Error)
    assert.ok(failed.correlationId !== null)
    await app.stop()
  }
})

test('a listener that throws harms neither the instance nor the other listeners', () => {
  const heard: string[] = []
  const facts = new Facts('one', {}, at(0))
  facts.on('stopped', () => {
    throw new Error('no')
  })
  facts.on('stopped', () => void heard.push('other'))
  facts.emit({ kind: 'stopped', drained: true, durationMs: 1 })
  assert.deepEqual(heard, ['other'])
})

test('facts are heard by the observer, or by a listener of their kind while it is there', () => {
  const facts = new Facts('one', {}, at(0))
  assert.equal(facts.hears('done'), false)
  const end = facts.on('done', () => {})
  assert.deepEqual([facts.hears('done'), facts.hears('failed')], [true, false])
  end()
  assert.equal(facts.hears('done'), false)
  assert.equal(new Facts('one', { observe: () => {} }, at(0)).hears('done'), true)
})

test('a listener that is no function, and a logger without its methods, are refused at once', () => {
  const facts = new Facts('one', {}, at(0))
  assert.throws(() => facts.on('done', undefined as never), /runtime\.on\(done\) must have a function, not undefined/)
  assert.throws(() => logTo({ info() {} } as never), /the logger has no method warn, error/)
  assert.throws(() => logTo(undefined as never), /the logger has no method info, warn, error/)
})

function recording(): { readonly logger: Logger; readonly lines: [string, Record<string, unknown>, string][] } {
  const lines: [string, Record<string, unknown>, string][] = []
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push([level, fields as Record<string, unknown>, message])
  return { logger: { info: at('info'), warn: at('warn'), error: at('error') }, lines }
}

test('logTo logs what people have to know, with its fields, and nothing of what went well', async () => {
  const { logger, lines } = recording()
  const one = writer('one', ({ id }) => {
    if (id === 'bad') throw permanent('never')
  })
  const { app } = await scene([one], { observe: logTo(logger) })
  const [id] = await publishAll(app, [
    ['bad', 1],
    ['good', 1],
  ])
  assert.ok(lines.some(([level, { service, kind }]) => level === 'info' && kind === 'started' && service === 'one'))
  assert.ok(!lines.some(([, { kind }]) => kind === 'done'))
  const [level, fields, message] = lines.find(([, { kind }]) => kind === 'dead-lettered') ?? []
  assert.equal(level, 'error')
  assert.equal(message, 'dead-lettered thing.happened: never')
  const { topic, offset, eventId, correlationId, error } = fields as Record<string, unknown>
  assert.deepEqual([topic, offset, eventId, typeof correlationId], ['thing.events', 0, id, 'string'])
  assert.deepEqual((error as { code: string }).code, 'FB_HANDLER_PERMANENT')
  await app.stop()
})

test('logTo writes text of others without control characters and without credentials', () => {
  const { logger, lines } = recording()
  const error = new Error(
    'refused \u001b[2J by postgresql://ada:secret-word@db/shop with Bearer abcdefghijklmnopqrstuv',
  )
  const at = { topic: 't', partition: 0, offset: 1 }
  const about = { at, key: 'k\u202e', eventId: 'a\nb', eventType: 'thing\u001b', correlationId: null }
  logTo(logger)({ kind: 'failed', attempt: 2, durationMs: 1, atMs: 1, error, ...about }, 'one')
  const text = JSON.stringify(lines).replaceAll('\\\\', '\\')
  assert.ok(!/secret-word|abcdefghijklmnop/.test(text), text)
  const [[, fields, message] = []] = lines
  const { stack } = (fields as { error: { stack: string } }).error
  for (const one of [message, fields?.['key'], fields?.['eventId'], fields?.['eventType'], stack])
    for (const control of ['\u001b', '\u202e']) assert.ok(!String(one).includes(control))
  assert.ok(!/\n/.test(`${message}${fields?.['eventId']}`))
  assert.deepEqual([fields?.['attempt'], fields?.['partition']], [2, 0])
})

test('health says why an instance is not ready, and that one which has halted needs a new process', () => {
  const facts = new Facts('one', {}, at(5000))
  const asked = (more: object = {}) =>
    healthOf({ facts, isStopping: false, outbox: { pending: 0, max: 10 }, nowMs: 5000, ...more })
  assert.deepEqual(asked(), { live: true, ready: false, reasons: ['it has not started'] })
  facts.emit({ kind: 'started', instance: 'i', durationMs: 1 })
  assert.deepEqual(asked(), { live: true, ready: true, reasons: [] })
  assert.deepEqual(asked({ outbox: { pending: 10, max: 10 } }).reasons, [
    'outbox: 10 events wait for the log, and 10 is the limit',
  ])
  facts.emit({
    kind: 'infrastructure-error',
    where: 'database',
    error: new Error('no answer of postgresql://a:b-secret@h/d\u001b'),
  })
  assert.deepEqual(asked().reasons, ['database: no answer of postgresql://***@h/d\\u001b'])
  assert.equal(asked({ nowMs: 15_001 }).ready, true, 'it has not been heard of for ten seconds')
  assert.deepEqual(asked({ isStopping: true }), { live: true, ready: false, reasons: ['it is stopping'] })
  facts.emit({ kind: 'halted', error: new Error('fenced') })
  facts.emit({ kind: 'stopped', drained: false, durationMs: 1 })
  assert.deepEqual(asked(), { live: false, ready: false, reasons: ['it has halted: fenced'] })
})

test('an instance whose database is away is not ready, and is again when it is back', async () => {
  const around = new Outage()
  const { app } = await scene([writer('one')], { around })
  const { runtime } = named(app, 'one')
  assert.deepEqual(runtime.health(), { live: true, ready: true, reasons: [] })
  around.databaseAway = true
  await publishAll(app, [['k', 1]])
  await app.advance(5000)
  assert.equal(runtime.health().ready, false)
  assert.match(runtime.health().reasons.join(), /^database: /)
  around.databaseAway = false
  await app.advance(30_000)
  assert.deepEqual(runtime.health(), { live: true, ready: true, reasons: [] })
  await named(app, 'one').stop()
  assert.deepEqual(runtime.health().reasons, ['it has stopped'])
  await app.stop()
})

test('a runtime, a log and a database end with their block', async () => {
  const clock = virtualClock()
  const ended: string[] = []
  {
    await using log = memoryLog({ clock })
    await using database = sqliteDatabase({ path: ':memory:', clock })
    await database.query('create table effects (key text)')
    await using runtime = createRuntime({ service: writer('one'), log, database, clock })
    runtime.on('stopped', () => void ended.push('stopped'))
    await runtime.start()
    ended.push('block')
    void log
  }
  assert.deepEqual(ended, ['block', 'stopped'])
})

test('the deployment may set how many handlers run at once', async () => {
  const log = memoryLog()
  const limits = { handlersMax: 5000, recordsMax: 100 }
  const runtime = createRuntime({ service: writer('one'), log, database: sqliteDatabase({ path: ':memory:' }), limits })
  await assert.rejects(
    runtime.start(),
    (error: FirebreakError) => error.code === 'FB_CONFIG' && /handlersMax 5000 of one is above/.test(error.message),
  )
  let most = 0
  let running = 0
  const { app } = await scene(
    [
      writer('two', async () => {
        most = Math.max(most, ++running)
        await new Promise<void>((resolve) => app.clock.schedule(10, resolve))
        running--
      }),
    ],
    { limits: { handlersMax: 2 } },
  )
  await named(app, 'two').crash()
  await publishAll(
    app,
    Array.from({ length: 10 }, (_, n): [string, number] => [`k${n}`, n]),
  )
  await named(app, 'two').restart()
  await app.advance(1000)
  assert.equal(most, 2)
  await app.stop()
})

test('a fact says when it was, and an attempt how long it took, whatever the wall clock does meanwhile', async () => {
  const one = writer('one', async ({ id }, ctx) => {
    await new Promise<void>((resolve) => app.clock.schedule(id === 'slow' ? 250 : 40, resolve))
    named(app, 'one').jump(-3_600_000)
    if (ctx.attempt === 1) throw new Error('not yet')
  })
  const { app, facts } = await scene([one])
  const startMs = app.clock.now()
  await publishAll(app, [['slow', 1]])
  await app.advance(60_000)
  const took = facts.flatMap((fact) => ('durationMs' in fact ? [`${fact.kind} ${fact.durationMs}`] : []))
  assert.deepEqual(took, ['started 0', 'failed 250', 'done 250'])
  const failed = facts.find(({ kind }) => kind === 'failed')
  assert.equal(failed?.atMs, startMs + 250 - 3_600_000)
  const [letter] = await named(app, 'one').deadLetters.list()
  assert.equal(letter, undefined)
  await app.stop()
})
