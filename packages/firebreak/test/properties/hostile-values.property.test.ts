import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type Clock, sleep } from '../../src/contracts/clock.ts'
import type { Context } from '../../src/contracts/context.ts'
import { handle } from '../../src/define/handle.ts'
import { service } from '../../src/define/service.ts'
import { drawOddValue, oddThenables } from '../../src/testing/hostile/values.ts'
import { seededEntropy } from '../../src/testing/virtual-time/seeded-entropy.ts'
import { named } from '../named.ts'
import { Followed, Happened, recordOf, scene, type Thing } from '../thing-scene.ts'

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')
const seed = Number(process.argv.find((one) => one.startsWith('--seed='))?.slice(7) ?? 20_261_130)
const rounds = 20
const perRound = 1000
// Somebody who asks for a pause is not counted: its age ends it.
const retry = { attemptsMax: 2, baseMs: 100, capMs: 400, laneWaitMaxMs: 200, jitter: 'none', ageMaxMs: 5000 } as const

type Play = (value: () => unknown, ctx: Context, clock: Clock) => unknown

/** The ways in which a value reaches the runtime. */
const plays: readonly Play[] = [
  (value) => {
    throw value()
  },
  (value) => Promise.reject(value()),
  (value) => value(),
  async (value, _, clock) => {
    await sleep(clock, 20)
    throw value()
  },
  (value, ctx) => ctx.publish(Followed, value() as Thing),
  (value, ctx) => ctx.publish(value() as never, { id: 'k', n: 1 } as never),
  (value, ctx) => ctx.transaction(async (sql) => void (await sql.query(value() as string))),
  (value, ctx) => void ctx.transaction(value() as never),
  (value, ctx) => ctx.transaction(() => Promise.reject(value())),
  (value, ctx) => ctx.call(value() as never, value() as never, value() as never),
]

test(`${rounds * perRound} odd values, thrown, rejected, returned and passed, halt nobody and leave nothing open`, async (t) => {
  t.diagnostic(`seed ${seed}`)
  const { random } = seededEntropy(seed)
  const wasWay = new Map<number, number>()
  const kinds = new Set<string>()
  const one = service({
    name: 'one',
    publishes: [Followed],
    handlersMax: 200,
    handlers: [
      handle(
        Happened,
        ({ n }: Thing, ctx) => {
          const way = wasWay.get(n) ?? Math.floor(random() * (plays.length + 1))
          wasWay.set(n, way)
          const odd = drawOddValue(random)
          const thenable = oddThenables[Math.floor(random() * oddThenables.length)]
          kinds.add(odd.name)
          if (way === plays.length) return thenable?.make(random) as undefined
          return plays[way]?.(() => odd.value, ctx, app.clock) as undefined
        },
        { retry, deadlineMs: 1000 },
      ),
    ],
  })
  const ended = { done: 0, dead: 0 }
  let halted = 0
  const { app } = await scene([one], {
    observe: (fact) => {
      if (fact.kind === 'done') ended.done++
      if (fact.kind === 'dead-lettered') ended.dead++
      if (fact.kind === 'halted') halted++
      // An observer is code of a user too.
      if (random() < 0.01) throw drawOddValue(random).value
    },
  })
  const heaps: number[] = []
  for (let round = 0; round < rounds; round++) {
    const records = Array.from({ length: perRound }, (_, i) => round * perRound + i)
    await app.log.append(records.map((n) => ({ ...recordOf(n), key: `k${n}` })))
    await app.advance(20_000)
    wasWay.clear()
    await named(app, 'one').database.query('delete from fb_dead_letters')
    collect()
    heaps.push(process.memoryUsage().heapUsed)
  }
  const [early, late] = [heaps[4] as number, heaps.at(-1) as number]
  t.diagnostic(`${kinds.size} kinds, ${JSON.stringify(ended)}, heap ${early >> 20} -> ${late >> 20} MiB`)
  assert.equal(halted, 0)
  assert.equal(ended.done + ended.dead, rounds * perRound)
  assert.ok(ended.done > perRound && ended.dead > perRound)
  assert.ok(kinds.size > 200, `${kinds.size} kinds`)
  // What the memory log and the inbox keep of a record is less than a kilobyte.
  assert.ok(late - early < rounds * perRound * 1500, `the heap grew by ${(late - early) >> 20} MiB`)
  await app.stop()
})
