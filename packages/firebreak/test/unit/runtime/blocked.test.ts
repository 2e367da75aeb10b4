import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sleep } from '../../../src/contracts/clock.ts'
import { FirebreakError, isFirebreakError } from '../../../src/contracts/errors.ts'
import type { LogRecord } from '../../../src/contracts/log.ts'
import { partitionOfKey } from '../../../src/contracts/partitioner.ts'
import { event } from '../../../src/define/event.ts'
import { service } from '../../../src/define/service.ts'
import { createRuntime } from '../../../src/runtime/runtime.ts'
import { sqliteDatabase } from '../../../src/sqlite/database/sqlite-database.ts'
import type { PortCall } from '../../../src/testing/around.ts'
import { memoryLog } from '../../../src/testing/memory-log/memory-log.ts'
import { virtualClock } from '../../../src/testing/virtual-time/virtual-clock.ts'
import { named } from '../../named.ts'
import { Followed, Happened, Outage, type Scene, scene, type Thing } from '../../thing-scene.ts'

const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n)
const textOf = ({ value }: Pick<LogRecord, 'value'>): string => new TextDecoder().decode(value ?? new Uint8Array())
const by = { by: 'ann', note: 'too large for anybody' }

/** A log of which single topics or partitions do not answer, and an account of what is appended. */
class Sick extends Outage {
  /** How long an append with such a record takes until it fails; 0 is none at all. */
  hangsMs: (record: LogRecord) => number = () => 0
  fails: (record: LogRecord) => FirebreakError | undefined = () => undefined
  wait: (ms: number) => Promise<void> = async () => {}
  readonly appended: LogRecord[] = []
  readonly sizes: number[] = []

  override async call<T>(call: PortCall, run: () => Promise<T>): Promise<T> {
    const { records = [] } = call
    if (records.length > 0) this.sizes.push(records.length)
    for (const record of records) {
      const error = this.fails(record)
      const hangMs = this.hangsMs(record)
      if (hangMs > 0) await this.wait(hangMs)
      if (error !== undefined) throw error
    }
    const result = await super.call(call, run)
    this.appended.push(...records)
    return result
  }
}

const away = new FirebreakError('FB_LOG_UNAVAILABLE', { path: 'test', reason: 'NOT_ENOUGH_REPLICAS' })
const writes = service({ name: 'one', publishes: [Followed, Happened] })

async function sickScene(options: Parameters<typeof scene>[1] = {}): Promise<Scene & { around: Sick }> {
  const around = new Sick()
  const set = await scene([writes], { around, ...options })
  around.wait = (ms) => sleep(set.app.clock, ms)
  return { ...set, around }
}

type Out = readonly [definition: typeof Followed, id: string, n: number]

const commit = ({ app }: Scene, events: readonly Out[]): Promise<void> =>
  named(app, 'one').runtime.transaction(async (tx) => {
    for (const [definition, id, n] of events) tx.publish(definition, { id, n })
  })

const nsOf = async ({ app }: Scene, definition: typeof Followed): Promise<number[]> =>
  (await app.published(definition))
    .toSorted((a, b) => a.at.partition - b.at.partition || a.at.offset - b.at.offset)
    .map(({ payload }) => (payload as Thing).n)

test('1200 events that the log refuses for good let those of other keys and topics pass at once, each once', async () => {
  const set = await sickScene()
  const { app, around, count } = set
  around.refuses = ({ topic, key }) => topic === Followed.topic && key?.startsWith('bad') === true
  await commit(
    set,
    numbers(1200).map((n): Out => [Followed, `bad${n}`, n]),
  )
  await app.advance(5000)
  around.appended.length = 0
  await commit(
    set,
    numbers(20).map((n): Out => [n < 10 ? Happened : Followed, `good${n}`, n]),
  )
  await app.settle()
  assert.equal(around.appended.length, 20)
  assert.deepEqual((await nsOf(set, Happened)).toSorted(), numbers(10))
  assert.equal(count('blocked'), 1200)
  assert.equal(named(app, 'one').runtime.stats().outboxBlocked, 1200)
  assert.equal((await named(app, 'one').ledger()).blocked, 1200)
  await app.stop()
})

