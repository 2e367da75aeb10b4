import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sleep } from '../../../src/contracts/clock.ts'
import { named } from '../../named.ts'
import { Followed, Outage, publishAll, scene, writer } from '../../thing-scene.ts'

test('a crash at any port call, before or after it, leaves one effect and one event per record', async () => {
  for (const when of ['before', 'after'] as const) {
    for (let call = 1; call <= 45; call++) {
      const { app, effects } = await scene([writer('one', undefined, { publishes: Followed })])
      named(app, 'one').crashAt(call, when)
      await publishAll(app, [
        ['a', 1],
        ['b', 1],
        ['a', 2],
      ])
      await app.advance(3000)
      await named(app, 'one').crash()
      await named(app, 'one').restart()
      await app.advance(10_000)
      const label = `crash ${when} call ${call}`
      assert.deepEqual((await effects('one')).toSorted(), ['a:1', 'a:2', 'b:1'], label)
      const ids = (await app.published(Followed)).map(({ envelope }) => envelope.id)
      assert.equal(new Set(ids).size, 3, label)
      assert.deepEqual((await named(app, 'one').ledger()).problems, [], label)
      await app.stop()
    }
  }
})

test('a crash after the commit and before the log is told repeats nothing', async () => {
  let runs = 0
  const { app, effects } = await scene([writer('one', () => void runs++)])
  await publishAll(app, [['k', 1]])
  assert.deepEqual(await app.log.inspect().committed('one'), [])
  await named(app, 'one').crash()
  await named(app, 'one').restart()
  await app.advance(5000)
  assert.equal(runs, 1)
  assert.deepEqual(await effects('one'), ['k:1'])
  await app.stop()
})

test('a crash in the middle of a handler repeats it, and its effect happens once', async () => {
  let runs = 0
  const one = writer('one', async () => {
    runs++
    if (runs === 1) await sleep(app.clock, 1000)
  })
  const { app, effects } = await scene([one])
  await publishAll(app, [['k', 1]])
  await app.advance(500)
  await named(app, 'one').crash()
  await named(app, 'one').restart()
  await app.advance(5000)
  assert.equal(runs, 2)
  assert.deepEqual(await effects('one'), ['k:1'])
  assert.ok((await named(app, 'one').ledger()).ok)
  await app.stop()
})

test('a message that kills the process is a dead letter after four deaths, and its neighbours are handled', async () => {
  let deaths = 0
  const one = writer('one', async (it) => {
    await sleep(app.clock, 20)
    if (it.id !== 'killer') return
    deaths++
    void named(app, 'one').crash()
    await new Promise(() => {})
  })
  const { app, effects, count } = await scene([one])
  await named(app, 'one').stop()
  const innocent = Array.from({ length: 30 }, (_, n): [string, number] => [`k${n}`, n])
  await publishAll(app, [...innocent.slice(0, 15), ['killer', 1], ...innocent.slice(15)])
  for (let restarts = 0; restarts < 10; restarts++) {
    if (named(app, 'one').instances === 0) await named(app, 'one').restart()
    await app.advance(10_000)
  }
  assert.equal(deaths, 4)
  const [letter] = await named(app, 'one').deadLetters.list()
  assert.deepEqual([letter?.crash, letter?.reason, letter?.entry.key], [true, 'crash', 'killer'])
  assert.equal((await effects('one')).length, 30)
  assert.equal(count('dead-lettered'), 1)
  assert.deepEqual((await named(app, 'one').ledger()).problems, [])
  await app.stop()
})

test('a parked message that kills the process on a retry is found too', async () => {
  let deaths = 0
  const one = writer('one', async (it, ctx) => {
    if (it.id !== 'killer') return
    if (ctx.attempt === 1) throw new Error('not yet')
    deaths++
    void named(app, 'one').crash()
    await new Promise(() => {})
  })
  const { app, effects } = await scene([one])
  await publishAll(app, [
    ['killer', 1],
    ['good', 1],
  ])
  for (let restarts = 0; restarts < 8; restarts++) {
    await app.advance(20_000)
    if (named(app, 'one').instances === 0) await named(app, 'one').restart()
  }
  assert.equal(deaths, 4)
  assert.equal((await named(app, 'one').deadLetters.list())[0]?.crash, true)
  assert.deepEqual(await effects('one'), ['good:1'])
  assert.deepEqual((await named(app, 'one').ledger()).problems, [])
  await app.stop()
})

