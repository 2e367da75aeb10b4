import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import type { Fact } from '../../../src/contracts/journal.ts'
import { call } from '../../../src/define/call.ts'
import { event } from '../../../src/define/event.ts'
import { handle } from '../../../src/define/handle.ts'
import { service } from '../../../src/define/service.ts'
import type { Fetch } from '../../../src/node/fetch.ts'
import { policy } from '../../../src/policy/definition/policy.ts'
import type { Limits } from '../../../src/runtime/instance/limits.ts'
import { createTestRuntime, type TestRuntime } from '../../../src/testing/test-runtime.ts'
import { json } from '../../call-scene.ts'
import { named } from '../../named.ts'

const schema: z.ZodObject<{ id: z.ZodString }> = z.object({ id: z.string() })
const eventOf = (type: string, topic: string) => event({ type, topic, key: 'id', schema })
/** Two topics of one kind of event each, and one that both kinds share. */
const Priced = eventOf('alone.priced', 'priced')
const Plain = eventOf('alone.plain', 'plain')
const MixedPriced = eventOf('mixed.priced', 'mixed')
const MixedPlain = eventOf('mixed.plain', 'mixed')
const all = [Priced, Plain, MixedPriced, MixedPlain]
const once = policy({ attemptsMax: 1 })

type State = 'up' | 'hangs' | 'refuses'
type Tally = Readonly<Record<string, number>>

interface Run {
  readonly app: TestRuntime
  readonly facts: Fact[]
  readonly starts: Record<string, number>
  readonly sentAtMs: number[]
  /** What a request said about the time that it has. */
  readonly timeouts: number[]
  dependency: State
  readonly offered: Record<string, number>
  /** One event of each kind every `everyMs`, each of a key of its own, for `ms` of virtual time. */
  offer(ms: number, everyMs: number, burst?: number): Promise<void>
  done(): Tally
}

const count = <T>(items: readonly T[], nameOf: (item: T) => string): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const item of items) counts[nameOf(item)] = (counts[nameOf(item)] ?? 0) + 1
  return counts
}

interface RunOptions {
  readonly limits?: Partial<Limits>
  readonly handlersMax?: number
  readonly fallback?: boolean
}

/** Handlers of `…priced` call pricing, handlers of `…plain` only take 20 ms. */
function serviceOf(options: RunOptions, hooks: { started: (type: string) => void; nap: () => Promise<void> }) {
  const quote = call({
    name: 'pricing.quote',
    to: 'pricing',
    method: 'GET',
    path: '/quote',
    policy: once,
    ...(options.fallback ? { fallback: () => ({ price: 0 }) } : {}),
  })
  const priced = (one: typeof Priced) =>
    handle(
      one,
      async (_, ctx) => {
        hooks.started(one.type)
        await ctx.call(quote, {})
      },
      { calls: [quote] },
    )
  const plain = (one: typeof Plain) =>
    handle(one, async ({ id }) => {
      hooks.started(one.type)
      if (id.startsWith('bad')) throw new Error('bad')
      await hooks.nap()
    })
  return service({
    name: 'one',
    handlers: [priced(Priced), priced(MixedPriced), plain(Plain), plain(MixedPlain)],
    ...(options.handlersMax === undefined ? {} : { handlersMax: options.handlersMax }),
  })
}

