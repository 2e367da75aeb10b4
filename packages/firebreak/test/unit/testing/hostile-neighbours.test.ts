/** Code of a user beside its handlers: observers, schemas, upcasters, and what happens while a runtime stops. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sleep } from '../../../src/contracts/clock.ts'
import type { EventDefinition } from '../../../src/contracts/event.ts'
import type { Fact } from '../../../src/contracts/journal.ts'
import { describeIssues, type Schema } from '../../../src/contracts/schema.ts'
import { event } from '../../../src/define/event.ts'
import { handle } from '../../../src/define/handle.ts'
import { service } from '../../../src/define/service.ts'
import { swallowErrors } from '../../../src/runtime/user-code/swallow-errors.ts'
import { oddThenables, oddValues } from '../../../src/testing/hostile/values.ts'
import { named } from '../../named.ts'
import { Followed, Happened, Outage, parkingRetry, publishAll, type Scene, scene, writer } from '../../thing-scene.ts'

const random = (): number => 0.5
const fact: Fact = { kind: 'started', instance: 'one', durationMs: 1, atMs: 1 }

test('an observer that throws, rejects or returns odd promises stops nobody, and is told of once', async () => {
  const warnings: string[] = []
  const odd = [...oddValues, ...oddThenables.filter(({ name }) => !name.startsWith('rejection'))]
  let n = 0
  const observe = swallowErrors(
    (() => {
      const { make } = odd[n++ >> 1] as (typeof odd)[number]
      if (n % 2 === 0) throw make(random)
      return make(random)
    }) as () => void,
    (text) => warnings.push(text),
  )
  for (const _ of odd) {
    observe(fact)
    observe(fact)
  }
  await Promise.resolve()
  assert.equal(warnings.length, 1)
  const late: string[] = []
  const rejecting = swallowErrors(
    (async () => {
      await Promise.resolve()
      throw new Error('the metrics server is away')
    }) as () => void,
    (text) => late.push(text),
  )
  rejecting(fact)
  rejecting(fact)
  for (let turn = 0; turn < 10; turn++) await Promise.resolve()
  assert.deepEqual(late, ['An observer failed, and may go on failing without a word: the metrics server is away'])
})

test('an observer that changes facts and errors changes nothing of what is kept', async () => {
  const one = writer('one', (it) => {
    if (it.id === 'bad') throw Object.assign(new Error('as it was'), { name: 'Original' })
  })
  const spoil = (told: Fact): void => {
    if ('error' in told) Object.assign(told.error as object, { message: 'changed', name: 'Changed', code: 'FB_FENCED' })
    if ('at' in told) Object.assign(told.at, { offset: -1, topic: 'elsewhere' })
    if ('partition' in told) Object.assign(told.partition, { topic: 'elsewhere', partition: 99 })
  }
  const { app, effects } = await scene([one], { observe: spoil })
  await publishAll(app, [
    ['bad', 1],
    ['good', 1],
  ])
  await app.advance(60_000)
  const [letter] = await named(app, 'one').deadLetters.list()
  assert.deepEqual(
    [letter?.errorClass, letter?.message, letter?.entry.topic],
    ['Original', 'as it was', 'thing.events'],
  )
  assert.deepEqual([...new Set(letter?.attempts.map(({ message }) => message))], ['as it was'])
  assert.deepEqual(await effects('one'), ['good:1'])
  assert.deepEqual((await named(app, 'one').ledger()).problems, [])
  await app.stop()
})

test('an observer may publish, and stop the runtime, in the middle of a fact', async () => {
  const one = writer('one', undefined, { publishes: Followed })
  let published = 0
  const { app, effects } = await scene([one], {
    observe: (told) => {
      if (told.kind !== 'done') return
      if (published++ < 3) void named(app, 'one').runtime.publish(Followed, { id: 'seen', n: published })
      else void named(app, 'one').runtime.stop()
    },
  })
  await publishAll(
    app,
    [1, 2, 3, 4, 5].map((n): [string, number] => [`k${n}`, n]),
  )
  await app.advance(10_000)
  await named(app, 'one').stop()
  await named(app, 'one').restart()
  await app.advance(10_000)
  assert.deepEqual((await effects('one')).toSorted(), ['k1:1', 'k2:2', 'k3:3', 'k4:4', 'k5:5'])
  assert.deepEqual((await named(app, 'one').ledger()).problems, [])
  await app.stop()
})

/** The same event with a schema of somebody else. */
const judgedBy = (validate: (value: unknown) => unknown, more: object = {}): typeof Happened => {
  const schema = { '~standard': { version: 1, vendor: 'odd', validate } } as unknown as Schema
  return { ...Happened, ...more, schema } as unknown as EventDefinition<never> as typeof Happened
}

