import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import type { Fact } from '../../../src/contracts/journal.ts'
import type { LogRecord } from '../../../src/contracts/log.ts'
import { event } from '../../../src/define/event.ts'
import { handle } from '../../../src/define/handle.ts'
import { service } from '../../../src/define/service.ts'
import { createRuntime } from '../../../src/runtime/runtime.ts'
import { sqliteDatabase } from '../../../src/sqlite/database/sqlite-database.ts'
import { memoryLog } from '../../../src/testing/memory-log/memory-log.ts'
import type { TestRuntime } from '../../../src/testing/test-runtime.ts'
import { named } from '../../named.ts'
import { Followed, Happened, parkingRetry, publishAll, scene, writer } from '../../thing-scene.ts'

async function appendRaw(app: TestRuntime, changes: Partial<LogRecord>): Promise<void> {
  const headers = {
    ce_specversion: '1.0',
    ce_id: app.entropy.uuid(),
    ce_source: '/elsewhere',
    ce_type: Happened.type,
    ce_schemaversion: '1',
  }
  const value = new TextEncoder().encode('{"id":"k","n":1}')
  await app.log.append([{ topic: Happened.topic, key: 'k', value, headers, ...changes }])
  await app.settle()
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const envelope = (changes: Record<string, string>): Record<string, string> => ({
  ce_id: 'x-1',
  ce_source: '/elsewhere',
  ce_type: Happened.type,
  ...changes,
})

test('what cannot be read is a dead letter at once, with its bytes and its reason, and the key goes on', async () => {
  const { app, effects } = await scene([writer('one')])
  await appendRaw(app, { value: new Uint8Array([0xff, 0xfe, 0x00]) })
  await appendRaw(app, { value: bytes('{not json') })
  await appendRaw(app, { value: null })
  await appendRaw(app, { headers: {} })
  await appendRaw(app, { headers: envelope({ ce_schemaversion: 'two' }) })
  await appendRaw(app, { value: bytes('{"id":"k","n":"many"}') })
  await appendRaw(app, { headers: envelope({ ce_schemaversion: '9' }) })
  await publishAll(app, [['k', 2]])
  const letters = (await named(app, 'one').deadLetters.list()).toSorted((a, b) => a.entry.offset - b.entry.offset)
  assert.deepEqual(
    letters.map(({ reason }) => reason),
    ['undecodable', 'undecodable', 'undecodable', 'undecodable', 'undecodable', 'contract', 'upcaster'],
  )
  assert.deepEqual(letters[0]!.entry.value, new Uint8Array([0xff, 0xfe, 0x00]))
  assert.ok(letters.every((letter) => letter.attempts.length === 1))
  assert.deepEqual(await effects('one'), ['k:2'])
  assert.deepEqual((await named(app, 'one').ledger()).problems, [])
  await app.stop()
})

test('an event without a handler is skipped and counted, or kept as a dead letter', async () => {
  const keeping = { ...writer('two'), unknownEvents: 'dead-letter' as const }
  const { app, count } = await scene([writer('one'), keeping])
  await appendRaw(app, { headers: envelope({ ce_type: 'thing.unheard' }) })
  const sum = async (name: string): Promise<{ skipped: number; dead: number }> => {
    const { partitions } = await named(app, name).ledger()
    const total = { skipped: 0, dead: 0 }
    for (const { skipped, dead } of partitions) {
      total.skipped += skipped
      total.dead += dead
    }
    return total
  }
  assert.deepEqual(await sum('one'), { skipped: 1, dead: 0 })
  assert.deepEqual(await sum('two'), { skipped: 0, dead: 1 })
  assert.equal((await named(app, 'two').deadLetters.list())[0]?.reason, 'unknown-event')
  assert.equal(count('skipped'), 1)
  await app.stop()
})

test('old versions are lifted step by step before the handler sees them; a broken upcaster is a dead letter', async () => {
  const seen: unknown[] = []
  const Moved = event({
    type: 'truck.moved',
    topic: 'truck.events',
    key: 'truckId',
    version: 3,
    schema: z.object({ truckId: z.string(), km: z.number(), unit: z.literal('km') }),
    upcast: {
      1: ({ truck, miles }: { truck: string; miles: number }) => ({ truckId: truck, miles }),
      2: ({ truckId, miles }: { truckId: string; miles: number | null }) => {
        if (miles === null) throw new Error('no distance')
        return { truckId, km: Math.round(miles * 1.6), unit: 'km' }
      },
    },
  })
  const one = service({ name: 'one', handlers: [handle(Moved, (it) => void seen.push(it))] })
  const { app } = await scene([one])
  const put = (version: string, payload: object): Promise<void> =>
    appendRaw(app, {
      topic: 'truck.events',
      value: bytes(JSON.stringify(payload)),
      headers: envelope({ ce_id: `v${version}-${seen.length}`, ce_type: 'truck.moved', ce_schemaversion: version }),
    })
  await put('1', { truck: 't', miles: 10 })
  await put('2', { truckId: 't', miles: 20 })
  await put('2', { truckId: 't', miles: null })
  await put('3', { truckId: 't', km: 3, unit: 'km' })
  const lifted = [16, 32, 3].map((km) => ({ truckId: 't', km, unit: 'km' }))
  assert.deepEqual(seen, lifted)
  const [letter] = await named(app, 'one').deadLetters.list()
  assert.match(letter!.message, /no distance/)
  await app.stop()
})

test('one business transaction keeps its correlation and trace through three services, each step naming its cause', async () => {
  const Settled = event({ type: 'thing.settled', topic: 'settle.events', key: 'id', schema: Happened.schema })
  const first = writer('first', undefined, { publishes: Followed })
  const second = writer('second', undefined, { handles: Followed, publishes: Settled })
  const third = writer('third', undefined, { handles: Settled })
  const { app, effects } = await scene([first, second, third])
  const id = await app.publish(Happened, { id: 'k', n: 1 })
  const [happened, followed, settled] = (await app.published()).map((one) => one.envelope)
  assert.deepEqual(await effects('third'), ['k:1'])
  assert.deepEqual([happened!.correlationId, followed!.correlationId, settled!.correlationId], [id, id, id])
  assert.deepEqual([happened!.causationId, followed!.causationId, settled!.causationId], [null, id, followed!.id])
  const traces = [happened, followed, settled].map((one) => one!.traceparent!.split('-'))
  assert.equal(new Set(traces.map((parts) => parts[1])).size, 1)
  assert.equal(new Set(traces.map((parts) => parts[2])).size, 3)
  assert.deepEqual([followed!.source, settled!.source], ['/first', '/second'])
  await app.stop()
})

test('a payload beyond the limit is refused where it is made, and nothing of its unit takes effect', async () => {
  const Text = event({
    type: 'text.said',
    topic: 'text.events',
    key: 'id',
    schema: z.object({ id: z.string(), text: z.string() }),
  })
  const one = service({
    name: 'one',
    publishes: [Text],
    handlers: [
      handle(Happened, async (it, ctx) =>
        ctx.transaction(async (sql) => {
          await sql.query('insert into effects (key, n) values ($1, $2)', [it.id, it.n])
          ctx.publish(Text, { id: it.id, text: 'x'.repeat(it.n) })
        }),
      ),
    ],
  })
  const { app, effects } = await scene([one], { limits: { payloadBytesMax: 1000 } })
  await publishAll(app, [
    ['k', 2000],
    ['k', 10],
  ])
  assert.deepEqual(await effects('one'), ['k:10'])
  assert.equal((await named(app, 'one').deadLetters.list())[0]?.errorClass, 'FB_RECORD_TOO_LARGE')
  await app.stop()
})

test('a record that fits its limit and not the log is refused too: it would block its key in the outbox forever', async () => {
  const Text = event({
    type: 'text.said',
    topic: 'text.events',
    key: 'id',
    schema: z.object({ id: z.string(), text: z.string() }),
  })
  const { app } = await scene([service({ name: 'one', publishes: [Text] })])
  const runtime = named(app, 'one').runtime
  const say = (length: number): Promise<unknown> =>
    runtime.transaction(async (tx) => tx.publish(Text, { id: 'k', text: 'x'.repeat(length) }))
  const refused = await say(1024 * 1024 - 60).catch((error) => error)
  assert.ok(isFirebreakError(refused, 'FB_RECORD_TOO_LARGE'), String(refused))
  await say(10)
  await app.advance(10_000)
  assert.equal((await app.published(Text)).length, 1)
  assert.equal((await named(app, 'one').ledger()).outbox, 0)
  await app.stop()
})

test('a key with a character NUL is refused where it is made: no database could keep it in its outbox', async () => {
  const log = memoryLog()
  const runtime = createRuntime({ service: service({ name: 'one', publishes: [Happened] }), log })
  await assert.rejects(runtime.publish(Happened, { id: 'a\0b', n: 1 }), (error) =>
    isFirebreakError(error, 'FB_CONTRACT_VIOLATED'),
  )
  await runtime.stop()
  await log.close()
})

test('every problem of a set-up is listed at once, and nothing has started', async () => {
  const log = memoryLog({ recordBytesMax: 1000 })
  const one = writer('one')
  const limits = { recordsMax: 10, parkedMax: 0, payloadBytesMax: 1001 }
  const runtime = createRuntime({ service: { ...one, handlersMax: 50 }, log, limits })
  const error = await runtime.start().catch((reason) => reason)
  assert.ok(isFirebreakError(error, 'FB_CONFIG'))
  for (const words of ['needs a database', 'limits.parkedMax', 'payloadBytesMax', 'handlersMax 50']) {
    assert.ok(error.message.includes(words), `${words} is missing in: ${error.message}`)
  }
  assert.deepEqual(await log.inspect().topics(), [])
  await runtime.stop()
  await log.close()
})

test('a database that holds the ledger of another service is refused', async () => {
  const log = memoryLog()
  const database = sqliteDatabase({ path: ':memory:' })
  const first = createRuntime({ service: writer('one'), log, database })
  await first.start()
  await first.stop()
  const second = createRuntime({ service: writer('two'), log, database })
  await assert.rejects(second.start(), /ledger of "one"/)
  await second.stop()
  await database.close()
  await log.close()
})

test('observers are told what happened to a record, in order, with its place and key', async () => {
  const one = writer('one', (it, ctx) => {
    if (it.n === 1 && ctx.attempt < 3) throw new Error('not yet')
    if (it.n === 2) throw new Error('never')
  })
  const { app, told, facts } = await scene([one])
  await publishAll(app, [
    ['k', 1],
    ['k', 2],
  ])
  await app.advance(120_000)
  assert.deepEqual(told('k'), [
    ...['failed', 'parked', 'parked', 'failed', 'parked', 'done'],
    ...['failed', 'parked', 'failed', 'parked', 'failed', 'dead-lettered'],
  ])
  const dead = facts.find((fact) => fact.kind === 'dead-lettered') as Extract<Fact, { kind: 'dead-lettered' }>
  assert.deepEqual([dead.reason, dead.key, dead.eventType, dead.at.offset], ['exhausted', 'k', Happened.type, 1])
  assert.equal((await named(app, 'one').deadLetters.list())[0]?.id, dead.letterId)
  assert.equal(parkingRetry.attemptsMax, 3)
  assert.deepEqual(new Set(facts.map((fact) => fact.kind)).has('claimed'), true)
  await app.stop()
})

test('an observer that throws stops nothing', async () => {
  const { app, effects } = await scene([writer('one')], {
    observe: (fact) => {
      if (fact.kind === 'done') throw new Error('a broken dashboard')
    },
  })
  await publishAll(app, [
    ['k', 1],
    ['k', 2],
  ])
  await app.advance(5000)
  assert.deepEqual(await effects('one'), ['k:1', 'k:2'])
  assert.deepEqual((await named(app, 'one').ledger()).problems, [])
  await app.stop()
})
