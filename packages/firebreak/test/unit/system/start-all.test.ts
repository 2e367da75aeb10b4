import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import type { FirebreakError } from '../../../src/contracts/errors.ts'
import { event } from '../../../src/define/event.ts'
import { handle } from '../../../src/define/handle.ts'
import { service } from '../../../src/define/service.ts'
import { defineConfig } from '../../../src/runtime/system/config.ts'
import { startAll } from '../../../src/runtime/system/start-all.ts'
import { sqliteDatabase } from '../../../src/sqlite/database/sqlite-database.ts'
import { memoryLog } from '../../../src/testing/memory-log/memory-log.ts'

const schema = z.object({ orderId: z.string() })
const OrderPlaced = event({ type: 'order.placed', topic: 'orders', key: 'orderId', schema })

const shop = service({ name: 'shop', publishes: [OrderPlaced] })
const insert = 'insert into bills values ($1)'
const onOrder = handle(OrderPlaced, ({ orderId }, ctx) =>
  ctx.transaction(async (tx) => void (await tx.query(insert, [orderId]))),
)
const billing = service({ name: 'billing', handlers: [onOrder] })
const other = service({ name: 'other' })

const memory = () => sqliteDatabase({ path: ':memory:' })
const config = defineConfig({
  log: memoryLog,
  services: [{ service: shop, database: memory }, { service: billing, database: memory }, { service: other }],
})

test('a config starts its services with one log, their databases and tables, and closes all of it', async () => {
  const handled = Promise.withResolvers<void>()
  const app = await startAll(config, {
    prepare: (database) => database.query('create table bills (id text)'),
    observe: ({ kind }, name) => kind === 'done' && name === 'billing' && handled.resolve(),
  })
  const { database } = app.service(billing)
  try {
    await app.service(shop).runtime.transaction(async (tx) => {
      await tx.query(insert, ['4711'])
      tx.publish(OrderPlaced, { orderId: '4711' })
    })
    await handled.promise
    assert.equal((await database.query('select id from bills'))[0]?.['id'], '4711')
    assert.deepEqual(app.health(), { live: true, ready: true, reasons: [] })
    await assert.rejects(app.service(other).database.query('select 1'), { code: 'FB_CONFIG' })
  } finally {
    await app.stop()
  }
  await app.done
  await app.stop()
  assert.deepEqual(app.health().reasons[1], 'billing: it has stopped')
  await assert.rejects(database.query('select 1'), { code: 'FB_CLOSED' })
  await assert.rejects(app.log.append([]), { code: 'FB_CLOSED' })
})

test('a process runs those of a config that it names', async () => {
  await using app = await startAll(config, { services: [other], observe: false })
  assert.ok(app.service(other).runtime)
  assert.throws(() => app.service(billing), /service billing is none of those of this process/)
  const stranger = service({ name: 'stranger' })
  await assert.rejects(startAll(config, { services: [stranger] }), /service stranger is none of those of the config/)
})

test('what was opened is closed when one of them cannot start', async () => {
  const log = memoryLog()
  const databases = [memory(), memory()] as const
  const failing = defineConfig({
    log: () => log,
    services: [
      { service: shop, database: () => databases[0] },
      { service: billing, database: () => databases[1] },
    ],
  })
  const prepare = async (_: unknown, name: string): Promise<void> => {
    if (name === 'billing') throw new Error('no rights')
  }
  await assert.rejects(startAll(failing, { prepare }), /no rights/)
  for (const database of databases) await assert.rejects(database.query('select 1'), { code: 'FB_CLOSED' })
  await assert.rejects(log.append([]), { code: 'FB_CLOSED' })
})

test('mistakes of a config and of its options are reported together, and nothing is opened', async () => {
  const wrong = { log: 1, services: [{ service: billing }] } as never
  await assert.rejects(startAll(wrong, { observer: () => {} } as never), (error: FirebreakError) => {
    assert.match(
      error.message,
      /"log" must be a function[\s\S]*billing has handlers[\s\S]*startAll: observer is no option/,
    )
    return true
  })
})

const refused: readonly (readonly [object, RegExp])[] = [
  [{ services: 'billing' }, /^startAll: services must be a list, not "billing"$/],
  [{ services: [undefined] }, /^startAll: services\[0\] must be made by service\(\)/],
  [{ services: [] }, /^startAll: services must list one service or more/],
  [{ services: [other, other] }, /^startAll: services lists a service twice$/],
  [{ prepare: 5 }, /^startAll: prepare must be a function, not 5$/],
]
for (const [options, message] of refused)
  test(`options that match ${message} are refused before anything is opened`, async () => {
    const closed = defineConfig({ log: () => assert.fail('opened'), services: [{ service: other }] })
    await assert.rejects(startAll(closed, options as never), { code: 'FB_CONFIG', message })
  })