test('a schema that fails, or returns no result, makes a dead letter that says so', async () => {
  const answers: Record<string, () => unknown> = {
    throws: () => {
      throw new Error('no idea')
    },
    rejects: () => Promise.reject(new Error('no idea')),
    nothing: () => undefined,
    number: () => 7,
    'empty object': () => ({}),
    'issues that are a text': () => ({ issues: 'wrong' }),
    'issues of nothing': () => ({
      issues: [null, undefined, { message: Symbol('x'), path: [null, { key: Symbol('y') }] }],
    }),
    'no issues at all': () => ({ issues: [] }),
    'a promise of another kind': () =>
      oddThenables.find(({ name }) => name === 'then-resolves-to-itself')?.make(random),
  }
  const judged = judgedBy((value) => {
    const { id } = value as { id: string }
    return answers[id]?.()
  })
  const set = await scene([service({ name: 'one', handlers: [handle(judged, () => {}, { retry: parkingRetry })] })])
  const { app, count } = set
  await publishTexts(set, Object.keys(answers))
  await app.advance(5000)
  const letters = await named(app, 'one').deadLetters.list({ max: 100 })
  assert.deepEqual(letters.map(({ entry }) => entry.key).toSorted(), Object.keys(answers).toSorted())
  for (const { reason, message } of letters) {
    assert.equal(reason, 'contract')
    assert.match(message, /^thing.happened v1 does not fit its schema: (null; undefined; |.*its schema)/)
  }
  assert.equal(count('halted'), 0)
  assert.deepEqual((await named(app, 'one').ledger()).problems, [])
  await app.stop()
})

async function publishTexts({ app }: Scene, ids: readonly string[]): Promise<void> {
  for (const id of ids) await app.log.append([recordFor(id)])
  await app.settle()
}

const recordFor = (id: string): Parameters<Scene['app']['log']['append']>[0][number] => ({
  topic: Happened.topic,
  key: id,
  value: new TextEncoder().encode(JSON.stringify({ id, n: 1 })),
  headers: {
    ce_id: `id-${id}`,
    ce_type: Happened.type,
    ce_source: '/test',
    ce_schemaversion: '1',
    ce_specversion: '1.0',
  },
})

test('whatever an upcaster throws or returns, its record is a dead letter that names it, or is judged by the schema', async () => {
  const odd = [...oddValues, ...oddThenables.filter(({ name }) => !name.startsWith('rejection'))]
  const upcast = {
    1: (old: { id: string }): unknown => {
      const [way, at] = old.id.split('-')
      const value = odd[Number(at)]?.make(random)
      if (way === 'throw') throw value
      return value
    },
  }
  const judged = judgedBy(() => ({ issues: [{ message: 'not as it should be' }] }), { version: 2, upcast })
  const set = await scene([service({ name: 'one', handlers: [handle(judged, () => {}, { retry: parkingRetry })] })])
  const ids = odd.flatMap((_, at) => [`throw-${at}`, `return-${at}`])
  await publishTexts(set, ids)
  await set.app.advance(5000)
  const letters = await named(set.app, 'one').deadLetters.list({ max: 1000 })
  assert.equal(letters.length, ids.length)
  for (const { message } of letters) assert.match(message, /its upcaster from version 1 |not as it should be/)
  assert.equal(set.count('halted'), 0)
  await set.app.stop()
})

test('issues of any kind are told in one line that has an end', () => {
  for (const { make } of oddValues) {
    const value = make(random)
    for (const issues of [
      value,
      [value],
      [{ message: value, path: value }],
      [{ message: 'm', path: [value, { key: value }] }],
    ])
      assert.ok(describeIssues(issues).length < 12_000)
  }
  assert.equal(describeIssues([{ message: 'm', path: ['a', { key: 0 }] }]), 'a.0: m')
  assert.equal(describeIssues([]), 'its schema gives no reason')
})

