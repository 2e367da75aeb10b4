import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sleep } from '../../../src/contracts/clock.ts'
import { permanent } from '../../../src/contracts/errors.ts'
import { createRuntime } from '../../../src/runtime/runtime.ts'
import { sqliteDatabase } from '../../../src/sqlite/database/sqlite-database.ts'
import type { PortCall } from '../../../src/testing/around.ts'
import { memoryLog } from '../../../src/testing/memory-log/memory-log.ts'
import { virtualClock } from '../../../src/testing/virtual-time/virtual-clock.ts'
import { named } from '../../named.ts'
import { Followed, Happened, Outage, scene, writer } from '../../thing-scene.ts'

const leaseMs = 2000
const isLook = (sql: string | undefined): boolean => sql?.includes('FROM fb_outbox WHERE shard =') === true
const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n)

/** Notes how old the lease was at each append, and lets calls take their time. */
class Leased extends Outage {
  now: () => number = () => 0
  takesMs: (call: PortCall, lastStatement: string | undefined) => number = () => 0
  readonly agesMs: number[] = []
  leasedAtMs = 0

  override async call<T>(call: PortCall, run: () => Promise<T>): Promise<T> {
    const isOutbox = call.records?.some(({ topic }) => topic === Followed.topic) === true
    if (isOutbox) this.agesMs.push(this.now() - this.leasedAtMs)
    const waitMs = this.takesMs(call, this.statements.at(-1))
    const result = await super.call(call, run)
    if (waitMs > 0) await this.wait(waitMs)
    return result
  }

  wait: (ms: number) => Promise<void> = async () => {}

  override statement(sql: string): void {
    super.statement(sql)
    if (sql.startsWith('INSERT INTO fb_leases')) this.leasedAtMs = this.now()
  }
}

async function leasedScene(): Promise<{ around: Leased; set: Awaited<ReturnType<typeof scene>> }> {
  const around = new Leased()
  const set = await scene([writer('one', undefined, { publishes: Followed })], { around })
  around.now = () => set.app.clock.now()
  around.leasedAtMs = around.now()
  around.wait = (ms) => sleep(set.app.clock, ms)
  return { around, set }
}

test('events that go in many small calls to a slow log go only while the lease lasts', async () => {
  const { around, set } = await leasedScene()
  const { app } = set
  // Every second one is refused, so that bundles are divided until each goes alone.
  around.refuses = ({ key }) => key?.startsWith('bad') === true
  around.takesMs = ({ records }) => (records === undefined ? 0 : 300)
  await named(app, 'one').runtime.transaction(async (tx) => {
    for (const n of numbers(40)) tx.publish(Followed, { id: n % 2 === 0 ? `bad${n}` : `k${n % 4}`, n })
  })
  await app.advance(60_000)
  assert.ok(around.agesMs.length > 40)
  assert.ok(Math.max(...around.agesMs) < leaseMs, `sent ${Math.max(...around.agesMs)} ms after the lease was taken`)
  around.refuses = () => false
  await app.advance(60_000)
  const ns = (await app.published(Followed)).map(({ payload }) => payload.n)
  assert.deepEqual(
    ns.toSorted((a, b) => a - b),
    numbers(40),
  )
  await app.stop()
})

test('a process that froze while it read the outbox asks for its shards again before it sends', async () => {
  const { around, set } = await leasedScene()
  const { app } = set
  await named(app, 'one').runtime.transaction(async (tx) => tx.publish(Followed, { id: 'k', n: 1 }))
  await named(app, 'one').crash()
  around.appendAway = true
  await named(app, 'one').restart()
  await named(app, 'one').runtime.transaction(async (tx) => tx.publish(Followed, { id: 'k', n: 2 }))
  await named(app, 'one').crash()
  around.appendAway = false
  around.agesMs.length = 0
  let freezes = 1
  around.takesMs = ({ method }, sql) => (method === 'query' && isLook(sql) && freezes-- > 0 ? 10_000 : 0)
  await named(app, 'one').restart()
  await app.advance(60_000)
  assert.ok(freezes <= 0 && around.agesMs.length > 0)
  assert.ok(Math.max(...around.agesMs) < leaseMs, `sent ${Math.max(...around.agesMs)} ms after the lease was taken`)
  assert.equal((await named(app, 'one').ledger()).outbox, 0)
  await app.stop()
})

