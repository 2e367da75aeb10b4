import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sleep } from '../../../src/contracts/clock.ts'
import { FirebreakError, isFirebreakError } from '../../../src/contracts/errors.ts'
import type { Around } from '../../../src/testing/around.ts'
import { named } from '../../named.ts'
import { Followed, Outage, publishAll, scene, writer } from '../../thing-scene.ts'

const things = (from: number, to: number): [string, number][] =>
  Array.from({ length: to - from }, (_, i) => [`k${(from + i) % 5}`, from + i])

const perKey = (effects: readonly string[]): Map<string, number[]> => {
  const keys = new Map<string, number[]>()
  for (const effect of effects) {
    const [key = '', n] = effect.split(':')
    keys.set(key, [...(keys.get(key) ?? []), Number(n)])
  }
  return keys
}

function assertInOrder(effects: readonly string[]): void {
  for (const [key, numbers] of perKey(effects)) {
    assert.deepEqual(
      numbers,
      numbers.toSorted((a, b) => a - b),
      `order of ${key}`,
    )
  }
}

test('a database that is away for a minute loses nothing, wears nobody out, and work goes on by itself', async () => {
  const around = new Outage()
  const { app, effects, count } = await scene([writer('one')], { around })
  await publishAll(app, things(0, 10))
  around.databaseAway = true
  await publishAll(app, things(10, 40))
  await app.advance(60_000)
  around.databaseAway = false
  await app.advance(5000)
  const made = await effects('one')
  assert.equal(made.length, 40)
  assertInOrder(made)
  assert.equal(count('failed'), 0)
  assert.deepEqual((await named(app, 'one').ledger()).problems, [])
  await app.stop()
})

test('a commit that is undone after all its units ran leaves the ledger as it was, and is done again', async () => {
  const around = new Outage()
  const { app, effects } = await scene([writer('one')], { around })
  const call = around.call.bind(around)
  let failures = 3
  around.call = (at, run) => {
    const error = new FirebreakError('FB_DATABASE_UNAVAILABLE', { path: 'test', reason: 'planted' })
    if (at.failInside !== undefined && failures-- > 0) at.failInside(error)
    return call(at, run)
  }
  await publishAll(app, things(0, 10))
  await app.advance(10_000)
  assert.equal(new Set(await effects('one')).size, 10)
  assert.equal((await effects('one')).length, 10)
  assert.deepEqual((await named(app, 'one').ledger()).problems, [])
  await app.stop()
})

test('parked records outlive a database that is away while they are due', async () => {
  const around = new Outage()
  const one = writer('one', (it, ctx) => {
    if (it.n === 0 && ctx.attempt === 1) throw new Error('down')
  })
  const { app, effects } = await scene([one], { around })
  await publishAll(app, [
    ['k', 0],
    ['k', 1],
  ])
  around.databaseAway = true
  await app.advance(60_000)
  around.databaseAway = false
  await app.advance(10_000)
  assert.deepEqual(await effects('one'), ['k:0', 'k:1'])
  await app.stop()
})

test('parked keys keep their order when the database fails in the middle of a claim', async () => {
  let isDown = true
  const around = new Outage()
  const one = writer(
    'one',
    (it) => {
      if (it.id === 'bad' && isDown) throw new Error('down')
    },
    { retry: { attemptsMax: 50, baseMs: 20_000, capMs: 20_000, jitter: 'none' } },
  )
  const { app, effects, count } = await scene([one], { around })
  await publishAll(app, [
    ['bad', 0],
    ['bad', 1],
  ])
  await named(app, 'one').crash()
  await publishAll(app, [
    ['bad', 2],
    ['good', 0],
  ])
  isDown = false
  // The claim goes through; what is read of the parked lanes right after it does not.
  const call = around.call.bind(around)
  let failures = 6
  around.call = (at, run) => {
    const isParkedRead =
      at.port === 'database' && at.method === 'query' && around.statements.at(-1)?.includes('fb_parked')
    if (!isParkedRead || failures-- <= 0) return call(at, run)
    return Promise.reject(new FirebreakError('FB_DATABASE_UNAVAILABLE', { path: 'test', reason: 'planted' }))
  }
  await named(app, 'one').restart()
  await app.advance(120_000)
  assert.deepEqual(
    (await effects('one')).filter((effect) => effect.startsWith('bad')),
    ['bad:0', 'bad:1', 'bad:2'],
  )
  assert.equal(count('halted'), 0)
  await app.stop()
})

test('an unknown error of the database between poll and accept loses no record', async () => {
  const around = new Outage()
  const { app, effects } = await scene([writer('one')], { around })
  await publishAll(app, things(0, 5))
  const call = around.call.bind(around)
  let isBroken = true
  around.call = (at, run) => {
    const isInboxRead = at.method === 'query' && around.statements.at(-1)?.includes('fb_inbox WHERE event_id IN')
    if (isInboxRead && isBroken) {
      isBroken = false
      return Promise.reject(new Error('a driver that throws what it likes'))
    }
    return call(at, run)
  }
  // An id that is older than what was marked makes the consumer look into the inbox.
  const [first] = await app.published()
  await app.redeliver(first!.envelope.id)
  await publishAll(app, things(5, 10))
  await app.advance(10_000)
  assert.equal(isBroken, false)
  assert.equal((await effects('one')).length, 10)
  assert.deepEqual((await named(app, 'one').ledger()).problems, [])
  await app.stop()
})

