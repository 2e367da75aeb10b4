import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sleep } from '../../../src/contracts/clock.ts'
import { isFirebreakError, permanent } from '../../../src/contracts/errors.ts'
import { partitionOfKey } from '../../../src/contracts/partitioner.ts'
import { named } from '../../named.ts'
import { Happened, Outage, publishAll, scene, type Thing, writer } from '../../thing-scene.ts'

const ann = { by: 'ann', note: 'fixed' }

test('a dead letter keeps the original bytes, every attempt and a fingerprint of the handler', async () => {
  const one = writer('one', function reserve(it) {
    throw new RangeError(`no truck for ${it.n}`)
  })
  const { app } = await scene([one])
  const id = await app.publish(Happened, { id: 'k', n: 7 })
  await app.publish(Happened, { id: 'k2', n: 8 })
  await app.advance(60_000)
  const letters = await named(app, 'one').deadLetters.list()
  const letter = letters.find((one) => one.eventId === id)
  assert.equal(new TextDecoder().decode(letter!.entry.value!), '{"id":"k","n":7}')
  assert.equal(letter!.entry.headers['ce_id'], id)
  assert.equal(letter!.entry.key, 'k')
  assert.equal(letter!.correlationId, id)
  assert.deepEqual(
    letter!.attempts.map(({ number, message }) => [number, message]),
    [1, 2, 3].map((n) => [n, 'no truck for 7']),
  )
  assert.ok(letter!.attempts.every((attempt) => attempt.stack.includes('reserve')))
  assert.match(letter!.fingerprint, /^RangeError@letters\.test\.ts/)
  assert.equal(new Set(letters.map((one) => one.fingerprint)).size, 1)
  await app.stop()
})

test('a replay reaches the one service that failed, under the same event id', async () => {
  let isFixed = false
  const one = writer('one', () => {
    if (!isFixed) throw permanent('broken')
  })
  const seen: string[] = []
  const two = writer('two', (it, ctx) => void seen.push(`${it.n}/${ctx.envelope.id}`))
  const { app, effects } = await scene([one, two])
  const id = await app.publish(Happened, { id: 'k', n: 1 })
  isFixed = true
  const [letter] = await named(app, 'one').deadLetters.list()
  await named(app, 'one').deadLetters.replay(letter!.id, ann)
  await app.advance(10_000)
  assert.deepEqual(await effects('one'), ['k:1'])
  assert.deepEqual(seen, [`1/${id}`])
  const resolved = await named(app, 'one').deadLetters.get(letter!.id)
  assert.equal(resolved.state, 'resolved')
  assert.deepEqual(resolved.history.map(({ action, by }) => `${action} by ${by}`).slice(1), [
    'replayed by ann',
    'resolved by replay',
  ])
  assert.ok((await named(app, 'one').ledger()).ok)
  await app.stop()
})

test('the history of a letter tells when it was resolved, not when its record was appended', async () => {
  let isFixed = false
  const { app } = await scene([
    writer('one', () => {
      if (!isFixed) throw permanent('broken')
    }),
  ])
  await publishAll(app, [['k', 1]])
  isFixed = true
  await app.advance(3_600_000)
  const [letter] = await named(app, 'one').deadLetters.list()
  const atMs = app.clock.now()
  await named(app, 'one').deadLetters.replay(letter!.id, ann)
  await app.settle()
  const times = (await named(app, 'one').deadLetters.get(letter!.id)).history.map((action) => action.atMs)
  assert.deepEqual(times.slice(1), [atMs, atMs])
  await app.stop()
})

test('an edit is validated, gets a new id, and names the old event as its cause', async () => {
  const ids: [string, string | null, string][] = []
  const one = writer('one', (it, ctx) => {
    if (it.n < 0) throw permanent('negative')
    ids.push([ctx.envelope.id, ctx.envelope.causationId, ctx.envelope.correlationId])
  })
  const { app, effects } = await scene([one])
  const id = await app.publish(Happened, { id: 'k', n: -1 })
  const [letter] = await named(app, 'one').deadLetters.list()
  const refused = await named(app, 'one')
    .deadLetters.edit(letter!.id, { id: 'k', n: 'many' }, ann)
    .catch((error) => error)
  assert.ok(isFirebreakError(refused, 'FB_REPLAY_INVALID'))
  assert.equal((await named(app, 'one').deadLetters.get(letter!.id)).state, 'open')
  await named(app, 'one').deadLetters.edit(letter!.id, { id: 'k', n: 1 }, ann)
  await app.settle()
  assert.deepEqual(await effects('one'), ['k:1'])
  assert.notEqual(ids[0]![0], id)
  assert.deepEqual(ids[0]!.slice(1), [id, id])
  assert.equal((await named(app, 'one').deadLetters.get(letter!.id)).state, 'superseded')
  assert.ok((await named(app, 'one').ledger()).ok)
  await app.stop()
})

