import assert from 'node:assert/strict'
import { join } from 'node:path'
import { before, type TestContext, test } from 'node:test'
import { z } from 'zod'
import type { Database } from '../../src/contracts/database.ts'
import { permanent } from '../../src/contracts/errors.ts'
import type { LogRecord } from '../../src/contracts/log.ts'
import { event } from '../../src/define/event.ts'
import { handle } from '../../src/define/handle.ts'
import { type ServiceDefinition, service } from '../../src/define/service.ts'
import { addToOutbox } from '../../src/ledger/outbox.ts'
import { createRuntime } from '../../src/runtime/runtime.ts'
import { defineConfig } from '../../src/runtime/system/config.ts'
import { sqliteDatabase } from '../../src/sqlite/database/sqlite-database.ts'
import { sqliteLog } from '../../src/sqlite/sqlite-log.ts'
import { type Cleanup, emptyScene, run, type Scene, scratch } from './scene.ts'

const schema = z.object({ orderId: z.string() })
const Placed = event({ type: 'order.placed', topic: 'orders', key: 'orderId', schema })
const Invoiced = event({ type: 'invoice.written', topic: 'invoices', key: 'orderId', schema })
const Booked = event({ type: 'invoice.booked', topic: 'books', key: 'orderId', schema })

const shop = service({ name: 'shop', publishes: [Placed] })
const invoicing = service({
  name: 'invoicing',
  publishes: [Invoiced],
  handlers: [handle(Placed, (order, ctx) => ctx.transaction(async (tx) => void tx.publish(Invoiced, order)))],
})
const mailing = service({
  name: 'mailing',
  handlers: [
    handle(Invoiced, ({ orderId }) => {
      if (orderId === 'K-1') throw permanent('no address of K-1')
    }),
  ],
})
const books = service({
  name: 'books',
  publishes: [Booked],
  handlers: [handle(Invoiced, (invoice, ctx) => ctx.transaction(async (tx) => void tx.publish(Booked, invoice)))],
})
const audit = service({ name: 'audit', handlers: [handle(Booked, () => {})] })

const databaseOf = (folder: string, { name }: ServiceDefinition): Database =>
  sqliteDatabase({ path: join(folder, `${name}.db`), durability: 'survives-process-crash-only' })

/** K-1 and K-2 have gone through three services, and mailing has given K-1 up; audit has never run. */
async function threeServices(t: Cleanup): Promise<Scene & { readonly ids: readonly string[] }> {
  const { folder } = emptyScene(t)
  const openLog = () => sqliteLog({ path: join(folder, 'log'), durability: 'survives-process-crash-only' })
  const consumers = [invoicing, mailing, books]
  const log = openLog()
  const done = Promise.withResolvers<void>()
  let left = 6
  const databases = consumers.map((each) => databaseOf(folder, each))
  const runtimes = consumers.map((each, n) => {
    const observe = ({ kind }: { kind: string }) => {
      if ((kind === 'done' || kind === 'dead-lettered') && --left === 0) done.resolve()
    }
    return createRuntime({ service: each, log, database: databases[n]!, observe })
  })
  const publisher = createRuntime({ service: shop, log })
  const all = [publisher, ...runtimes]
  for (const runtime of all) await runtime.start()
  const ids: string[] = []
  for (const orderId of ['K-1', 'K-2']) ids.push(await publisher.publish(Placed, { orderId }))
  await done.promise
  for (const runtime of all) await runtime.stop()
  for (const database of databases) await database.close()
  await log.close()
  const services = [...consumers, audit].map((each) => ({ service: each, database: () => databaseOf(folder, each) }))
  return { folder, config: defineConfig({ log: openLog, services: [{ service: shop }, ...services] }), ids }
}

let scene: Awaited<ReturnType<typeof threeServices>>
before(async () => {
  scene = await threeServices(scratch())
})

const trace = async (id: string, ...options: string[]) => run(scene, ['trace', id, ...options])

const traced = async (id: string, ...options: string[]) => JSON.parse((await trace(id, '--json', ...options)).out)

