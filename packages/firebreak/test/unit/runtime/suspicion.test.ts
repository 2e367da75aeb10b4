import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { sleep } from '../../../src/contracts/clock.ts'
import { FirebreakError } from '../../../src/contracts/errors.ts'
import { named } from '../../named.ts'
import { Outage, publishAll, type Scene, scene, writer } from '../../thing-scene.ts'

const forever = (): Promise<never> => new Promise(() => {})
const many = (count: number): [string, number][] => Array.from({ length: count }, (_, n) => [`k${n}`, n])

/** A service whose handlers take their time, and whose record `killer` ends the process in the middle. */
async function deadlyScene(slowMs: number): Promise<Scene & { readonly deaths: () => number }> {
  let deaths = 0
  const one = writer('one', async (it) => {
    const own = named(set.app, 'one').runtime
    await sleep(set.app.clock, it.id === 'killer' ? Math.ceil(slowMs / 2) : slowMs)
    if (it.id !== 'killer') return
    // The clock of a test outlives the process that this handler ran in.
    if (named(set.app, 'one').instances > 0 && named(set.app, 'one').runtime === own) {
      deaths++
      void named(set.app, 'one').crash()
    }
    await forever()
  })
  const set: Scene = await scene([one])
  return { ...set, deaths: () => deaths }
}

async function crashLetters({ app }: Scene): Promise<readonly (string | null)[]> {
  named(app, 'one').crashAt(Number.POSITIVE_INFINITY)
  return (await named(app, 'one').deadLetters.list({ max: 1000 }))
    .filter(({ crash }) => crash)
    .map(({ entry }) => entry.key)
}

test('the guilty one is found after four deaths, and slow innocents beside it in all partitions are handled', async () => {
  for (const slowMs of [10, 200, 3000]) {
    const set = await deadlyScene(slowMs)
    const { app, effects } = set
    await named(app, 'one').stop()
    await publishAll(app, [...many(40).slice(0, 20), ['killer', 0], ...many(40).slice(20)])
    for (let life = 0; life < 12; life++) {
      if (named(app, 'one').instances === 0) await named(app, 'one').restart()
      await app.advance(60_000)
    }
    assert.equal(set.deaths(), 4, `handlers of ${slowMs} ms`)
    assert.deepEqual(await crashLetters(set), ['killer'])
    assert.equal((await effects('one')).length, 40)
    assert.deepEqual((await named(app, 'one').ledger()).problems, [])
    await app.stop()
  }
})

test('two that kill the process are both found, and nobody else', async () => {
  let deaths = 0
  const one = writer('one', async (it) => {
    await sleep(set.app.clock, 50)
    if (!it.id.startsWith('killer')) return
    deaths++
    void named(set.app, 'one').crash()
    await forever()
  })
  const set: Scene = await scene([one])
  const { app, effects } = set
  await named(app, 'one').stop()
  await publishAll(app, [['killer 1', 0], ...many(20), ['killer 2', 0]])
  for (let life = 0; life < 20; life++) {
    if (named(app, 'one').instances === 0) await named(app, 'one').restart()
    await app.advance(60_000)
  }
  assert.deepEqual((await crashLetters(set)).toSorted(), ['killer 1', 'killer 2'])
  assert.equal((await effects('one')).length, 20)
  assert.ok(deaths <= 8, `${deaths} deaths`)
  await app.stop()
})

test('a suspect whose attempt fails while it runs alone is not charged with a death that comes later', async () => {
  const isDown = new Set(['k0', 'k1', 'k2', 'k3'])
  const retry = { attemptsMax: 100, baseMs: 900, capMs: 900, laneWaitMaxMs: 1000, jitter: 'none' } as const
  const one = writer(
    'one',
    async (it) => {
      await sleep(set.app.clock, 20)
      if (isDown.has(it.id)) throw new Error('its database is away')
      if (it.id !== 'killer') return
      void named(set.app, 'one').crash()
      await forever()
    },
    { retry },
  )
  const set: Scene = await scene([one])
  const { app, effects } = set
  await named(app, 'one').stop()
  await publishAll(app, [...many(6), ['killer', 0]])
  for (let life = 0; life < 8; life++) {
    if (named(app, 'one').instances === 0) await named(app, 'one').restart()
    await app.advance(10_000)
  }
  isDown.clear()
  await app.advance(10_000)
  assert.deepEqual(await crashLetters(set), ['killer'])
  assert.equal((await effects('one')).length, 6)
  await app.stop()
})