test('an edit cannot move a record to another key: its place in the order is that of the old one', async () => {
  const one = writer('one', (it) => {
    if (it.n < 0) throw permanent('negative')
  })
  const { app } = await scene([one])
  await publishAll(app, [['k', -1]])
  const [letter] = await named(app, 'one').deadLetters.list()
  const refused = await named(app, 'one')
    .deadLetters.edit(letter!.id, { id: 'other', n: 1 }, ann)
    .catch((error) => error)
  assert.ok(isFirebreakError(refused, 'FB_REPLAY_INVALID'), String(refused))
  await app.stop()
})

test('an edited copy that fails again is a letter of its own', async () => {
  const one = writer('one', () => {
    throw permanent('always')
  })
  const { app } = await scene([one])
  await publishAll(app, [['k', 1]])
  const [letter] = await named(app, 'one').deadLetters.list()
  await named(app, 'one').deadLetters.edit(letter!.id, { id: 'k', n: 2 }, ann)
  await app.settle()
  const open = await named(app, 'one').deadLetters.list({ state: 'open' })
  assert.equal(open.length, 1)
  assert.notEqual(open[0]!.id, letter!.id)
  assert.ok((await named(app, 'one').ledger()).ok)
  await app.stop()
})

test('a discard needs a reason and keeps it', async () => {
  const { app } = await scene([
    writer('one', () => {
      throw permanent('always')
    }),
  ])
  await publishAll(app, [['k', 1]])
  const [letter] = await named(app, 'one').deadLetters.list()
  await assert.rejects(named(app, 'one').deadLetters.discard(letter!.id, { by: 'ann', note: ' ' }), /reason/)
  await named(app, 'one').deadLetters.discard(letter!.id, { by: 'ann', note: 'test data' })
  const discarded = await named(app, 'one').deadLetters.get(letter!.id)
  assert.equal(discarded.state, 'discarded')
  assert.equal(discarded.history.at(-1)?.note, 'test data')
  const again = await named(app, 'one')
    .deadLetters.replay(letter!.id, ann)
    .catch((error) => error)
  assert.ok(isFirebreakError(again, 'FB_DEAD_LETTER_STATE'))
  assert.ok((await named(app, 'one').ledger()).ok)
  await app.stop()
})

test('of two operators who replay one letter at once, one wins and the record is handled once', async () => {
  let isFixed = false
  const { app, effects } = await scene([
    writer('one', () => {
      if (!isFixed) throw permanent('broken')
    }),
  ])
  await publishAll(app, [['k', 1]])
  isFixed = true
  const [letter] = await named(app, 'one').deadLetters.list()
  const deadLetters = named(app, 'one').deadLetters
  const outcomes = await Promise.allSettled([
    deadLetters.replay(letter!.id, ann),
    deadLetters.replay(letter!.id, { by: 'bob', note: '' }),
  ])
  assert.deepEqual(outcomes.map((outcome) => outcome.status).toSorted(), ['fulfilled', 'rejected'])
  await app.settle()
  assert.deepEqual(await effects('one'), ['k:1'])
  assert.ok((await named(app, 'one').ledger()).ok)
  await app.stop()
})

test('a letter replayed while a live record of its key is handled is handled right after it, and the key flows on', async () => {
  let isFixed = false
  const one = writer('one', async (it) => {
    if (it.n === 1 && !isFixed) throw permanent('broken')
    if (it.n === 2) await sleep(app.clock, 5000)
  })
  const { app, effects } = await scene([one])
  await publishAll(app, [
    ['k', 1],
    ['k', 2],
    ['k', 3],
  ])
  isFixed = true
  const [letter] = await named(app, 'one').deadLetters.list()
  await named(app, 'one').deadLetters.replay(letter!.id, ann)
  await app.advance(6000)
  assert.deepEqual((await effects('one')).toSorted(), ['k:1', 'k:2', 'k:3'])
  await publishAll(app, [
    ['k', 4],
    ['k', 5],
  ])
  await app.advance(1000)
  assert.deepEqual((await effects('one')).slice(-2), ['k:4', 'k:5'])
  assert.equal(named(app, 'one').runtime.stats().parkedRecords, 0)
  assert.ok((await named(app, 'one').ledger()).ok)
  await app.stop()
})

