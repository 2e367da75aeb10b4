import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { sleep } from '../../src/contracts/clock.ts'
import { permanent } from '../../src/contracts/errors.ts'
import { named } from '../named.ts'
import { Followed, Happened, type Scene, scene, writer } from '../thing-scene.ts'

/**
 * The model: per key a queue of what was published, in order. Its head is handled, waits while its key is down, or is a
 * dead letter when it is poison. Whatever happens around it, effects per key are exactly that.
 */
class Model {
  readonly sent = new Map<string, number[]>()
  readonly down = new Set<string>()
  readonly poison = new Set<string>()
  readonly replayed = new Set<string>()
  count = 0

  expected(key: string): number[] {
    return (this.sent.get(key) ?? []).filter((n) => !this.poison.has(`${key}:${n}`))
  }
}

interface Real {
  readonly world: Scene
  readonly model: Model
}

type Step = fc.AsyncCommand<Model, Real>

const key = fc.constantFrom('a', 'b', 'c', 'd')

const step = (name: string, run: (model: Model, app: Scene['app']) => Promise<unknown>): Step => ({
  check: () => true,
  async run(_model: Model, { world, model }: Real): Promise<void> {
    await run(model, world.app)
    for (const one of ['a', 'b', 'c', 'd']) assertPrefix(await effectsOf(world, one), model.expected(one))
    assert.deepEqual((await named(world.app, 'one').ledger()).problems, [])
  },
  toString: () => name,
})

const publish = (id: string, isPoison: boolean): Step =>
  step(`publish ${id}${isPoison ? ' (poison)' : ''}`, async (model, app) => {
    const n = ++model.count
    model.sent.set(id, [...(model.sent.get(id) ?? []), n])
    if (isPoison) model.poison.add(`${id}:${n}`)
    await app.publish(Happened, { id, n })
  })

const steps = [
  fc.tuple(key, fc.boolean(), fc.boolean()).map(([id, a, b]) => publish(id, a && b)),
  key.map((id) => publish(id, false)),
  key.map((id) => step(`down ${id}`, async (model) => model.down.add(id))),
  key.map((id) => step(`up ${id}`, async (model) => model.down.delete(id))),
  fc.integer({ min: 1, max: 30_000 }).map((ms) => step(`advance ${ms}`, (_model, app) => app.advance(ms))),
  fc.constant(
    step('crash and restart', async (_model, app) => {
      await named(app, 'one').crash()
      await named(app, 'one').restart()
    }),
  ),
  fc.constant(
    step('leave and join', async (_model, app) => {
      await named(app, 'one').stop()
      await named(app, 'one').restart()
    }),
  ),
  fc.constant(
    step('second instance', async (_model, app) => {
      if (named(app, 'one').instances < 3) await named(app, 'one').restart()
    }),
  ),
  fc.tuple(fc.integer({ min: 1, max: 8 }), fc.constantFrom('before' as const, 'after' as const)).map(([call, when]) =>
    step(`crash ${when} call ${call}`, async (_model, app) => {
      named(app, 'one').crashAt(call, when)
      await app.advance(1000)
      if (named(app, 'one').instances === 0) await named(app, 'one').restart()
    }),
  ),
  fc.constant(
    step('redeliver the first', async (_model, app) => {
      const [first] = await app.published(Happened)
      if (first !== undefined) await app.redeliver(first.envelope.id)
    }),
  ),
  fc.constant(
    step('replay a letter', async (_model, app) => {
      named(app, 'one').crashAt(Number.POSITIVE_INFINITY)
      const [letter] = await named(app, 'one').deadLetters.list({ state: 'open' })
      if (letter !== undefined) await named(app, 'one').deadLetters.replay(letter.id, { by: 'model', note: '' })
      await app.settle()
    }),
  ),
]

test('per key, effects are a prefix of what was published at any time, and all of it in the end', async () => {
  const commands = fc.commands(steps, { maxCommands: 40 })
  await fc.assert(
    fc.asyncProperty(commands, async (plan) => {
      const model = new Model()
      const retry = { attemptsMax: 1000, baseMs: 300, capMs: 20_000, laneWaitMaxMs: 500, jitter: 'full' } as const
      const before = async (it: { id: string; n: number }): Promise<void> => {
        if (it.n % 3 === 0) await sleep(world.app.clock, 40)
        if (model.poison.has(`${it.id}:${it.n}`)) throw permanent('poison')
        if (model.down.has(it.id)) throw new Error('down')
      }
      const world = await scene([writer('one', before, { retry, publishes: Followed })])
      await fc.asyncModelRun(() => ({ model, real: { world, model } }), plan)
      model.down.clear()
      for (let round = 0; round < 10; round++) {
        named(world.app, 'one').crashAt(Number.POSITIVE_INFINITY)
        if (named(world.app, 'one').instances === 0) await named(world.app, 'one').restart()
        await world.app.advance(60_000)
      }
      for (const id of ['a', 'b', 'c', 'd']) assert.deepEqual(await effectsOf(world, id), model.expected(id))
      // The outbox keeps the order too: first copies of the events per key stand in the log in the order of the effects.
      for (const id of ['a', 'b', 'c', 'd']) assert.deepEqual(await followedOf(world, id), model.expected(id))
      assert.deepEqual((await named(world.app, 'one').ledger()).problems, [])
      await world.app.stop()
    }),
    { numRuns: 40 },
  )
})

async function effectsOf({ app }: Scene, id: string): Promise<number[]> {
  const rows = await named(app, 'one').database.query<{ n: number }>(
    'select n from effects where key = $1 order by seq',
    [id],
  )
  return rows.map((row) => row.n)
}

async function followedOf({ app }: Scene, id: string): Promise<number[]> {
  const all = (await app.published(Followed)).filter((one) => one.key === id)
  const numbers = all.toSorted((a, b) => a.at.offset - b.at.offset).map((one) => one.payload.n)
  return [...new Set(numbers)]
}

function assertPrefix(found: readonly number[], wanted: readonly number[]): void {
  assert.deepEqual(found, wanted.slice(0, found.length))
}
