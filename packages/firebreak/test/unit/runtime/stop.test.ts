import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sleep } from '../../../src/contracts/clock.ts'
import { FirebreakError, permanent } from '../../../src/contracts/errors.ts'
import type { PortCall } from '../../../src/testing/around.ts'
import { named } from '../../named.ts'
import { Followed, Outage, publishAll, type Scene, scene, writer } from '../../thing-scene.ts'

const drainMs = 1000
const graceMs = 2000

/** Calls that never come back while `hangs` says so, and come back when `wake` is called. */
class Hanging extends Outage {
  hangs: (call: PortCall) => boolean = () => false
  hung = 0
  isClosed = false
  readonly #asleep: (() => void)[] = []

  override async call<T>(call: PortCall, run: () => Promise<T>): Promise<T> {
    if (this.hangs(call)) {
      this.hung++
      await new Promise<void>((resolve) => this.#asleep.push(resolve))
    }
    if (this.isClosed && call.port === 'database') throw new FirebreakError('FB_CLOSED', { what: 'the database' })
    return super.call(call, run)
  }

  wake(): void {
    this.hangs = () => false
    for (const go of this.#asleep.splice(0)) go()
  }
}

const hangingScene = async (around: Hanging, handlerMs = 0): Promise<Scene> => {
  const one = writer('one', () => sleep(set.app.clock, handlerMs), { publishes: Followed, deadlineMs: 3_600_000 })
  const set: Scene = await scene([one], { around, limits: { drainMs } })
  return set
}

/** Stops the instance and tells how long that took. */
async function stopTook({ app }: Scene): Promise<number> {
  const from = app.clock.now()
  let tookMs: number | undefined
  void named(app, 'one')
    .runtime.stop()
    .then(() => {
      tookMs = app.clock.now() - from
    })
  while (tookMs === undefined && app.clock.now() - from < 600_000) await app.advance(100)
  return tookMs ?? Number.POSITIVE_INFINITY
}

const silences: readonly (readonly [name: string, hangs: (call: PortCall) => boolean])[] = [
  ['the database takes no commit', ({ port, method }) => port === 'database' && method === 'commit'],
  ['the database does not answer at all', ({ port }) => port === 'database'],
  ['the log does not take positions', ({ port, method }) => port === 'cursor' && method === 'commit'],
  ['the log takes no events', ({ method }) => method === 'append'],
  ['the log does not let go', ({ port, method }) => port === 'cursor' && method === 'close'],
  ['a poll does not come back', ({ port, method }) => port === 'cursor' && method === 'poll'],
  ['nothing answers', () => true],
]

for (const [name, hangs] of silences) {
  test(`a stop ends within its time when ${name}, and what did not end is delivered again`, async () => {
    const around = new Hanging()
    const set = await hangingScene(around)
    const { app, effects, count } = set
    await publishAll(app, [['k', 1]])
    await app.advance(5000)
    around.hangs = hangs
    await publishAll(app, [
      ['k', 2],
      ['l', 1],
    ])
    await app.advance(50)
    const tookMs = await stopTook(set)
    assert.ok(around.hung > 0, 'something hung')
    assert.ok(tookMs <= drainMs + graceMs, `it took ${tookMs} ms`)
    // The rest of what was left behind, as the process that goes on for a while would see it.
    around.wake()
    await app.advance(5000)
    await named(app, 'one').crash()
    await named(app, 'one').restart()
    await app.advance(60_000)
    assert.deepEqual((await effects('one')).toSorted(), ['k:1', 'k:2', 'l:1'])
    assert.equal(new Set((await app.published(Followed)).map(({ envelope }) => envelope.id)).size, 3)
    assert.equal(count('halted'), 0)
    assert.deepEqual((await named(app, 'one').ledger()).problems, [])
    await app.stop()
  })
}

test('what a stop has left behind ends quietly when the database is closed after it', async () => {
  const around = new Hanging()
  const one = writer('one', () => {
    throw permanent('no such truck')
  })
  const set = await scene([one], { around, limits: { drainMs } })
  const { app, count } = set
  around.hangs = ({ port, method }) => port === 'database' && method === 'commit'
  await publishAll(app, [['k', 1]])
  await stopTook(set)
  around.isClosed = true
  around.wake()
  await app.advance(60_000)
  assert.equal(count('halted'), 0)
  around.isClosed = false
  await named(app, 'one').crash()
  await app.stop()
})

test('a stop while the log is opened ends within its time, and leaves no member behind', async () => {
  const around = new Hanging()
  const { app } = await hangingScene(around)
  await named(app, 'one').stop()
  around.hangs = ({ port, method }) => port === 'log' && method === 'open'
  await named(app, 'one').restart()
  const tookMs = await stopTook({ app } as Scene)
  assert.ok(tookMs <= drainMs + graceMs, `it took ${tookMs} ms`)
  around.wake()
  await app.advance(1000)
  assert.deepEqual(await app.log.inspect().members('one'), [])
  await app.stop()
})

test('a handler that runs on and a log that is silent share the time of a stop', async () => {
  const around = new Hanging()
  const set = await hangingScene(around, 600_000)
  const { app } = set
  around.hangs = ({ port, method }) => port === 'cursor' && method !== 'poll'
  await publishAll(app, [['k', 1]])
  const tookMs = await stopTook(set)
  assert.ok(tookMs >= drainMs && tookMs <= drainMs + graceMs, `it took ${tookMs} ms`)
  around.wake()
  await named(app, 'one').crash()
  await app.stop()
})

test('the log is told nothing of a commit that has not come back', async () => {
  const around = new Hanging()
  const set = await hangingScene(around)
  const { app } = set
  around.hangs = ({ port, method }) => port === 'database' && method === 'commit'
  await publishAll(app, [['k', 1]])
  await stopTook(set)
  assert.deepEqual(await app.log.inspect().committed('one'), [])
  around.wake()
  await named(app, 'one').crash()
  await app.stop()
})
