import assert from 'node:assert/strict'
import { test } from 'node:test'
import { permanent, throttled } from '../../../src/contracts/errors.ts'
import { named } from '../../named.ts'
import { laneRetry, parkingRetry, publishAll, scene, writer } from '../../thing-scene.ts'

test('a short retry waits in its lane: later records of the key wait, other keys do not, nothing is parked', async () => {
  const one = writer(
    'one',
    (it, ctx) => {
      if (it.id === 'bad' && ctx.attempt < 3) throw new Error('not yet')
    },
    { retry: laneRetry },
  )
  const { app, effects, count } = await scene([one])
  await publishAll(app, [
    ['bad', 1],
    ['bad', 2],
    ['good', 1],
  ])
  assert.deepEqual(await effects('one'), ['good:1'])
  assert.equal(named(app, 'one').runtime.stats().parkedRecords, 0)
  await app.advance(1000)
  assert.deepEqual(await effects('one'), ['good:1', 'bad:1', 'bad:2'])
  assert.equal(count('parked'), 0)
  await app.stop()
})

test('a parked key keeps its order and blocks nobody', async () => {
  let isDown = true
  const one = writer('one', (it) => {
    if (it.id === 'bad' && isDown) throw new Error('down')
  })
  const { app, effects } = await scene([one])
  await publishAll(app, [
    ['bad', 1],
    ['good', 1],
    ['bad', 2],
    ['good', 2],
    ['bad', 3],
  ])
  assert.deepEqual(await effects('one'), ['good:1', 'good:2'])
  assert.equal(named(app, 'one').runtime.stats().parkedRecords, 3)
  assert.ok((await named(app, 'one').ledger()).ok)
  isDown = false
  await app.advance(10_000)
  assert.deepEqual(await effects('one'), ['good:1', 'good:2', 'bad:1', 'bad:2', 'bad:3'])
  await publishAll(app, [['bad', 4]])
  assert.equal((await effects('one')).at(-1), 'bad:4')
  assert.equal(named(app, 'one').runtime.stats().parkedRecords, 0)
  assert.ok((await named(app, 'one').ledger()).ok)
  await app.stop()
})

test('the offset moves on while a key is parked', async () => {
  const one = writer('one', (it) => {
    if (it.id === 'bad') throw new Error('down')
  })
  const { app } = await scene([one])
  await publishAll(app, [
    ['bad', 1],
    ['bad', 2],
  ])
  const [row] = (await named(app, 'one').ledger()).partitions.filter((partition) => partition.consumed > 0)
  assert.equal(row?.consumed, 2)
  assert.equal(row?.parked, 2)
  await app.advance(2000)
  const committed = await app.log.inspect().committed('one')
  assert.equal(
    committed.reduce((sum, { offset }) => sum + offset, 0),
    2,
  )
  await app.stop()
})

test('what is parked survives a restart and a crash, with its attempts', async () => {
  const attempts: number[] = []
  const one = writer('one', (it, ctx) => {
    if (it.id === 'bad') attempts.push(ctx.attempt)
    if (it.id === 'bad' && ctx.attempt < 3) throw new Error('not yet')
  })
  const { app, effects } = await scene([one])
  await publishAll(app, [
    ['bad', 1],
    ['bad', 2],
  ])
  await named(app, 'one').stop()
  await named(app, 'one').restart()
  await app.advance(10_000)
  await named(app, 'one').crash()
  await named(app, 'one').restart()
  await app.advance(10_000)
  await app.advance(60_000)
  assert.deepEqual(attempts.slice(0, 4), [1, 2, 3, 1])
  assert.deepEqual(await effects('one'), ['bad:1', 'bad:2'])
  assert.ok((await named(app, 'one').ledger()).ok)
  await app.stop()
})

test('skip: after the last attempt the record is a dead letter and its key goes on', async () => {
  const one = writer('one', (it) => {
    if (it.n === 1) throw new Error('never')
  })
  const { app, effects } = await scene([one])
  await publishAll(app, [
    ['bad', 1],
    ['bad', 2],
  ])
  await app.advance(20_000)
  assert.deepEqual(await effects('one'), ['bad:2'])
  const [letter] = await named(app, 'one').deadLetters.list()
  assert.equal(letter?.reason, 'exhausted')
  assert.deepEqual(
    letter?.attempts.map((attempt) => attempt.number),
    [1, 2, 3],
  )
  assert.ok((await named(app, 'one').ledger()).ok)
  await app.stop()
})

test('hold: the key waits for a person, also over a restart, and other keys do not', async () => {
  const one = writer(
    'one',
    (it) => {
      if (it.n === 1 && it.id === 'bad') throw permanent('never')
    },
    { onExhausted: 'hold' },
  )
  const { app, effects } = await scene([one])
  await publishAll(app, [
    ['bad', 1],
    ['bad', 2],
    ['good', 1],
  ])
  await app.advance(3_600_000)
  assert.deepEqual(await effects('one'), ['good:1'])
  await named(app, 'one').crash()
  await named(app, 'one').restart()
  await publishAll(app, [['bad', 3]])
  await app.advance(3_600_000)
  assert.deepEqual(await effects('one'), ['good:1'])
  assert.ok((await named(app, 'one').ledger()).ok)
  await app.stop()
})