test('progress that the log could not be told is told again, without another record', async () => {
  const around = new Outage()
  const { app } = await scene([writer('one')], { around })
  await publishAll(app, things(0, 5))
  const call = around.call.bind(around)
  let failures = 2
  around.call = (at, run) => {
    if (at.port !== 'cursor' || at.method !== 'commit' || failures-- <= 0) return call(at, run)
    return Promise.reject(new FirebreakError('FB_LOG_UNAVAILABLE', { path: 'test', reason: 'planted' }))
  }
  await app.advance(10_000)
  const committed = await app.log.inspect().committed('one')
  assert.equal(
    committed.reduce((sum, { offset }) => sum + offset, 0),
    5,
  )
  await app.stop()
})

test('a log that is away lets the outbox grow; when it is back, it drains in order', async () => {
  const around = new Outage()
  const { app, effects } = await scene([writer('one', undefined, { publishes: Followed })], { around })
  await publishAll(app, things(0, 20))
  around.logAway = true
  const runtime = named(app, 'one').runtime
  for (let n = 20; n < 40; n++) {
    await runtime.transaction(async (tx) => tx.publish(Followed, { id: `k${n % 5}`, n }))
  }
  await app.advance(10_000)
  assert.equal((await named(app, 'one').ledger()).outbox, 20)
  around.logAway = false
  await app.advance(10_000)
  assert.equal((await named(app, 'one').ledger()).outbox, 0)
  const followed = await app.published(Followed)
  assert.equal(followed.length, 40)
  assertInOrder(followed.map(({ payload, key }) => `${key}:${payload.n}`))
  assert.equal((await effects('one')).length, 20)
  await app.stop()
})

test('a full outbox refuses transactions and pauses intake, and both go on when it drains', async () => {
  const around = new Outage()
  const one = writer('one', undefined, { publishes: Followed })
  const { app, effects } = await scene([one], { around, limits: { outboxMax: 8000 } })
  around.appendAway = true
  const runtime = named(app, 'one').runtime
  const many = Array.from({ length: 900 }, (_, n) => n)
  let refused: unknown
  for (let round = 0; round < 20 && refused === undefined; round++) {
    try {
      await runtime.transaction(async (tx) => {
        for (const n of many) tx.publish(Followed, { id: `k${n % 50}`, n: round * 1000 + n })
      })
    } catch (error) {
      refused = error
    }
    await app.settle()
  }
  assert.ok(isFirebreakError(refused, 'FB_OUTBOX_FULL'), `refused with ${String(refused)}`)
  assert.ok((await named(app, 'one').ledger()).outbox <= 9000)
  around.appendAway = false
  await app.advance(20_000)
  assert.equal((await named(app, 'one').ledger()).outbox, 0)
  assertInOrder((await app.published(Followed)).map(({ payload, key }) => `${key}:${payload.n}`))
  await publishAll(app, things(0, 5))
  assert.equal((await effects('one')).length, 5)
  await app.stop()
})

test('events committed while the outbox is read again leave in commit order', async () => {
  const around = new Outage()
  const { app } = await scene([writer('one', undefined, { publishes: Followed })], { around })
  await named(app, 'one').crash()
  const publish = (n: number): Promise<void> =>
    named(app, 'one').runtime.transaction(async (tx) => tx.publish(Followed, { id: 'k', n }))
  await named(app, 'one').restart()
  around.logAway = true
  await publish(1)
  await publish(2)
  await app.settle()
  await named(app, 'one').crash()
  around.logAway = false
  // The new instance reads what was left; before the rows are back, another one is committed.
  const call = around.call.bind(around)
  let pushed: Promise<void> | undefined
  around.call = async (at, run) => {
    const isRefill = at.method === 'query' && around.statements.at(-1)?.includes('FROM fb_outbox WHERE shard =')
    const result = await call(at, run)
    if (isRefill && pushed === undefined) {
      pushed = publish(3)
      await pushed
    }
    return result
  }
  await named(app, 'one').restart()
  await app.advance(5000)
  assert.deepEqual(
    (await app.published(Followed)).toSorted((a, b) => a.at.offset - b.at.offset).map(({ payload }) => payload.n),
    [1, 2, 3],
  )
  await app.stop()
})

test('a key stops at its first failed send and other keys go on', async () => {
  const around = new Outage()
  const { app } = await scene([writer('one', undefined, { publishes: Followed })], { around })
  const instance = named(app, 'one').runtime
  // Only the first event of the key is refused: the one behind it must wait all the same.
  around.refuses = ({ value }) => new TextDecoder().decode(value!) === '{"id":"bad","n":0}'
  const keys = ['bad', 'good', 'bad', 'good']
  await instance.transaction(async (tx) => {
    for (const [n, id] of keys.entries()) tx.publish(Followed, { id, n })
  })
  await app.advance(5000)
  const before = (await app.published(Followed)).map(({ payload }) => payload.id)
  assert.deepEqual(before, ['good', 'good'])
  around.refuses = () => false
  await app.advance(5000)
  assert.deepEqual(
    (await app.published(Followed)).map(({ payload }) => payload.n),
    [0, 1, 2, 3],
  )
  await app.stop()
})

test('events that are removed while the outbox is read are not sent again', async () => {
  let last = ''
  // A server answers on several connections: what a look has seen may be gone when its answer arrives.
  const around: Around = {
    async call({ method }, run) {
      const isLook = method === 'query' && last.includes('FROM fb_outbox WHERE shard =')
      const result = await run()
      if (isLook) await sleep(app.clock, 30)
      return result
    },
    statement(sql) {
      last = sql
    },
  }
  const { app } = await scene([writer('one', () => {}, { publishes: Followed })], { around })
  for (let n = 1; n < 30; n++) {
    await publishAll(app, [['a', n]])
    await app.advance(10)
  }
  await app.advance(60_000)
  const ns = (await app.published(Followed)).map(({ payload }) => payload.n)
  assert.deepEqual(
    ns,
    Array.from({ length: 29 }, (_, i) => i + 1),
  )
  await app.stop()
})