test('a letter replayed while a live record of its key is on its way to being parked comes back, and the key flows on', async () => {
  let isFixed = false
  const one = writer('one', async (it, ctx) => {
    if (it.n === 1 && !isFixed) throw permanent('broken')
    if (it.n === 2 && ctx.attempt === 1) {
      await sleep(app.clock, 5000)
      throw new Error('down')
    }
  })
  const { app, effects } = await scene([one])
  await publishAll(app, [
    ['k', 1],
    ['k', 2],
    ['k', 3],
  ])
  isFixed = true
  const [letter] = await named(app, 'one').deadLetters.list()
  await named(app, 'one').deadLetters.replay(letter!.id, ann)
  await app.advance(60_000)
  assert.deepEqual(await effects('one'), ['k:1', 'k:2', 'k:3'])
  await publishAll(app, [['k', 4]])
  await app.advance(1000)
  assert.equal((await effects('one')).at(-1), 'k:4')
  assert.equal(named(app, 'one').runtime.stats().parkedRecords, 0)
  assert.ok((await named(app, 'one').ledger()).ok)
  await app.stop()
})

test('a reload that saw the tables before a record was parked does not forget that it is', async () => {
  let isDown = true
  // The reload reads partition 0 first.
  const id = Array.from({ length: 100 }, (_, i) => `k${i}`).find((key) => partitionOfKey(key, 6) === 0)!
  const around = new Outage()
  const one = writer('one', (it) => {
    if (it.id === 'dead') throw permanent('dead')
    if (it.id === id && isDown) throw new Error('down')
  })
  const { app, effects } = await scene([one], { around })
  await publishAll(app, [['dead', 1]])
  const [letter] = await named(app, 'one').deadLetters.list()
  const call = around.call.bind(around)
  let isHeld = true
  around.call = async (at, run) => {
    const isLoad =
      at.method === 'query' && around.statements.at(-1)?.startsWith('SELECT lane, due_at_ms, at_ms FROM fb_parked')
    const result = await call(at, run)
    if (isLoad && isHeld) await sleep(app.clock, 1000)
    return result
  }
  await named(app, 'one').deadLetters.discard(letter!.id, { by: 'ann', note: 'none' })
  // The reload has read every partition's lanes before this record fails and is parked.
  await publishAll(app, [[id, 1]])
  await app.advance(6000)
  isHeld = false
  isDown = false
  await publishAll(app, [[id, 2]])
  await app.advance(60_000)
  assert.deepEqual(await effects('one'), [`${id}:1`, `${id}:2`])
  assert.ok((await named(app, 'one').ledger()).ok)
  await app.stop()
})

test('records of a key that come while it drains join behind it, however often that happens', async () => {
  let isDown = true
  const one = writer('one', async (it: Thing) => {
    if (it.n === 0 && isDown) throw new Error('down')
    await sleep(app.clock, 10)
  })
  const { app, effects } = await scene([one])
  await publishAll(app, [
    ['k', 0],
    ['k', 1],
    ['k', 2],
  ])
  isDown = false
  const wanted = [0, 1, 2]
  for (let n = 3; n < 40; n++) {
    await app.advance(n === 3 ? 10_000 : 7)
    await app.publish(Happened, { id: 'k', n })
    wanted.push(n)
  }
  await app.advance(60_000)
  assert.deepEqual(
    await effects('one'),
    wanted.map((n) => `k:${n}`),
  )
  assert.equal(named(app, 'one').runtime.stats().parkedRecords, 0)
  await app.stop()
})

test('an empty id names no dead letter, also when there is only one', async () => {
  const { app } = await scene([
    writer('one', () => {
      throw permanent('never')
    }),
  ])
  await app.publish(Happened, { id: 'k', n: 1 })
  const letters = named(app, 'one').deadLetters
  for (const act of [letters.get(''), letters.discard('', ann), letters.replay('', ann)])
    await assert.rejects(act, { code: 'FB_DEAD_LETTER_NOT_FOUND' })
  assert.deepEqual(
    (await letters.list()).map(({ state }) => state),
    ['open'],
  )
  await app.stop()
})