test('hold: a discard lets the key go on without the record, in order', async () => {
  const one = writer(
    'one',
    (it) => {
      if (it.n === 1) throw permanent('never')
    },
    { onExhausted: 'hold' },
  )
  const { app, effects } = await scene([one])
  await publishAll(app, [
    ['bad', 1],
    ['bad', 2],
    ['bad', 3],
  ])
  const [letter] = await named(app, 'one').deadLetters.list()
  await named(app, 'one').deadLetters.discard(letter!.id, { by: 'ann', note: 'test data' })
  await app.settle()
  assert.deepEqual(await effects('one'), ['bad:2', 'bad:3'])
  await publishAll(app, [['bad', 4]])
  assert.deepEqual(await effects('one'), ['bad:2', 'bad:3', 'bad:4'])
  const ledger = await named(app, 'one').ledger()
  assert.deepEqual(ledger.problems, [])
  assert.equal(
    ledger.partitions.reduce((sum, partition) => sum + partition.discarded, 0),
    1,
  )
  await app.stop()
})

test('hold: a replay goes first and the rest follows in order', async () => {
  let isFixed = false
  const one = writer(
    'one',
    (it) => {
      if (it.n === 1 && !isFixed) throw permanent('never')
    },
    { onExhausted: 'hold' },
  )
  const { app, effects } = await scene([one])
  await publishAll(app, [
    ['bad', 1],
    ['bad', 2],
    ['bad', 3],
  ])
  isFixed = true
  const [letter] = await named(app, 'one').deadLetters.list()
  await named(app, 'one').deadLetters.replay(letter!.id, { by: 'ann', note: 'fixed' })
  await app.settle()
  assert.deepEqual(await effects('one'), ['bad:1', 'bad:2', 'bad:3'])
  assert.equal((await named(app, 'one').deadLetters.get(letter!.id)).state, 'resolved')
  assert.ok((await named(app, 'one').ledger()).ok)
  await app.stop()
})

test('a replayed hold that fails again holds again, in the same letter', async () => {
  const one = writer(
    'one',
    (it) => {
      if (it.n === 1) throw permanent('never')
    },
    { onExhausted: 'hold' },
  )
  const { app, effects } = await scene([one])
  await publishAll(app, [
    ['bad', 1],
    ['bad', 2],
  ])
  const [letter] = await named(app, 'one').deadLetters.list()
  await named(app, 'one').deadLetters.replay(letter!.id, { by: 'ann', note: 'try' })
  await app.advance(60_000)
  assert.deepEqual(await effects('one'), [])
  const again = await named(app, 'one').deadLetters.get(letter!.id)
  assert.equal(again.state, 'open')
  assert.equal(again.replays, 1)
  assert.deepEqual(
    again.history.map((action) => action.action),
    ['dead-lettered', 'replayed', 'dead-lettered'],
  )
  assert.ok((await named(app, 'one').ledger()).ok)
  await app.stop()
})

test('too much parked pauses the partitions that hold it, and they go on when it drains', async () => {
  let isDown = true
  const one = writer(
    'one',
    () => {
      if (isDown) throw new Error('down')
    },
    { retry: { ...parkingRetry, attemptsMax: 100 } },
  )
  const { app, effects } = await scene([one], { limits: { parkedMax: 20 } })
  const wanted = Array.from({ length: 60 }, (_, n): [string, number] => [`k${n % 3}`, n])
  await publishAll(app, wanted)
  await app.advance(5000)
  assert.ok(
    named(app, 'one').runtime.stats().parkedRecords <= 24,
    `${named(app, 'one').runtime.stats().parkedRecords} parked`,
  )
  isDown = false
  await app.advance(60_000)
  assert.equal((await effects('one')).length, 60)
  assert.ok((await named(app, 'one').ledger()).ok)
  await app.stop()
})

test('a throttled handler is tried again after the given time and is not worn out by it', async () => {
  const startedAtMs: number[] = []
  const one = writer('one', () => {
    startedAtMs.push(app.clock.now())
    if (startedAtMs.length <= 6) throw throttled(30_000)
  })
  const { app, effects } = await scene([one])
  await publishAll(app, [['slow', 1]])
  await app.advance(600_000)
  assert.deepEqual(
    startedAtMs.slice(1).map((at, i) => at - startedAtMs[i]!),
    Array(6).fill(30_000),
  )
  assert.deepEqual(await effects('one'), ['slow:1'])
  await app.stop()
})

test('no attempt starts later than the age limit allows', async () => {
  const startedAtMs: number[] = []
  const retry = { attemptsMax: 100, ageMaxMs: 25_000, baseMs: 10_000, capMs: 10_000, jitter: 'none' } as const
  const one = writer(
    'one',
    () => {
      startedAtMs.push(app.clock.now())
      throw new Error('down')
    },
    { retry },
  )
  const { app } = await scene([one])
  await publishAll(app, [['old', 1]])
  await app.advance(600_000)
  assert.deepEqual(
    startedAtMs.map((at) => at - startedAtMs[0]!),
    [0, 10_000, 20_000],
  )
  assert.equal((await named(app, 'one').deadLetters.list())[0]?.reason, 'exhausted')
  await app.stop()
})

test('decorrelated delays grow from one attempt to the next, over parking too', async () => {
  const startedAtMs: number[] = []
  const retry = { attemptsMax: 8, baseMs: 1000, capMs: 600_000, laneWaitMaxMs: 1500, jitter: 'decorrelated' } as const
  const one = writer(
    'one',
    () => {
      startedAtMs.push(app.clock.now())
      throw new Error('down')
    },
    { retry },
  )
  const { app } = await scene([one], { seed: 3 })
  await publishAll(app, [['k', 1]])
  await app.advance(7_200_000)
  const delays = startedAtMs.slice(1).map((at, i) => at - startedAtMs[i]!)
  assert.equal(delays.length, 7)
  assert.ok(Math.max(...delays) > 3000, `the delays were ${delays}`)
  await app.stop()
})