for (const way of ['a stop', 'a halt'] as const) {
  test(`${way} makes nobody a suspect, however often it comes while slow handlers run`, async () => {
    const around = new Outage()
    const call = around.call.bind(around)
    let isBroken = false
    around.call = async (at, run) => {
      if (isBroken && at.method === 'commit') {
        isBroken = false
        throw new FirebreakError('FB_INVARIANT', { claim: 'planted' })
      }
      return call(at, run)
    }
    let isSlow = true
    const seen = new Set<number>()
    const one = writer('one', async (it) => {
      if (it.id === 'other') isBroken = way === 'a halt' && seen.size < seen.add(it.n).size
      else if (isSlow) await sleep(app.clock, 60_000)
    })
    const { app, effects, facts, count } = await scene([one], { around, limits: { drainMs: 100 } })
    await publishAll(app, many(12))
    for (let life = 0; life < 6; life++) {
      await app.advance(1000)
      await publishAll(app, [['other', life]])
      await app.advance(5000)
      if (way === 'a stop') await named(app, 'one').stop()
      else await named(app, 'one').crash()
      await named(app, 'one').restart()
    }
    isSlow = false
    assert.equal(count('halted'), way === 'a halt' ? 6 : 0)
    await app.advance(100_000)
    assert.ok(facts.every((fact) => fact.kind !== 'claimed' || !fact.unclean))
    assert.equal((await named(app, 'one').deadLetters.list()).length, 0)
    assert.equal((await effects('one')).filter((effect) => effect.startsWith('k')).length, 12)
    assert.deepEqual((await named(app, 'one').ledger()).problems, [])
    await app.stop()
  })
}

test('a record that runs alone when the process is killed from outside is not guilty, at whatever port call', async () => {
  for (let calls = 1; calls <= 40; calls++) {
    const one = writer('one', () => sleep(app.clock, 500))
    const set: Scene = await scene([one])
    const { app, effects } = set
    await publishAll(app, many(3))
    // Two deaths make suspects; the third comes anywhere.
    for (let death = 1; death <= 2; death++) {
      await app.advance(100)
      await named(app, 'one').crash()
      await named(app, 'one').restart()
    }
    named(app, 'one').crashAt(calls, calls % 2 === 0 ? 'before' : 'after')
    await app.advance(700)
    await named(app, 'one').crash()
    await named(app, 'one').restart()
    await app.advance(30_000)
    assert.equal((await effects('one')).length, 3, `after ${calls} calls`)
    assert.deepEqual(await crashLetters(set), [])
    await app.stop()
  }
})

test('after a suspect is settled the service runs as before: nobody is noted and nobody runs alone', async () => {
  const around = new Outage()
  const { app } = await scene([writer('one', () => sleep(app.clock, 100))], { around, limits: { recordsMax: 100 } })
  await publishAll(app, many(5))
  for (let death = 1; death <= 2; death++) {
    await named(app, 'one').crash()
    await named(app, 'one').restart()
    await app.advance(50)
  }
  await publishAll(app, many(700))
  await app.advance(60_000)
  around.statements.length = 0
  await publishAll(app, many(20))
  await app.advance(10_000)
  assert.deepEqual(
    around.statements.filter((sql) => sql.includes('fb_suspects')),
    [],
  )
  await app.stop()
})

test('whenever the process dies, the guilty one is found after its fourth death and no innocent is', async () => {
  const plan = fc.record({
    innocent: fc.integer({ min: 0, max: 25 }),
    at: fc.integer({ min: 0, max: 25 }),
    slowMs: fc.constantFrom(1, 20, 400),
    kill: fc.record({ life: fc.integer({ min: 0, max: 6 }), call: fc.integer({ min: 1, max: 40 }) }),
    stopIn: fc.option(fc.integer({ min: 0, max: 6 }), { nil: -1 }),
  })
  await fc.assert(
    fc.asyncProperty(plan, async ({ innocent, at, slowMs, kill, stopIn }) => {
      const set = await deadlyScene(slowMs)
      const { app, effects } = set
      await named(app, 'one').stop()
      const things = many(innocent)
      things.splice(Math.min(at, innocent), 0, ['killer', 0])
      await publishAll(app, things)
      for (let life = 0; life < 16; life++) {
        if (named(app, 'one').instances === 0) await named(app, 'one').restart()
        if (life === kill.life) named(app, 'one').crashAt(kill.call)
        await app.advance(life === stopIn ? Math.ceil(slowMs / 4) : 30_000)
        if (life === stopIn && named(app, 'one').instances > 0) await named(app, 'one').stop()
      }
      assert.deepEqual(await crashLetters(set), ['killer'])
      assert.equal((await effects('one')).length, innocent)
      // What one stop and one kill from outside have cleared is found out again.
      assert.ok(set.deaths() <= 10, `${set.deaths()} deaths`)
      assert.deepEqual((await named(app, 'one').ledger()).problems, [])
      await app.stop()
    }),
    { numRuns: 60 },
  )
})
