/** Schemas that answer late, never, or with something that is no value, wherever firebreak asks them. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import type { EventDefinition } from '../../../src/contracts/event.ts'
import type { Schema } from '../../../src/contracts/schema.ts'
import type { Transaction } from '../../../src/contracts/transaction.ts'
import { event } from '../../../src/define/event.ts'
import { handle } from '../../../src/define/handle.ts'
import { service } from '../../../src/define/service.ts'
import { named } from '../../named.ts'
import { Happened, publishAll, recordOf, scene, type Thing } from '../../thing-scene.ts'

const judging = (type: string, validate: (value: unknown) => unknown): EventDefinition<Schema<Thing>> => {
  const schema = { '~standard': { version: 1, vendor: 'own', validate } } as unknown as Schema<Thing>
  return event({ type, topic: type, key: 'id', schema })
}
const never = (): Promise<never> => new Promise(() => {})
const Hanging = judging('hanging.said', never)
const options = { deadlineMs: 1000, retry: { attemptsMax: 2, baseMs: 10, capMs: 10 } }
const by = { by: 'ann', note: 'fixed' }

test('a schema that never answers a publish fails the attempt at its deadline, and no commit waits for it', async () => {
  const done: string[] = []
  const publishing = handle(
    Happened,
    (it, ctx) => {
      if (it.id === 'bad') ctx.publish(Hanging, it)
      else done.push(`${it.id} at ${app.clock.now() - startMs}`)
    },
    options,
  )
  const { app, count } = await scene([service({ name: 'one', publishes: [Hanging], handlers: [publishing] })])
  const startMs = app.clock.now()
  await publishAll(app, [['bad', 1]])
  await publishAll(app, [['good', 1]])
  assert.deepEqual(done, ['good at 0'])
  assert.equal(count('done'), 1, 'its commit did not wait')
  await app.advance(10_000)
  const [letter] = await named(app, 'one').deadLetters.list()
  assert.deepEqual([letter?.errorClass, letter?.attempts.length], ['FB_SCHEMA_TIMEOUT', 2])
  assert.equal((await named(app, 'one').ledger()).problems.length, 0)
  await app.stop()
})

test('outside of a handler a publish waits for its schema for half a minute, and a transaction for its own time', async () => {
  const { app } = await scene([service({ name: 'one', publishes: [Hanging] })])
  const ended: string[] = []
  const said = (what: string) => (error: { code?: string }) => void ended.push(`${what} ${error.code}`)
  named(app, 'one').runtime.publish(Hanging, { id: 'k', n: 1 }).catch(said('publish'))
  const body = async (tx: Transaction): Promise<void> => tx.publish(Hanging, { id: 'k', n: 1 })
  named(app, 'one').runtime.transaction(body).catch(said('transaction'))
  await app.advance(29_000)
  assert.deepEqual(ended, ['transaction FB_TRANSACTION_TIMEOUT'])
  await app.advance(1001)
  assert.deepEqual(ended, ['transaction FB_TRANSACTION_TIMEOUT', 'publish FB_SCHEMA_TIMEOUT'])
  await app.stop()
})

test('an edit is judged by its bytes, in half a minute, whatever the schema does to what it is shown', async () => {
  let way: 'refuses' | 'hangs' | 'changes' = 'refuses'
  const judged = judging('thing.judged', (value) => {
    if (way === 'hangs') return never()
    if (way === 'refuses') return { issues: [{ message: 'not yet' }] }
    const it = value as Thing & { at?: unknown }
    it.n *= 2
    return it.at === undefined || typeof it.at === 'string' ? { value: it } : { issues: [{ message: 'no text' }] }
  })
  const seen: number[] = []
  const { app } = await scene([service({ name: 'one', handlers: [handle(judged, ({ n }) => void seen.push(n))] })])
  const headers = { ce_id: 'one', ce_source: '/x', ce_type: judged.type }
  await app.log.append([{ ...recordOf(1), topic: judged.topic, headers }])
  await app.settle()
  const deadLetters = named(app, 'one').deadLetters
  const [letter] = await deadLetters.list()
  const edit = (payload: unknown): Promise<void> => deadLetters.edit(letter?.id ?? '', payload, by)
  way = 'hangs'
  let error: unknown
  edit({ id: 'k', n: 1 }).catch((reason) => {
    error = reason
  })
  await app.advance(30_001)
  assert.ok(isFirebreakError(error, 'FB_SCHEMA_TIMEOUT'), String(error))
  way = 'changes'
  const cyclic: Record<string, unknown> = { id: 'k' }
  cyclic['self'] = cyclic
  for (const wrong of [undefined, cyclic, { id: 'k', n: 1n }, { n: 1 }, { id: null, n: 1 }])
    await assert.rejects(edit(wrong), (reason) => isFirebreakError(reason, 'FB_REPLAY_INVALID'))
  await edit({ id: 'k', n: 3, at: z.coerce.date().parse(0) })
  await app.advance(1000)
  assert.deepEqual(seen, [6], 'what was edited is changed once, by its reader')
  await app.stop()
})

test('a promise in the place of the value is no value, and nobody goes round with it', async () => {
  const itself: Record<string, unknown> = {}
  itself['then'] = (resolve: (value: unknown) => void) => resolve(itself)
  const answers: Record<string, () => unknown> = {
    itself: () => ({ value: itself }),
    'itself, later': async () => ({ value: itself }),
    'a promise': () => ({ value: Promise.resolve({ id: 'k', n: 1 }) }),
    'a promise that never ends': () => ({ value: never() }),
    'a promise, later': async () => ({ value: never() }),
  }
  const judged = judging('thing.judged', (value) => answers[(value as Thing).id]?.())
  const one = service({ name: 'one', publishes: [judged], handlers: [handle(judged, () => {}, options)] })
  const { app, count } = await scene([one])
  for (const id of Object.keys(answers)) {
    await assert.rejects(named(app, 'one').runtime.publish(judged, { id, n: 1 }), /returned a promise as the value/)
    const headers = { ce_id: id, ce_source: '/x', ce_type: judged.type }
    const value = new TextEncoder().encode(JSON.stringify({ id, n: 1 }))
    await app.log.append([{ topic: judged.topic, key: id, value, headers }])
  }
  await app.advance(10_000)
  const letters = await named(app, 'one').deadLetters.list()
  assert.equal(letters.length, Object.keys(answers).length)
  for (const { reason, message } of letters) {
    assert.equal(reason, 'contract')
    assert.match(message, /returned a promise as the value/)
  }
  assert.equal(count('halted'), 0)
  await app.stop()
})
