import { sleep } from '../../src/contracts/clock.ts'
import type { Context } from '../../src/contracts/context.ts'
import type { Entropy } from '../../src/contracts/entropy.ts'
import { permanent } from '../../src/contracts/errors.ts'
import type { AnyEvent } from '../../src/contracts/event.ts'
import { handle } from '../../src/define/handle.ts'
import { type ServiceDefinition, service } from '../../src/define/service.ts'
import { drawFaultRates, Faults } from '../../src/testing/faults.ts'
import { createTestRuntime, type TestRuntime } from '../../src/testing/test-runtime.ts'
import { seededEntropy, subSeed } from '../../src/testing/virtual-time/seeded-entropy.ts'
import { named } from '../named.ts'
import { Followed, Happened, type Thing } from '../thing-scene.ts'

const retry = { attemptsMax: 200, baseMs: 200, capMs: 30_000, laneWaitMaxMs: 500, jitter: 'full' } as const
const names = ['source', 'middle', 'sink'] as const

/** One chaotic run; everything in it follows from the seed. */
export interface Run {
  readonly app: TestRuntime
  readonly faults: Faults
  readonly entropy: Entropy
  /** Keys whose handlers fail at the moment. */
  readonly failing: Set<string>
  /** `key:n` of everything published from outside. */
  readonly sent: string[]
  readonly poisoned: Set<string>
  readonly halted: unknown[]
}

/** Three services in a row; `source` and `middle` pass events on, `sink` listens to both topics. */
export async function startRun(seed: number): Promise<Run> {
  const entropy = seededEntropy(subSeed(seed, 'plan'))
  const failing = new Set<string>()
  const poisoned = new Set<string>()
  const halted: unknown[] = []
  const work = async (it: Thing, ctx: Context, publishes: AnyEvent | null): Promise<void> => {
    if (entropy.random() < 0.3) await sleep(run.app.clock, Math.floor(entropy.random() * 20))
    if (poisoned.has(`${it.id}:${it.n}`)) throw permanent('poison')
    if (failing.has(it.id)) throw new Error(`${it.id} is down`)
    await ctx.transaction(async (sql) => {
      const text = 'insert into effects (event_id, type, key, n) values ($1, $2, $3, $4)'
      await sql.query(text, [ctx.envelope.id, ctx.envelope.type, it.id, it.n])
      if (publishes !== null) ctx.publish(publishes, it)
    })
  }
  const faultEntropy = seededEntropy(subSeed(seed, 'faults'))
  const late: { clock?: TestRuntime['clock'] } = {}
  const clock = {
    now: () => late.clock?.now() ?? 0,
    monotonic: () => late.clock?.monotonic() ?? 0,
    schedule: (ms: number, then: () => void) => late.clock!.schedule(ms, then),
  }
  const faults = new Faults(drawFaultRates(faultEntropy), { clock, entropy: faultEntropy })
  const around = {
    call: <T>(call: Parameters<Faults['call']>[0], then: () => Promise<T>): Promise<T> =>
      late.clock === undefined ? then() : faults.call(call, then),
  }
  const app = await createTestRuntime({
    services: system(work),
    seed,
    expectDeadLetters: true,
    around,
    limits: { recordsMax: 200 + Math.floor(entropy.random() * 400), parkedMax: 60 },
    prepare: (database) =>
      database.query('create table effects (seq integer primary key, event_id text, type text, key text, n bigint)'),
    observe: (fact) => fact.kind === 'halted' && halted.push(fact.error),
  })
  late.clock = app.clock
  const run: Run = { app, faults, entropy, failing, poisoned, halted, sent: [] }
  return run
}

function system(work: (it: Thing, ctx: Context, out: AnyEvent | null) => Promise<void>): readonly ServiceDefinition[] {
  const handler = (event: typeof Happened, out: AnyEvent | null): ReturnType<typeof handle> =>
    handle(event, (it, ctx) => work(it, ctx, out), { retry })
  return [
    service({ name: 'source', handlers: [handler(Happened, Followed)], publishes: [Followed], handlersMax: 20 }),
    service({ name: 'middle', handlers: [handler(Followed, null)], handlersMax: 20 }),
    service({ name: 'sink', handlers: [handler(Happened, null), handler(Followed, null)], handlersMax: 20 }),
  ]
}

/** Plays `steps` drawn steps, then lets everything end. */
export async function play(run: Run, steps: number): Promise<void> {
  for (let step = 0; step < steps; step++) await oneStep(run, step)
  run.faults.stop()
  run.failing.clear()
  for (let round = 0; round < 30 && (round === 0 || !(await isDone(run))); round++) {
    // A death that was planned may still come.
    for (const name of names) {
      if (named(run.app, name).instances === 0) await restart(run.app, name)
      named(run.app, name).crashAt(Number.POSITIVE_INFINITY)
    }
    await run.app.advance(60_000)
  }
}

async function oneStep(run: Run, step: number): Promise<void> {
  const { app, entropy, failing, poisoned } = run
  const draw = (below: number): number => Math.floor(entropy.random() * below)
  const name = names[draw(3)] as (typeof names)[number]
  const key = `k${draw(12)}`
  const dice = entropy.random()
  if (dice < 0.55) await send(run, step)
  else if (dice < 0.62) failing.add(key)
  else if (dice < 0.7) failing.clear()
  else if (dice < 0.72) poisoned.add(run.sent[draw(run.sent.length)] ?? '')
  else if (dice < 0.78) await redeliverOne(run)
  else if (dice < 0.84 && named(app, name).instances > 0)
    named(app, name).crashAt(1 + draw(12), draw(2) === 0 ? 'before' : 'after')
  else if (dice < 0.89 && named(app, name).instances < 3) await restart(app, name)
  else if (dice < 0.92 && named(app, name).instances > 1) await named(app, name).stop()
  await app.advance(draw(4) === 0 ? draw(5000) : draw(50))
  for (const one of names) if (named(app, one).instances === 0 && draw(3) === 0) await restart(app, one)
}

// A start that fails is a process that ends; its supervisor tries again later.
async function restart(app: TestRuntime, name: string): Promise<void> {
  await named(app, name)
    .restart()
    .catch(() => undefined)
}

async function send(run: Run, step: number): Promise<void> {
  const count = 1 + Math.floor(run.entropy.random() * 8)
  for (let i = 0; i < count; i++) {
    const id = `k${Math.floor(run.entropy.random() * 12)}`
    const n = step * 100 + i
    await run.app.publish(Happened, { id, n })
    run.sent.push(`${id}:${n}`)
  }
}

async function redeliverOne(run: Run): Promise<void> {
  const all = await run.app.published()
  const one = all[Math.floor(run.entropy.random() * all.length)]
  if (one !== undefined) await run.app.redeliver(one.envelope.id)
}

async function isDone({ app }: Run): Promise<boolean> {
  await app.settle()
  for (const name of names) {
    const { partitions, outbox } = await named(app, name).ledger()
    if (outbox > 0 || partitions.some((one) => one.parked > 0)) return false
  }
  const ends = new Map((await app.log.inspect().topics()).map((topic) => [topic.name, topic.ends]))
  for (const name of names) {
    for (const { topic, partition, consumed } of (await named(app, name).ledger()).partitions) {
      if (consumed < (ends.get(topic)?.[partition]?.next ?? 0)) return false
    }
  }
  return true
}