test('an instance that starts beside 1200 stuck events sends the others first, and says nothing about the stuck ones again', async () => {
  const set = await sickScene()
  const { app, around, count } = set
  around.refuses = ({ key }) => key?.startsWith('bad') === true
  await commit(
    set,
    numbers(1200).map((n): Out => [Followed, `bad${n}`, n]),
  )
  await app.advance(1000)
  around.appendAway = true
  await commit(
    set,
    numbers(10).map((n): Out => [Happened, `good${n}`, n]),
  )
  await named(app, 'one').crash()
  around.appendAway = false
  const told = count('blocked')
  await named(app, 'one').restart()
  await app.settle()
  await app.advance(leaseMs)
  assert.deepEqual((await nsOf(set, Happened)).toSorted(), numbers(10))
  assert.equal(count('blocked'), told)
  await app.stop()
})
const leaseMs = 2000

test('stuck events cost a healthy outbox no look and no append', async () => {
  const set = await sickScene()
  const { app, around } = set
  around.refuses = ({ key }) => key?.startsWith('bad') === true
  await commit(
    set,
    numbers(1200).map((n): Out => [Followed, `bad${n}`, n]),
  )
  await app.advance(300_000)
  around.statements.length = 0
  around.sizes.length = 0
  for (const n of numbers(20)) await commit(set, [[Happened, `k${n}`, n]])
  await app.settle()
  assert.equal(around.statements.filter((sql) => sql.includes('ORDER BY shard, seq')).length, 0)
  assert.ok(around.sizes.length <= 20)
  // A minute of nothing but stuck events is a few tries, no busy loop.
  around.calls.length = 0
  await app.advance(60_000)
  assert.ok(around.calls.length < 1000, `${around.calls.length} calls in a minute`)
  await app.stop()
})

test('events behind a refused one wait in order, and leave in order when a person gives it up', async () => {
  const set = await sickScene()
  const { app, around } = set
  around.refuses = (record) => textOf(record) === '{"id":"k","n":0}'
  await commit(
    set,
    numbers(3).map((n): Out => [Followed, 'k', n]),
  )
  await app.advance(1000)
  await commit(
    set,
    numbers(300).map((n): Out => [Followed, 'k', n + 3]),
  )
  await app.advance(60_000)
  assert.deepEqual(await nsOf(set, Followed), [])
  const { outbox } = named(app, 'one').runtime
  const [stuck, ...others] = await outbox.list()
  assert.ok(stuck !== undefined && others.length === 0)
  assert.deepEqual([stuck.eventType, stuck.key, stuck.errorClass], [Followed.type, 'k', 'FB_RECORD_TOO_LARGE'])
  await outbox.discard(stuck.number, by)
  await app.advance(5000)
  assert.deepEqual(
    await nsOf(set, Followed),
    numbers(302).map((n) => n + 1),
  )
  const kept = await outbox.get(stuck.number)
  assert.deepEqual([kept.state, textOf(kept)], ['discarded', '{"id":"k","n":0}'])
  assert.deepEqual(
    kept.history.map(({ action, by }) => `${action} by ${by}`),
    ['blocked by firebreak', 'discarded by ann'],
  )
  assert.deepEqual(await outbox.list(), [])
  await app.stop()
})

test('an edited event goes as a new one in the place of the old one', async () => {
  const set = await sickScene()
  const { app, around } = set
  around.refuses = (record) => textOf(record).includes('"n":-1')
  await commit(
    set,
    [-1, 5, 6].map((n): Out => [Followed, 'k', n]),
  )
  await app.advance(1000)
  const { outbox } = named(app, 'one').runtime
  const [stuck] = await outbox.list()
  assert.ok(stuck !== undefined)
  const edit = (payload: unknown): Promise<void> => outbox.edit(stuck.number, payload, by)
  const isInvalid = (error: unknown): boolean => isFirebreakError(error, 'FB_REPLAY_INVALID')
  await assert.rejects(edit({ id: 'other', n: 4 }), isInvalid)
  await assert.rejects(edit({ id: 'k', n: 'four' }), isInvalid)
  await edit({ id: 'k', n: 4 })
  await assert.rejects(edit({ id: 'k', n: 4 }), (error) => isFirebreakError(error, 'FB_BLOCKED_STATE'))
  await app.advance(5000)
  assert.deepEqual(await nsOf(set, Followed), [4, 5, 6])
  const [first] = await app.published(Followed)
  assert.notEqual(first?.envelope.id, stuck.eventId)
  assert.ok((await app.published(Followed)).some(({ envelope }) => envelope.causationId === stuck.eventId))
  await app.stop()
})