async function run(options: RunOptions = {}): Promise<Run> {
  const facts: Fact[] = []
  const starts: Record<string, number> = {}
  const offered: Record<string, number> = {}
  const sentAtMs: number[] = []
  const timeouts: number[] = []
  const fetch: Fetch = async (_, init) => {
    sentAtMs.push(app.clock.now())
    timeouts.push(Number(new Headers(init.headers).get('x-request-timeout-ms')))
    if (scene.dependency === 'hangs') return new Promise(() => {})
    if (scene.dependency === 'refuses') throw new Error('refused')
    return json({ price: 5 })
  }
  const one = serviceOf(options, {
    started: (type) => {
      starts[type] = (starts[type] ?? 0) + 1
    },
    nap: () => new Promise((resolve) => void app.clock.schedule(20, resolve)),
  })
  const observe = (fact: Fact): unknown => facts.push(fact)
  const limits = options.limits === undefined ? {} : { limits: options.limits }
  const app: TestRuntime = await createTestRuntime({ services: [one], fetch, observe, ...limits })
  let keys = 0
  const scene: Run = {
    app,
    facts,
    starts,
    offered,
    sentAtMs,
    timeouts,
    dependency: 'up',
    async offer(ms, everyMs, burst = 1) {
      for (let at = 0; at < ms; at += everyMs) {
        for (const what of all) {
          offered[what.type] = (offered[what.type] ?? 0) + burst
          const more = Array.from({ length: burst }, () => app.publish(what, { id: `k${++keys}` }))
          await Promise.all(more)
        }
        await app.advance(everyMs)
      }
    },
    done: () =>
      count(facts.filter((fact) => fact.kind === 'done') as (Fact & { eventType: string })[], (f) => f.eventType),
  }
  return scene
}

for (const state of ['hangs', 'refuses'] as const) {
  test(`while a dependency ${state}, handlers that do not call it keep their throughput, on a topic of their own and on a shared one`, async () => {
    const fine = await run()
    await fine.offer(60_000, 150)
    const down = await run()
    down.dependency = state
    await down.offer(60_000, 150)
    for (const { type } of [Plain, MixedPlain]) {
      const [with_, without] = [down.done()[type] ?? 0, fine.done()[type] ?? 0]
      assert.ok(with_ >= 0.95 * without, `${type}: ${with_} of ${without}`)
    }
    assert.equal(fine.done()[Priced.type], fine.offered[Priced.type])

    const offeredToA = (down.offered[Priced.type] ?? 0) + (down.offered[MixedPriced.type] ?? 0)
    assert.ok(down.sentAtMs.length <= 0.2 * offeredToA, `${down.sentAtMs.length} attempts while it was down`)
    down.dependency = 'up'
    await down.app.advance(120_000)
    assert.deepEqual(down.done(), down.offered, 'nothing was given up')
    const attempts = down.sentAtMs.length / offeredToA
    assert.ok(attempts <= 1.2, `${attempts} attempts per delivery`)
    assert.ok(
      down.timeouts.every((ms) => ms >= 1 && ms <= 500),
      'nothing is sent without time',
    )
    for (const one of [fine, down]) {
      assert.ok((await named(one.app, 'one').ledger()).ok)
      await one.app.stop()
    }
  })
}

for (const state of ['hangs', 'refuses'] as const) {
  test(`while the breaker of what ${state} is open no handler that needs it starts, and when it is half open as many as it takes probes`, async () => {
    const scene = await run()
    scene.dependency = state
    await scene.offer(2000, 10)
    const opened = scene.facts.find(({ kind }) => kind === 'breaker-opened')
    assert.ok(opened)
    const startsOf = (): number => (scene.starts[Priced.type] ?? 0) + (scene.starts[MixedPriced.type] ?? 0)
    const before = startsOf()
    assert.ok(before >= 20 && before < 200, `${before} started before it opened`)
    await scene.offer(55_000, 100)
    const perProbing = (startsOf() - before) / 10
    assert.ok(perProbing >= 1 && perProbing <= 3.3, `${perProbing} starts for each time that it was half open`)
    const counted = scene.facts.filter((fact) => fact.kind === 'failed').length
    assert.ok(counted <= startsOf(), 'what has not started has not failed')
    await scene.app.stop()
  })
}

test('a flood for a dependency that hangs takes neither the memory nor the handlers from the others', async () => {
  const scene = await run({ limits: { recordsMax: 200 }, handlersMax: 80 })
  scene.dependency = 'hangs'
  const settling = 3000
  await scene.offer(settling, 100, 20)
  const before = scene.done()[Plain.type] ?? 0
  const offeredBefore = scene.offered[Plain.type] ?? 0
  await scene.offer(15_000, 100, 20)
  const share = ((scene.done()[Plain.type] ?? 0) - before) / ((scene.offered[Plain.type] ?? 0) - offeredBefore)
  assert.ok(share >= 0.95, `${share} of the others were handled`)
  const { heldRecords, parkedRecords } = named(scene.app, 'one').runtime.stats()
  assert.ok(heldRecords <= 400, `${heldRecords} records in memory`)
  assert.ok(parkedRecords < 10_000, `${parkedRecords} parked`)
  await scene.app.stop()
})

