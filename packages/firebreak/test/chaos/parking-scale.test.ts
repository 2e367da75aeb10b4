import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Clock, sleep } from '../../src/contracts/clock.ts'
import { handle } from '../../src/define/handle.ts'
import { service } from '../../src/define/service.ts'
import { createTestRuntime, type TestRuntime } from '../../src/testing/test-runtime.ts'
import { seededEntropy } from '../../src/testing/virtual-time/seeded-entropy.ts'
import { named } from '../named.ts'
import { Happened } from '../thing-scene.ts'

const recordsAll = 100_000
// Enough for a p99 at the same rate.
const recordsCalm = 20_000
const keys = 1000
const minutesInAll = 40
const tickMs = 1000
const ticks = (minutesInAll * 60_000) / tickMs
const perTick = Math.ceil(recordsAll / ticks)
const retry = { attemptsMax: 10_000, baseMs: 500, capMs: 30_000, laneWaitMaxMs: 1000, jitter: 'full' } as const

interface Outcome {
  readonly healthyP99Ms: number
  readonly healthyP50Ms: number
  readonly inversions: number
  readonly lost: number
  readonly doubled: number
  readonly imbalance: number
  readonly parkedMax: number
  readonly uncommittedMax: number
  readonly moves: { readonly crashes: number; readonly rebalances: number }
  readonly attempts: number
}

test('B1: failing keys cost the others nothing: 100,000 records, 1,000 keys, crashes and rebalances', async (t) => {
  const calm = await run(recordsCalm, 0)
  const stormy = await run(recordsAll, keys * 0.02)
  t.diagnostic(`without failures ${JSON.stringify(calm)}`)
  t.diagnostic(`2 % of the keys failing ${JSON.stringify(stormy)}`)
  for (const { inversions, lost, doubled, imbalance } of [calm, stormy]) {
    assert.deepEqual({ inversions, lost, doubled, imbalance }, { inversions: 0, lost: 0, doubled: 0, imbalance: 0 })
  }
  assert.deepEqual(stormy.moves, { crashes: 20, rebalances: 20 })
  assert.ok(stormy.parkedMax > 100, `only ${stormy.parkedMax} records were parked`)
  const ratio = stormy.healthyP99Ms / calm.healthyP99Ms
  t.diagnostic(`healthy p99 ${stormy.healthyP99Ms} ms / ${calm.healthyP99Ms} ms = ${ratio.toFixed(2)}`)
  assert.ok(ratio <= 1.2)
  assert.ok(stormy.uncommittedMax <= 2000, `${stormy.uncommittedMax} positions behind`)
})

async function run(records: number, failingKeys: number): Promise<Outcome> {
  const entropy = seededEntropy(2026)
  const sentAtMs = new Float64Array(records)
  const latencyMs = new Float64Array(records).fill(-1)
  const failsUntil = new Map<string, readonly [fromMs: number, toMs: number]>()
  let attempts = 0
  const served = servedTogether(() => app.clock)
  const worker = service({
    name: 'worker',
    handlersMax: 200,
    handlers: [
      handle(
        Happened,
        async (it, ctx) => {
          attempts++
          await served(2 + Math.floor(entropy.random() * 8))
          const window = failsUntil.get(it.id)
          if (window !== undefined && app.clock.now() >= window[0] && app.clock.now() < window[1])
            throw new Error('down')
          await ctx.transaction(async (sql) => {
            await sql.query('insert into effects (id, n) values ($1, $2)', [it.id, it.n])
          })
          latencyMs[it.n] = app.clock.now() - sentAtMs[it.n]!
        },
        { retry },
      ),
    ],
  })
  const feeder = service({ name: 'feeder', publishes: [Happened] })
  const app = await createTestRuntime({
    services: [worker, feeder],
    seed: 7,
    observe: false,
    prepare: (database) => database.query('create table effects (seq integer primary key, id text, n bigint)'),
  })
  await named(app, 'worker').restart()
  const startMs = app.clock.now()
  for (let i = 0; i < failingKeys; i++) {
    const from = startMs + entropy.random() * 10 * 60_000
    failsUntil.set(`k${i}`, [from, from + (0.2 + entropy.random() * 0.8) * 30 * 60_000])
  }
  const { moves, parkedMax, uncommittedMax } = await feed(app, sentAtMs, entropy)
  for (let round = 0; round < 120 && named(app, 'worker').runtime.stats().parkedRecords > 0; round++)
    await app.advance(60_000)
  await app.advance(120_000)
  const ledger = await named(app, 'worker').ledger()
  const checked = check(records, await named(app, 'worker').database.query('select id, n from effects order by seq'))
  const healthy = latencyMs.filter((ms, n) => ms >= 0 && !failsUntil.has(keyOf(n))).sort()
  await app.stop()
  return {
    healthyP99Ms: healthy[Math.floor(healthy.length * 0.99)] ?? 0,
    healthyP50Ms: healthy[Math.floor(healthy.length * 0.5)] ?? 0,
    ...checked,
    imbalance: ledger.imbalance,
    parkedMax,
    uncommittedMax,
    moves,
    attempts,
  }
}