test('trace: an event goes through three services, in order of causation, with its dead letter', async () => {
  const { exit, out } = await trace(scene.ids[0]!)
  assert.equal(exit, 0)
  const [head, placed, invoiced, booked] = out.trimEnd().split('\n\n')
  assert.equal(head?.split('\n')[0], `correlation ${scene.ids[0]}  3 events`)
  assert.match(
    placed!,
    /^order\.placed\n {2}id .* \(the one asked for\)\n {2}published by shop, .* key K-1\n {2}invoicing: handled$/,
  )
  assert.match(invoiced!, /^ {4}invoice\.written\n.*\n {6}published by invoicing,/)
  assert.match(invoiced!, /\n {6}books: handled/)
  const letter =
    /mailing: dead letter, open, after 1 attempt\n {8}no address of K-1 \(FB_HANDLER_PERMANENT\)\n {8}firebreak dlq show [0-9a-f-]{36}/
  assert.match(invoiced!, letter)
  assert.match(booked!, /^ {8}invoice\.booked\n.*\n {10}published by books,.*\n {10}audit: has never run$/)
  assert.equal(out.includes('K-2'), false)
})

test('trace: by the id of an event in the middle, and by the beginning of one, it is the same way', async () => {
  const whole = await traced(scene.ids[0]!)
  const middle = whole.events[1].id
  assert.deepEqual(await traced(middle), whole)
  assert.deepEqual(await traced(middle.slice(0, 35)), whole)
})

test('trace --json: who published, position, depth and outcome of each event', async () => {
  const { correlationId, complete, looked, events } = await traced(scene.ids[0]!)
  assert.deepEqual([correlationId, complete, looked], [scene.ids[0], true, { records: 6, of: 6 }])
  assert.deepEqual(
    events.map(({ type, publishedBy, depth }: Record<string, unknown>) => [type, publishedBy, depth]),
    [
      ['order.placed', 'shop', 0],
      ['invoice.written', 'invoicing', 1],
      ['invoice.booked', 'books', 2],
    ],
  )
  const [failed, booked] = events[1].outcomes
  assert.deepEqual([failed.service, failed.state, failed.letter.state], ['mailing', 'dead-lettered', 'open'])
  assert.deepEqual(booked, { service: 'books', state: 'handled' })
  assert.deepEqual(events[1].causationId, events[0].id)
})

test('trace: what is not looked at is said, and an id that is not found is 3', async () => {
  const all = await trace('nope')
  assert.deepEqual([all.exit, all.out], [3, ''])
  assert.match(all.err, /No event and no correlation has the id "nope".*\nAll 6 records of the log/)
  const some = await trace('nope', '--max', '2')
  assert.equal(some.exit, 3)
  assert.match(some.err, /Only the newest 2 of 6 records were looked at: --max 6 looks at all of them\./)
  // The letter knows its event, which lies further back than was read.
  const letter = await traced(scene.ids[0]!, '--max', '1')
  assert.deepEqual(
    [letter.complete, letter.events.some(({ type }: { type: string }) => type === 'invoice.written')],
    [false, true],
  )
})

test('trace: the beginning of several correlations is 2 with the candidates', async () => {
  const start = scene.ids[0]!.slice(0, 4)
  const { exit, err } = await trace(start, '--json')
  const { error } = JSON.parse(err)
  assert.deepEqual([exit, error.candidates.length], [2, 2])
  assert.equal((await trace('')).exit, 2)
})

test('trace: an event that waits in the outbox is shown as such', async (t: TestContext) => {
  const waiting = await threeServices(t)
  const database = waiting.config.services[1]!.database!()
  const headers = {
    ...{ ce_specversion: '1.0', ce_id: 'w-1', ce_source: '/invoicing', ce_type: 'invoice.written' },
    ...{ ce_correlationid: waiting.ids[1]!, ce_causationid: waiting.ids[1]! },
  }
  await database.commit([
    async (sql) => void (await addToOutbox(sql, [{ topic: 'invoices', key: 'K-2', headers, value: null }], 0)),
  ])
  await database.close()
  const { out } = await run(waiting, ['trace', waiting.ids[1]!])
  assert.match(out, /id w-1\n.*\n {6}still in the outbox, not in the log\n/)
})

test('trace: events that name each other as their cause are each shown once', async (t: TestContext) => {
  const looped = await threeServices(t)
  const log = looped.config.log()
  const made = (id: string, cause: string): LogRecord => ({
    topic: 'orders',
    key: id,
    value: null,
    headers: {
      ...{ ce_specversion: '1.0', ce_id: id, ce_source: '/x', ce_type: 'order.placed' },
      ...{ ce_correlationid: 'loop', ce_causationid: cause },
    },
  })
  await log.append([made('a', 'b'), made('b', 'a')])
  await log.close()
  const { events } = JSON.parse((await run(looped, ['trace', 'loop', '--json'])).out)
  assert.deepEqual(
    events.map(({ id, outcomes }: Record<string, unknown>) => [id, outcomes]),
    ['a', 'b'].map((id) => [id, [{ service: 'invoicing', state: 'waiting' }]]),
  )
})