test('a topic that nothing could be started of is not read, and goes on when its dependency answers', async () => {
  const scene = await run()
  scene.dependency = 'refuses'
  await scene.offer(1000, 10)
  const parkedBefore = scene.facts.filter((fact) => fact.kind === 'parked' && fact.eventType === Priced.type).length
  // Well within the first stay of the breaker in `open`.
  await scene.offer(3000, 10)
  const parked = scene.facts.filter((fact) => fact.kind === 'parked' && fact.eventType === Priced.type).length
  assert.ok(parked - parkedBefore < 60, `${parked - parkedBefore} of 300 were read to be parked`)
  scene.dependency = 'up'
  await scene.app.advance(120_000)
  assert.deepEqual(scene.done(), scene.offered)
  await scene.app.stop()
})

test('too much parked pauses the partitions that hold most of it, and those of others go on, also if something of them is parked', async () => {
  const scene = await run({ limits: { parkedMax: 120 } })
  // So few that no partition holds its share, whatever part of them is parked at the moment.
  for (let i = 0; i < 18; i++) await scene.app.publish(Plain, { id: `bad${i}` })
  await scene.app.advance(60_000)
  assert.ok(named(scene.app, 'one').runtime.stats().parkedRecords >= 12)
  scene.dependency = 'refuses'
  await scene.offer(2000, 10)
  const before = scene.done()
  await scene.offer(2000, 10)
  const after = scene.done()
  assert.equal((after[Plain.type] ?? 0) - (before[Plain.type] ?? 0), 200)
  const { parkedRecords } = named(scene.app, 'one').runtime.stats()
  assert.ok(parkedRecords < 400, `${parkedRecords} parked`)
  scene.dependency = 'up'
  await scene.app.advance(120_000)
  assert.deepEqual(scene.done(), scene.offered)
  await scene.app.stop()
})

test('a call with a fallback makes nobody wait', async () => {
  const scene = await run({ fallback: true })
  scene.dependency = 'refuses'
  await scene.offer(20_000, 100)
  await scene.app.advance(100)
  assert.deepEqual(scene.done(), scene.offered)
  assert.equal(scene.facts.filter(({ kind }) => kind === 'parked').length, 0)
  await scene.app.stop()
})

test('what was held back keeps the order of its key, and survives a crash', async () => {
  const order: string[] = []
  let isDown = true
  const quote = call({ name: 'pricing.quote', to: 'pricing', method: 'GET', path: '/q', policy: once })
  const numbered = event({
    type: 'thing.numbered',
    topic: 'things',
    key: 'id',
    schema: z.object({ id: z.string(), n: z.number() }),
  })
  const one = service({
    name: 'one',
    handlers: [
      handle(
        numbered,
        async (it, ctx) => {
          await ctx.call(quote, {})
          order.push(`${it.id}${it.n}`)
        },
        { calls: [quote] },
      ),
    ],
  })
  const fetch: Fetch = async () => {
    if (isDown) throw new Error('down')
    return json({})
  }
  const app = await createTestRuntime({ services: [one], fetch, observe: false })
  for (let n = 0; n < 5; n++) for (let key = 0; key < 30; key++) await app.publish(numbered, { id: `k${key}-`, n })
  await app.advance(4000)
  await named(app, 'one').crash()
  await named(app, 'one').restart()
  isDown = false
  await app.advance(600_000)
  assert.equal(order.length, 150)
  for (let key = 0; key < 30; key++) {
    const own = order.filter((text) => text.startsWith(`k${key}-`))
    assert.deepEqual(
      own,
      [0, 1, 2, 3, 4].map((n) => `k${key}-${n}`),
    )
  }
  assert.ok((await named(app, 'one').ledger()).ok)
  await app.stop()
})