test('a stop is nobody’s failure: what a running handler is refused while the runtime stops is delivered again', async () => {
  const ways = ['publish', 'transaction', 'call', 'throws', 'permanent'] as const
  for (const way of ways) {
    let runs = 0
    const one = writer(
      'one',
      async (_, ctx) => {
        const { app } = set
        const runtime = named(app, 'one').runtime
        if (runs++ > 0) return
        await sleep(app.clock, 300)
        if (way === 'publish') await runtime.publish(Followed, { id: 'x', n: 1 })
        if (way === 'transaction') await runtime.transaction(async () => {})
        if (way === 'call') await runtime.call({ name: 'x' } as never, {} as never)
        if (way === 'throws') throw new Error('the pool is closed')
        if (way === 'permanent') ctx.publish({ ...Followed } as never, { id: 'x', n: 1 } as never)
      },
      { publishes: Followed },
    )
    const set: Scene = await scene([one])
    const { app, effects, count } = set
    await publishAll(app, [['k', 1]])
    const stopped = named(app, 'one').stop()
    await stopped
    assert.equal((await named(app, 'one').database.query('select * from fb_dead_letters')).length, 0, way)
    await named(app, 'one').restart()
    await app.advance(1000)
    assert.deepEqual([await effects('one'), count('failed'), runs], [['k:1'], 0, 2], way)
    assert.deepEqual((await named(app, 'one').ledger()).problems, [])
    await app.stop()
  }
})

test('a parked record whose handler fails because the runtime stops keeps its attempts', async () => {
  const one = writer('one', async (_, ctx) => {
    if (ctx.attempt === 1) throw new Error('not yet')
    await sleep(set.app.clock, 300)
    if (isStopping) throw new Error('the pool is closed')
  })
  let isStopping = false
  const set: Scene = await scene([one])
  const { app, effects, told } = set
  await publishAll(app, [['k', 1]])
  await app.advance(10_100)
  isStopping = true
  await named(app, 'one').stop()
  isStopping = false
  await named(app, 'one').restart()
  await app.advance(60_000)
  assert.deepEqual(await effects('one'), ['k:1'])
  assert.deepEqual(told('k'), ['failed', 'parked', 'done'])
  await app.stop()
})

test('what fails because the database is closed during the stop is delivered again', async () => {
  const around = new Outage()
  let runs = 0
  const one = writer('one', async () => {
    if (runs++ > 0) return
    await sleep(app.clock, 300)
    around.databaseAway = true
  })
  const { app, effects, count } = await scene([one], { around })
  await publishAll(app, [['k', 1]])
  await named(app, 'one').stop()
  around.databaseAway = false
  await named(app, 'one').restart()
  await app.advance(5000)
  assert.deepEqual([await effects('one'), count('failed'), count('halted')], [['k:1'], 0, 0])
  await app.stop()
})

test('an event definition may carry a schema that works for nothing: each record says so', async () => {
  const Broken = event({
    type: 'broken.was',
    topic: 'broken',
    key: 'id' as never,
    // A function, and not one that can be called.
    schema: { '~standard': { validate: class {} } } as unknown as Schema,
  })
  const set = await scene([service({ name: 'one', handlers: [handle(Broken as never, () => {})] })])
  const headers = { ...recordFor('k').headers, ce_type: 'broken.was' }
  await set.app.log.append([{ ...recordFor('k'), topic: 'broken', headers }])
  await set.app.settle()
  const [letter] = await named(set.app, 'one').deadLetters.list()
  assert.match(letter?.message ?? '', /^broken.was v1 does not fit its schema: its schema failed: /)
  await set.app.stop()
})

test('a schema that never answers fails its attempts at their deadline, and holds nobody else', async () => {
  const schema: Schema<{ id: string }> = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value) => {
        const { id } = value as { id: string }
        return id === 'hangs' ? new Promise(() => {}) : Promise.resolve({ value: { id } })
      },
    },
  }
  const Slow = event({ type: 'thing.slow', topic: 'slow.events', key: 'id', schema })
  const seen: string[] = []
  const run = ({ id }: { id: string }): void => void seen.push(id)
  const options = { deadlineMs: 1000, retry: { attemptsMax: 2, baseMs: 10, capMs: 10 } }
  const { app, count } = await scene([service({ name: 'one', handlers: [handle(Slow, run, options)] })])
  const headers = (id: string): Record<string, string> => ({ ce_id: id, ce_source: '/x', ce_type: Slow.type })
  await app.log.append(
    ['hangs', 'good'].map((id) => {
      const value = new TextEncoder().encode(JSON.stringify({ id }))
      return { topic: Slow.topic, key: id, value, headers: headers(id) }
    }),
  )
  await app.settle()
  assert.deepEqual(seen, ['good'])
  await app.advance(5000)
  const [letter] = await named(app, 'one').deadLetters.list()
  assert.deepEqual([letter?.errorClass, letter?.reason, letter?.attempts.length], ['FB_SCHEMA_TIMEOUT', 'exhausted', 2])
  assert.equal(count('halted'), 0)
  await app.stop()
})