test('a discard needs a reason, and an event that is unknown is not found', async () => {
  const set = await sickScene()
  const { app, around } = set
  around.refuses = () => true
  await commit(set, [[Followed, 'k', 1]])
  await app.advance(100)
  const { outbox } = named(app, 'one').runtime
  const discard = outbox.discard(1, { by: 'ann', note: ' ' })
  await assert.rejects(discard, (error) => isFirebreakError(error, 'FB_BLOCKED_REASON'))
  await assert.rejects(outbox.get(99), (error) => isFirebreakError(error, 'FB_BLOCKED_NOT_FOUND'))
  await app.stop()
})

test('what the log takes after all goes by itself, in order, and is no longer listed', async () => {
  const set = await sickScene()
  const { app, around } = set
  around.refuses = ({ key }) => key?.startsWith('bad') === true
  await commit(
    set,
    numbers(300).map((n): Out => [Followed, `bad${n % 100}`, n]),
  )
  await app.advance(600_000)
  assert.equal((await named(app, 'one').runtime.outbox.list({ max: 1000 })).length, 100)
  around.refuses = () => false
  await app.advance(120_000)
  const sent = await app.published(Followed)
  assert.equal(sent.length, 300)
  for (const [, ofKey] of Map.groupBy(sent, ({ key }) => key)) {
    const inOrder = ofKey.toSorted((a, b) => a.at.offset - b.at.offset).map(({ payload }) => payload.n)
    assert.deepEqual(
      inOrder,
      inOrder.toSorted((a, b) => a - b),
    )
  }
  assert.deepEqual(await named(app, 'one').runtime.outbox.list({ max: 1000 }), [])
  assert.equal((await named(app, 'one').ledger()).outbox, 0)
  await app.stop()
})

test('nobody decides about an event while the log is being asked for it', async () => {
  const set = await sickScene()
  const { app, around } = set
  around.refuses = () => true
  await commit(set, [[Followed, 'k', 1]])
  await app.advance(10)
  around.refuses = () => false
  around.hangsMs = () => 5000
  await app.advance(2000)
  const { outbox } = named(app, 'one').runtime
  await assert.rejects(outbox.discard(1, by), (error) => isFirebreakError(error, 'FB_BLOCKED_STATE'))
  await app.advance(10_000)
  assert.deepEqual(await nsOf(set, Followed), [1])
  await assert.rejects(outbox.get(1), (error) => isFirebreakError(error, 'FB_BLOCKED_NOT_FOUND'))
  await app.stop()
})

test('a partition that hangs makes no other one wait, and nothing that is stored is appended again', async () => {
  const set = await sickScene()
  const { app, around, facts } = set
  const isSick = ({ topic, key }: LogRecord): boolean => topic === Followed.topic && key === 'sick'
  around.hangsMs = (record) => (isSick(record) ? 30_000 : 0)
  around.fails = (record) => (isSick(record) ? away : undefined)
  await commit(
    set,
    numbers(8000).map((n): Out => [Followed, 'sick', n]),
  )
  await app.advance(1500)
  // Keys of the sick partition share its fate.
  const isApart = (n: number): boolean => partitionOfKey(`k${n}`, 6) !== partitionOfKey('sick', 6)
  const healthy = numbers(30).filter(isApart).slice(0, 10)
  for (const round of numbers(20)) {
    await commit(
      set,
      healthy.map((n): Out => [n % 2 === 0 ? Happened : Followed, `k${n}`, round * 100 + n]),
    )
    await app.settle()
    assert.equal(around.appended.length, (round + 1) * 10)
    await app.advance(100)
  }
  await app.advance(120_000)
  assert.equal(facts.filter(({ kind }) => kind === 'infrastructure-error').length, 1)
  around.hangsMs = () => 0
  around.fails = () => undefined
  await app.advance(60_000)
  assert.equal((await named(app, 'one').ledger()).outbox, 0)
  const ids = around.appended.map(({ headers }) => headers['ce_id'])
  assert.equal(ids.length, 8200)
  assert.equal(new Set(ids).size, 8200)
  const ofSick = around.appended.filter(isSick).map((record) => JSON.parse(textOf(record)).n)
  assert.deepEqual(ofSick, numbers(8000))
  await app.stop()
})

