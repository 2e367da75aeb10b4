import type { Context } from '../src/contracts/context.ts'
import type { Fact } from '../src/contracts/journal.ts'
import type { Around } from '../src/testing/around.ts'
import type { TestRuntime } from '../src/testing/test-runtime.ts'
import { named } from './named.ts'
import { Followed, parkingRetry, publishAll, type Scene, scene, type Thing, writer } from './thing-scene.ts'

export const hourMs = 3_600_000
export const dayMs: number = 24 * hourMs

const deadlineMs = 1500
const drainMs = 1000
// A stop has two seconds after the drain (G18); the watch of deadlines goes in steps.
const stopMaxMs = drainMs + 2000
const stepMs = 50
const delayMs = 2000
const retry = { ...parkingRetry, baseMs: delayMs, capMs: delayMs }
const keys = ['steady', 'parked', 'hanging'] as const

/** What one run came to. */
export interface JumpRun {
  /** In words; empty when every guarantee held. */
  readonly found: readonly string[]
  /** Port calls of all instances together: the range of places to jump at. */
  readonly calls: number
}

export interface Jump {
  /** At which port call of all; 0: never. */
  readonly at: number
  readonly ms: number
  /** The clocks of the two instances differ by so much from the start. */
  readonly apartMs?: number
}

interface Attempted {
  readonly key: string
  readonly n: number
  readonly attempt: number
  readonly atMs: number
}

/** Jumps at one port call of all that the instances make. */
class JumpAt implements Around {
  app: TestRuntime | undefined
  calls = 0
  readonly #jump: Jump

  constructor(jump: Jump) {
    this.#jump = jump
  }

  async call<T>(_: unknown, run: () => Promise<T>): Promise<T> {
    const isHere = this.app !== undefined && ++this.calls === this.#jump.at
    // In the call at every second place: what it does and what follows from it are under different clocks.
    const isInside = this.#jump.at % 2 === 1
    if (isHere && !isInside) this.app?.clock.jump(this.#jump.ms)
    const result = await run()
    if (isHere && isInside) this.app?.clock.jump(this.#jump.ms)
    return result
  }
}

/**
 * Two instances, a key that works, one that is parked twice, one whose first attempt hangs; then one of them stops while a
 * handler hangs, and the other ends the work. The wall clock jumps once on the way.
 */
export async function runWithJump(jump: Jump): Promise<JumpRun> {
  const attempts: Attempted[] = []
  const timed: { readonly fact: Fact; readonly atMs: number }[] = []
  const around = new JumpAt(jump)
  const late: { nowMs?: () => number } = {}
  const nowMs = (): number => late.nowMs?.() ?? 0
  const before = async ({ id: key, n }: Thing, ctx: Context): Promise<void> => {
    attempts.push({ key, n, attempt: ctx.attempt, atMs: nowMs() })
    if (key === 'parked' && n === 1 && ctx.attempt < 3) throw new Error('not yet')
    if (key === 'hanging' && ctx.attempt === 1) await new Promise(() => {})
  }
  const set = await scene([writer('one', before, { publishes: Followed, deadlineMs, retry })], {
    around,
    limits: { drainMs },
    observe: (fact) => timed.push({ fact, atMs: nowMs() }),
  })
  const { app } = set
  late.nowMs = () => app.clock.monotonic()
  around.app = app
  await named(app, 'one').restart(jump.apartMs ?? 0)
  await publishAll(
    app,
    [1, 2].flatMap((n) => keys.map((key) => [key, n] as const)),
  )
  await app.advance(4 * delayMs)
  // One more of each, so that a handler hangs when an instance stops.
  await publishAll(
    app,
    keys.map((key) => [key, 3] as const),
  )
  await app.advance(500)
  const stoppedAtMs = nowMs()
  await named(app, 'one').stop()
  const stopMs = nowMs() - stoppedAtMs
  await app.advance(4 * delayMs)
  const found = await check(set, attempts)
  if (stopMs > stopMaxMs) found.push(`a stop took ${stopMs} ms`)
  found.push(...timing(timed, attempts))
  await app.stop()
  return { found, calls: around.calls }
}

async function check({ app, effects }: Scene, attempts: readonly Attempted[]): Promise<string[]> {
  const found: string[] = []
  const done = await effects('one')
  for (const key of keys) {
    const own = done.filter((effect) => effect.startsWith(`${key}:`))
    const wanted = [1, 2, 3].map((n) => `${key}:${n}`)
    if (own.join() !== wanted.join()) found.push(`effects of ${key}: ${own.join()}`)
    const followed = (await app.log.inspect().topics([Followed.topic])).flatMap(({ ends }) => ends)
    const sent: number[] = []
    for (const { partition, first, next } of followed) {
      const at = { topic: Followed.topic, partition, offset: first }
      for (const entry of await app.log.inspect().read(at, next - first))
        if (entry.key === key) sent.push(JSON.parse(new TextDecoder().decode(entry.value ?? new Uint8Array())).n)
    }
    if (sent.join() !== '1,2,3') found.push(`events of ${key} in the log: ${sent.join()}`)
  }
  for (const { id, message } of await named(app, 'one').deadLetters.list()) found.push(`letter ${id}: ${message}`)
  const counted = attempts.filter(({ key, n }) => key === 'parked' && n === 1).map(({ attempt }) => attempt)
  if (counted.join() !== '1,2,3') found.push(`attempts of the parked record: ${counted.join()}`)
  const ledger = await named(app, 'one').ledger()
  found.push(...ledger.problems)
  if (ledger.outbox > 0) found.push(`${ledger.outbox} events are left in the outbox`)
  const [left] = await named(app, 'one').database.query<{ n: number }>('SELECT COUNT(*) AS n FROM fb_parked')
  if (left?.n !== 0) found.push(`${left?.n} records are still parked`)
  return found
}

/** Deadlines end attempts in time, healthy attempts are not ended, and what is parked waits for its delay and no longer. */
function timing(
  timed: readonly { readonly fact: Fact; readonly atMs: number }[],
  attempts: readonly Attempted[],
): readonly string[] {
  const found: string[] = []
  for (const { fact, atMs } of timed) {
    if (fact.kind === 'halted') found.push(`halted: ${fact.error}`)
    if (fact.kind !== 'failed' || fact.key === null) continue
    const { key, attempt } = fact
    if (key === 'steady') found.push(`a healthy attempt failed: ${fact.error}`)
    const started = attempts.findLast((one) => one.key === key && one.attempt === attempt && one.atMs <= atMs)
    const tookMs = atMs - (started?.atMs ?? Number.NaN)
    if (key === 'hanging' && !(tookMs >= deadlineMs && tookMs <= deadlineMs + 2 * stepMs))
      found.push(`attempt ${attempt} of ${key} ended after ${tookMs} ms`)
  }
  for (const [i, { fact, atMs }] of timed.entries()) {
    if (fact.kind !== 'parked' || fact.dueAtMs === null) continue
    const next = attempts.find((one) => one.key === fact.key && one.atMs > atMs)
    const waitedMs = (next?.atMs ?? Number.POSITIVE_INFINITY) - atMs
    const isMoved = timed.slice(i).some((one) => one.fact.kind === 'claimed' && one.atMs < atMs + delayMs)
    // Who takes a partition over goes by the dates: early where its clock is ahead, and late never.
    if (waitedMs > delayMs + 3000 || (waitedMs < delayMs && !isMoved)) found.push(`${fact.key} waited ${waitedMs} ms`)
  }
  return found
}