test('in normal running nobody is suspected: no statement touches the suspects after a clean claim', async () => {
  const around = new Outage()
  const { app } = await scene([writer('one')], { around })
  await named(app, 'one').stop()
  await named(app, 'one').restart()
  around.statements.length = 0
  await publishAll(
    app,
    Array.from({ length: 50 }, (_, n): [string, number] => [`k${n % 7}`, n]),
  )
  await app.advance(10_000)
  assert.deepEqual(
    around.statements.filter((sql) => sql.includes('fb_suspects')),
    [],
  )
  assert.ok(around.statements.length > 50)
  await app.stop()
})

test('two instances share the partitions and hand over in order', async () => {
  const holders = new Set<string>()
  const one = writer('one', async () => sleep(app.clock, 5))
  const { app, effects, facts } = await scene([one])
  const wanted = (from: number, to: number): [string, number][] =>
    Array.from({ length: to - from }, (_, i) => [`k${(from + i) % 9}`, from + i])
  await publishAll(app, wanted(0, 50))
  await named(app, 'one').restart()
  await publishAll(app, wanted(50, 100))
  await app.advance(3000)
  const shares = named(app, 'one').runtime.stats().partitions.length
  holders.add(String(shares))
  assert.equal(shares, 3)
  await named(app, 'one').stop()
  await publishAll(app, wanted(100, 150))
  await app.advance(10_000)
  assert.equal(named(app, 'one').runtime.stats().partitions.length, 6)
  const made = await effects('one')
  assert.equal(made.length, 150)
  for (let k = 0; k < 9; k++) {
    const numbers = made.filter((effect) => effect.startsWith(`k${k}:`)).map((effect) => Number(effect.split(':')[1]))
    assert.deepEqual(
      numbers,
      numbers.toSorted((a, b) => a - b),
    )
  }
  assert.ok(facts.filter((fact) => fact.kind === 'claimed').every((fact) => fact.kind === 'claimed' && !fact.unclean))
  assert.deepEqual((await named(app, 'one').ledger()).problems, [])
  await app.stop()
})

test('what an instance had committed and not sent when it died is sent by the one that takes its partitions', async () => {
  const { app, effects } = await scene([writer('one', undefined, { publishes: Followed })])
  await named(app, 'one').restart()
  // The first instance holds the relay; which of the two handles a key is decided by its partition.
  await publishAll(app, [
    ['a', 1],
    ['b', 1],
    ['c', 1],
    ['d', 1],
    ['e', 1],
    ['f', 1],
  ])
  assert.ok((await named(app, 'one').ledger()).outbox > 0)
  await named(app, 'one').crash()
  await app.advance(10_000)
  assert.equal((await effects('one')).length, 6)
  assert.equal((await app.published(Followed)).length, 6)
  assert.equal((await named(app, 'one').ledger()).outbox, 0)
  await app.stop()
})

test('an instance whose partition was taken over cannot commit, and starts again from what is committed', async () => {
  let runs = 0
  const one = writer('one', async () => {
    runs++
    await sleep(app.clock, 100)
  })
  const { app, effects, count } = await scene([one])
  await publishAll(app, [['k', 1]])
  // Somebody else claims every partition while the handler runs.
  await named(app, 'one').database.query("update fb_partitions set epoch = epoch + 1, holder = 'somebody'")
  await app.advance(200)
  assert.deepEqual(await effects('one'), [])
  await app.advance(20_000)
  assert.deepEqual(await effects('one'), ['k:1'])
  assert.equal(runs, 2)
  assert.equal(count('failed'), 0)
  assert.equal(count('halted'), 0)
  assert.deepEqual((await named(app, 'one').ledger()).problems, [])
  await app.stop()
})

test('copies of one event have one effect: polled together, later, and across a restart', async () => {
  const { app, effects } = await scene([writer('one')])
  await named(app, 'one').crash()
  const [id] = await publishAll(app, [['k', 1]])
  await app.redeliver(id!)
  await app.redeliver(id!)
  await named(app, 'one').restart()
  await app.redeliver(id!)
  await named(app, 'one').crash()
  await named(app, 'one').restart()
  await app.redeliver(id!)
  await named(app, 'one').stop()
  await named(app, 'one').restart()
  await app.advance(5000)
  assert.deepEqual(await effects('one'), ['k:1'])
  const ledger = await named(app, 'one').ledger()
  assert.equal(
    ledger.partitions.reduce((sum, one) => sum + one.duplicate, 0),
    4,
  )
  assert.deepEqual(ledger.problems, [])
  await app.stop()
})