test('a topic that is missing, or that the service may not write to, halts nothing and is told once', async () => {
  for (const code of ['FB_TOPIC_UNKNOWN', 'FB_LOG_REFUSED'] as const) {
    const set = await sickScene()
    const { app, around, count } = set
    const error = new FirebreakError(code, { topic: Followed.topic, path: 'test', reason: 'no' })
    around.fails = ({ topic }) => (topic === Followed.topic ? error : undefined)
    await commit(
      set,
      numbers(40).map((n): Out => [n % 2 === 0 ? Followed : Happened, `k${n}`, n]),
    )
    await app.settle()
    assert.equal((await nsOf(set, Happened)).length, 20)
    await app.advance(600_000)
    assert.equal(count('halted'), 0)
    assert.equal((await named(app, 'one').runtime.outbox.list()).length, 20)
    assert.equal(count('blocked'), 20)
    around.fails = () => undefined
    await app.advance(120_000)
    assert.equal((await nsOf(set, Followed)).length, 20)
    assert.equal((await named(app, 'one').ledger()).outbox, 0)
    await app.stop()
  }
})

test('what a rejected append has stored is not appended again', async () => {
  const set = await sickScene()
  const { app, around } = set
  const call = around.call.bind(around)
  around.call = async (at, run) => {
    const { records = [] } = at
    const bad = records.findIndex((record) => textOf(record).includes('"n":7'))
    if (bad < 0) return call(at, run)
    // As a broker does it that takes what comes before the record that it refuses.
    const stored = records.slice(0, bad)
    if (stored.length > 0) await app.log.append(stored)
    around.appended.push(...stored)
    const refused = { topic: Followed.topic, reason: 'no', stored: numbers(bad) }
    throw new FirebreakError('FB_RECORD_REFUSED', refused)
  }
  await commit(
    set,
    numbers(20).map((n): Out => [Followed, `k${n % 3}`, n]),
  )
  await app.advance(1000)
  const ns = around.appended.map((record) => JSON.parse(textOf(record)).n)
  assert.equal(new Set(ns).size, ns.length)
  assert.deepEqual(
    ns.filter((n) => n % 3 === 1),
    [1, 4],
  )
  assert.equal(ns.filter((n) => n % 3 !== 1).length, 13)
  await app.stop()
})

test('a transaction refuses what its topic does not take, and takes it when the topic does', async () => {
  const Large = event({ type: 'thing.grew', topic: 'large.events', key: 'id', schema: Followed.schema })
  const clock = virtualClock()
  const limits: Record<string, number> = { 'large.events': 600 }
  const log = memoryLog({ clock, topicBytesMax: limits })
  const database = sqliteDatabase({ path: ':memory:' })
  const grows = service({ name: 'one', publishes: [Large, Followed] })
  const runtime = createRuntime({ service: grows, log, database, clock })
  await runtime.start()
  const id = 'x'.repeat(400)
  const publish = (definition: typeof Followed): Promise<void> =>
    runtime.transaction(async (tx) => tx.publish(definition, { id, n: 1 }))
  await publish(Followed)
  await clock.settle()
  await assert.rejects(publish(Large), (error) => isFirebreakError(error, 'FB_RECORD_TOO_LARGE'))
  assert.equal((await database.query('select seq from fb_outbox')).length, 0)
  limits['large.events'] = 6000
  await assert.rejects(publish(Large), (error) => isFirebreakError(error, 'FB_RECORD_TOO_LARGE'))
  await clock.settle()
  await publish(Large)
  const stopping = runtime.stop()
  await clock.advance(5000)
  await stopping
  await database.close()
})