test('a log that goes away among events that go one by one is asked once, not for every key', async () => {
  const around = new Outage()
  const { app } = await scene([writer('one', undefined, { publishes: Followed })], { around })
  let appends = 0
  const call = around.call.bind(around)
  around.refuses = ({ key }) => key === 'bad'
  around.call = (at, run) => {
    if (at.records?.length === 1 && at.records[0]?.topic === Followed.topic) {
      around.appendAway = true
      appends++
    }
    return call(at, run)
  }
  await named(app, 'one').runtime.transaction(async (tx) => {
    for (const n of numbers(40)) tx.publish(Followed, { id: n === 39 ? 'bad' : `k${n}`, n })
  })
  await app.settle()
  assert.equal(appends, 1)
  around.refuses = () => false
  around.call = (at, run) => {
    around.appendAway = false
    return call(at, run)
  }
  await app.advance(10_000)
  assert.equal((await app.published(Followed)).length, 40)
  await app.stop()
})

test('a dead letter is mirrored although another event with its id waits in the outbox', async () => {
  const clock = virtualClock()
  const log = memoryLog({ clock })
  const database = sqliteDatabase({ path: ':memory:' })
  const one = writer('one', () => {
    throw permanent('no such truck')
  })
  const runtime = createRuntime({ service: one, log, database, clock, mirrorDeadLetters: true, observe: false })
  await runtime.start()
  const value = new TextEncoder().encode(JSON.stringify({ id: 'k', n: 1 }))
  const headers = { ce_id: 'e1', ce_type: Happened.type, ce_source: '/t', ce_schemaversion: '1', ce_specversion: '1.0' }
  // Two copies of one event, whose letters are committed together.
  await log.append(['a', 'b'].map((key) => ({ topic: Happened.topic, key, value, headers })))
  await clock.advance(10_000)
  const [topic] = await log.inspect().topics(['one.dlq'])
  const mirroredCount = topic?.ends.reduce((sum, { first, next }) => sum + next - first, 0)
  assert.equal((await runtime.deadLetters.list()).length, 2)
  assert.equal(mirroredCount, 2)
  assert.deepEqual(await database.query('select seq from fb_outbox'), [])
  const stopping = runtime.stop()
  await clock.advance(5000)
  await stopping
  await database.close()
})

test('a look at the outbox that fails in one shard brings nothing that was sent meanwhile', async () => {
  const around = new Outage()
  const { app } = await scene([writer('one', undefined, { publishes: Followed })], { around })
  around.appendAway = true
  await named(app, 'one').runtime.transaction(async (tx) => {
    for (const n of numbers(40)) tx.publish(Followed, { id: `k${n}`, n })
  })
  await named(app, 'one').crash()
  around.appendAway = false
  // The first shard fails at once, the others answer late with what they have found.
  let looks = 0
  const call = around.call.bind(around)
  around.call = async (at, run) => {
    if (at.method !== 'query' || !isLook(around.statements.at(-1)) || ++looks > 8) return call(at, run)
    if (looks === 1) throw new Error('canceling statement')
    const result = await call(at, run)
    await sleep(app.clock, 3000)
    return result
  }
  await named(app, 'one').restart()
  await app.advance(60_000)
  await named(app, 'one').runtime.transaction(async (tx) => tx.publish(Followed, { id: 'k', n: 40 }))
  await app.advance(10_000)
  assert.ok(looks > 8)
  const ns = (await app.published(Followed)).map(({ payload }) => payload.n)
  assert.deepEqual(
    ns.toSorted((a, b) => a - b),
    numbers(41),
  )
  await app.stop()
})