test('copies of one event under different keys run side by side, and the commit lets one of them count', async () => {
  let runs = 0
  const one = writer('one', async () => {
    runs++
    await sleep(app.clock, 100)
  })
  const { app, effects, count } = await scene([one])
  await named(app, 'one').crash()
  await publishAll(app, [['k', 1]])
  const [first] = await app.published()
  const { topic, partition, offset } = first!.at
  const [entry] = await app.log.inspect().read({ topic, partition, offset }, 1)
  const { value, headers } = entry!
  await app.log.append([{ topic, key: 'other', value, headers }])
  await named(app, 'one').restart()
  await app.advance(5000)
  assert.equal(runs, 2)
  assert.deepEqual(await effects('one'), ['k:1'])
  assert.deepEqual([count('done'), count('duplicate')], [1, 1])
  const ledger = await named(app, 'one').ledger()
  const sum = (name: 'done' | 'duplicate'): number => ledger.partitions.reduce((total, one) => total + one[name], 0)
  assert.deepEqual([sum('done'), sum('duplicate'), ledger.marks], [1, 1, 1])
  await app.stop()
})

test('a stop waits for a parked record that is being handled', async () => {
  const one = writer('one', async (_it, ctx) => {
    if (ctx.attempt === 1) throw new Error('not yet')
    await sleep(app.clock, 500)
  })
  const { app, effects, facts } = await scene([one])
  await publishAll(app, [['k', 1]])
  await app.advance(10_100)
  await named(app, 'one').stop()
  assert.deepEqual(await effects('one'), ['k:1'])
  assert.ok(facts.filter((fact) => fact.kind === 'released').every((fact) => fact.kind === 'released' && fact.drained))
  await app.stop()
})

test('a copy of a parked event waits behind it and has no effect of its own', async () => {
  let isDown = true
  const { app, effects } = await scene([
    writer('one', () => {
      if (isDown) throw new Error('down')
    }),
  ])
  const [id] = await publishAll(app, [['k', 1]])
  await app.redeliver(id!)
  isDown = false
  await app.advance(20_000)
  assert.deepEqual(await effects('one'), ['k:1'])
  assert.deepEqual((await named(app, 'one').ledger()).problems, [])
  await app.stop()
})

test('a stop waits for what runs, but not longer than it is allowed to', async () => {
  const one = writer(
    'one',
    async (it) => {
      await sleep(app.clock, it.id === 'slow' ? 3_600_000 : 500)
    },
    { deadlineMs: 7_200_000 },
  )
  const { app, effects, facts } = await scene([one], { limits: { drainMs: 2000 } })
  await publishAll(app, [
    ['quick', 1],
    ['slow', 1],
  ])
  const from = app.clock.now()
  await named(app, 'one').stop()
  assert.ok(app.clock.now() - from <= 5000, `it took ${app.clock.now() - from} ms`)
  assert.deepEqual(await effects('one'), ['quick:1'])
  const stopped = facts.find((fact) => fact.kind === 'stopped')
  assert.ok(stopped?.kind === 'stopped' && !stopped.drained)
  await app.stop()
})

test('a stop ends although the log does not answer, and the database is away', async () => {
  const around = new Outage()
  const { app } = await scene([writer('one', undefined, { publishes: Followed })], { around })
  const call = around.call.bind(around)
  around.call = (at, run) => (at.method === 'append' ? new Promise(() => {}) : call(at, run))
  await named(app, 'one').runtime.transaction(async (tx) => tx.publish(Followed, { id: 'k', n: 1 }))
  await publishAll(app, [['k', 1]])
  around.databaseAway = true
  await publishAll(app, [['k', 2]])
  const from = app.clock.now()
  await named(app, 'one').stop()
  assert.ok(app.clock.now() - from <= 20_000, `it took ${app.clock.now() - from} ms`)
  await app.stop()
})

test('a full memory pauses intake and goes on when there is room', async () => {
  let held = 0
  const one = writer('one', async () => {
    held = Math.max(held, named(app, 'one').runtime.stats().heldRecords)
    await sleep(app.clock, 50)
  })
  const { app, effects } = await scene([{ ...one, handlersMax: 4 }], { limits: { recordsMax: 20 } })
  await named(app, 'one').crash()
  await publishAll(
    app,
    Array.from({ length: 300 }, (_, n): [string, number] => [`k${n % 40}`, n]),
  )
  await named(app, 'one').restart()
  await app.advance(60_000)
  assert.equal((await effects('one')).length, 300)
  assert.ok(held <= 21, `${held} records were in memory`)
  assert.deepEqual((await named(app, 'one').ledger()).problems, [])
  await app.stop()
})
