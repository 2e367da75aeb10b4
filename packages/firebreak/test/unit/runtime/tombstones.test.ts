/** Events without a payload, through everything that carries an event. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { isFirebreakError, permanent } from '../../../src/contracts/errors.ts'
import { event } from '../../../src/define/event.ts'
import { handle } from '../../../src/define/handle.ts'
import { service } from '../../../src/define/service.ts'
import { createTestRuntime, type TestRuntime } from '../../../src/testing/test-runtime.ts'
import { named } from '../../named.ts'

const schema: z.ZodObject<{ truckId: z.ZodString }> = z.object({ truckId: z.string() })
const Profiled = event({ type: 'TruckProfiled', topic: 'profiles', key: 'truckId', schema, tombstone: true })
const Moved = event({ type: 'truck.moved', topic: 'moves', key: 'truckId', schema })
const Copied = event({ type: 'TruckCopied', topic: 'copies', key: 'truckId', schema, tombstone: true })

/** A fleet that keeps what it is told, fails what it is told to fail, and passes everything on. */
async function fleet(): Promise<{ app: TestRuntime; seen: unknown[]; failing: { on: boolean } }> {
  const seen: unknown[] = []
  const failing = { on: false }
  const handlers = [
    handle(Profiled, async (payload, ctx) => {
      if (failing.on) throw permanent('not today')
      await ctx.transaction(async () => {
        seen.push(payload)
        if (payload === null) ctx.publish(Copied, null, { key: ctx.key ?? assert.fail('no key') })
        else ctx.publish(Copied, payload)
      })
    }),
    handle(Moved, (payload) => void seen.push(payload)),
  ]
  const app = await createTestRuntime({
    services: [service({ name: 'fleet', handlers, publishes: [Copied] })],
    expectDeadLetters: true,
  })
  return { app, seen, failing }
}

const violated = (error: unknown, says: RegExp): boolean =>
  isFirebreakError(error, 'FB_CONTRACT_VIOLATED') && says.test(error.message)

test('a tombstone is a record with a key and no value; its handler gets null, and can pass it on through the outbox', async () => {
  const { app, seen } = await fleet()
  await app.publish(Profiled, { truckId: 't7' })
  await app.publish(Profiled, null, { key: 't7' })
  assert.deepEqual(seen, [{ truckId: 't7' }, null])
  for (const one of [Profiled, Copied]) {
    const [full, empty] = await app.published(one)
    assert.deepEqual([full?.payload, full?.key], [{ truckId: 't7' }, 't7'])
    assert.deepEqual([empty?.payload, empty?.key, empty?.envelope.type], [null, 't7', one.type])
    const at = empty?.at ?? assert.fail('no tombstone')
    const [entry] = await app.log.inspect().read(at, 1)
    assert.equal(entry?.value, null)
    assert.equal(full?.at.partition, at.partition, 'it does not follow what it deletes')
  }
  assert.ok((await named(app, 'fleet').ledger()).ok)
  await app.stop()
})

test('a tombstone that fails is a letter with no value; it is replayed, edited to a payload, and a payload to a tombstone', async () => {
  const { app, seen, failing } = await fleet()
  const by = { by: 'ann', note: 'n' }
  failing.on = true
  await app.publish(Profiled, null, { key: 'a' })
  await app.publish(Profiled, null, { key: 'b' })
  await app.publish(Profiled, { truckId: 'c' })
  failing.on = false
  const letters = named(app, 'fleet').deadLetters
  const all = await letters.list({ state: 'open' })
  const of = (key: string): string => all.find(({ entry }) => entry.key === key)?.id ?? assert.fail(key)
  assert.deepEqual(all.map(({ entry }) => [entry.key, entry.value === null]).sort(), [
    ['a', true],
    ['b', true],
    ['c', false],
  ])
  await letters.replay(of('a'), by)
  await app.settle()
  await assert.rejects(letters.edit(of('b'), { truckId: 'other' }, by), /must stay "b"/)
  await letters.edit(of('b'), { truckId: 'b' }, by)
  await app.settle()
  await letters.edit(of('c'), null, by)
  await app.settle()
  assert.deepEqual(seen, [null, { truckId: 'b' }, null])
  assert.deepEqual(await letters.list({ state: 'open' }), [])
  assert.ok((await named(app, 'fleet').ledger()).ok)
  await app.stop()
})

test('an event that declares no tombstones publishes none, and one that comes all the same is a letter that says so', async () => {
  const { app, seen } = await fleet()
  await assert.rejects(app.publish(Moved as never, null, { key: 'a' }), (error) =>
    violated(error, /null, a tombstone, and the event does not declare tombstone: true/),
  )
  const headers = { ce_id: 'x', ce_source: '/foreign', ce_type: 'truck.moved' }
  await app.log.append([{ topic: 'moves', key: 'a', value: null, headers }])
  await app.settle()
  const [letter] = await named(app, 'fleet').deadLetters.list()
  assert.match(letter?.message ?? '', /no value: a tombstone, which its event does not declare/)
  const edited = named(app, 'fleet').deadLetters.edit(letter?.id ?? '', null, { by: 'ann', note: '' })
  await assert.rejects(edited, (error) => isFirebreakError(error, 'FB_REPLAY_INVALID'))
  assert.deepEqual(seen, [])
  await app.stop()
})

test('a foreign tombstone is handled where it says what it is, and a letter where it has no headers', async () => {
  const { app, seen } = await fleet()
  const headers = { ce_id: 'x', ce_source: '/foreign', ce_type: 'TruckProfiled', ce_schemaversion: '99' }
  await app.log.append([{ topic: 'profiles', key: 'a', value: null, headers }])
  await app.log.append([{ topic: 'profiles', key: 'b', value: null, headers: {} }])
  await app.settle()
  assert.deepEqual(seen, [null])
  const [letter, ...others] = await named(app, 'fleet').deadLetters.list()
  assert.deepEqual(others, [])
  assert.equal(letter?.reason, 'undecodable')
  assert.deepEqual([letter?.entry.key, letter?.entry.value], ['b', null])
  await app.stop()
})

test('a tombstone has a key that is text, and a payload has its own', async () => {
  const { app } = await fleet()
  for (const at of [undefined, {}, { key: 7 }, { key: null }, { key: Symbol('k') }])
    await assert.rejects(app.publish(Profiled, null, at as never), (error) =>
      violated(error, /a tombstone needs its key, publish\(event, null, \{ key \}\)/),
    )
  await assert.rejects(app.publish(Profiled, null, { key: 'a\0b' }), (error) => violated(error, /character NUL/))
  await assert.rejects(app.publish(Profiled, { truckId: 'a' } as never, { key: 'b' }), (error) =>
    violated(error, /truckId: is the key, and not what is given beside the payload/),
  )
  assert.deepEqual(await app.published(Profiled), [])
  await app.stop()
})

test('the word null as a payload is no tombstone: its schema judges it', async () => {
  const { app, seen } = await fleet()
  const headers = { ce_id: 'x', ce_source: '/foreign', ce_type: 'TruckProfiled' }
  await app.log.append([{ topic: 'profiles', key: 'a', value: new TextEncoder().encode('null'), headers }])
  await app.settle()
  assert.deepEqual(seen, [])
  assert.equal((await named(app, 'fleet').deadLetters.list()).length, 1)
  await app.stop()
})