// Those that end in the same millisecond share one alarm, as they would share one turn of the event loop.
function servedTogether(clockOf: () => Clock): (ms: number) => Promise<void> {
  const ends = new Map<number, Promise<void>>()
  return (ms) => {
    const clock = clockOf()
    const atMs = clock.now() + ms
    const known = ends.get(atMs)
    if (known !== undefined) return known
    const end = sleep(clock, ms).then(() => void ends.delete(atMs))
    ends.set(atMs, end)
    return end
  }
}

const keyOf = (n: number): string => `k${(n * 7919) % keys}`

async function feed(
  app: TestRuntime,
  sentAtMs: Float64Array,
  entropy: { random(): number },
): Promise<{ moves: { crashes: number; rebalances: number }; parkedMax: number; uncommittedMax: number }> {
  const moves = { crashes: 0, rebalances: 0 }
  let [n, parkedMax, uncommittedMax] = [0, 0, 0]
  const feeder = named(app, 'feeder').runtime
  for (let tick = 0; n < sentAtMs.length; tick++) {
    const sent: Promise<string>[] = []
    for (let i = 0; i < perTick && n < sentAtMs.length; i++, n++) {
      sentAtMs[n] = app.clock.now()
      sent.push(feeder.publish(Happened, { id: keyOf(n), n }))
    }
    await Promise.all(sent)
    const isMove = tick % Math.floor(ticks / 42) === 0 && tick > 0
    if (isMove && moves.crashes <= moves.rebalances && moves.crashes < 20) {
      // While what was just sent is being handled: nobody tidies up before a crash.
      named(app, 'worker').crashAt(1 + Math.floor(entropy.random() * 6), entropy.random() < 0.5 ? 'before' : 'after')
      await app.advance(20)
      if (named(app, 'worker').instances === 2) await named(app, 'worker').crash()
      await named(app, 'worker').restart()
      moves.crashes++
    } else if (isMove && moves.rebalances < 20) {
      if (named(app, 'worker').instances > 1) await named(app, 'worker').stop()
      else await named(app, 'worker').restart()
      moves.rebalances++
      if (moves.rebalances % 2 === 1) await named(app, 'worker').restart()
    }
    await app.advance(tickMs)
    if (tick % 50 === 0) {
      parkedMax = Math.max(parkedMax, named(app, 'worker').runtime.stats().parkedRecords)
      uncommittedMax = Math.max(uncommittedMax, await uncommitted(app))
    }
  }
  return { moves, parkedMax, uncommittedMax }
}

// How far the group's committed positions lag behind the ends of the log.
async function uncommitted(app: TestRuntime): Promise<number> {
  const inspection = app.log.inspect()
  const committed = new Map((await inspection.committed('worker')).map((p) => [p.partition, p.offset]))
  const [topic] = (await inspection.topics()).filter((one) => one.name === Happened.topic)
  return topic!.ends.reduce((sum, end) => sum + end.next - (committed.get(end.partition) ?? 0), 0)
}

function check(
  records: number,
  effects: readonly { readonly id?: unknown; readonly n?: unknown }[],
): {
  inversions: number
  lost: number
  doubled: number
} {
  const seen = new Set<number>()
  const last = new Map<unknown, number>()
  let inversions = 0
  for (const { id, n } of effects) {
    if (Number(n) < (last.get(id) ?? -1)) inversions++
    last.set(id, Number(n))
    seen.add(Number(n))
  }
  return { inversions, lost: records - seen.size, doubled: effects.length - seen.size }
}
