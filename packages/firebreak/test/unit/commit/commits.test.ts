import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Sql } from '../../../src/contracts/database.ts'
import { errorMessage, FirebreakError, permanent } from '../../../src/contracts/errors.ts'
import type { LogEntry } from '../../../src/contracts/log.ts'
import { openLedger } from '../../../src/ledger/schema.ts'
import { Committer } from '../../../src/runtime/commit/committer.ts'
import { emptyUnit, type Unit } from '../../../src/runtime/commit/unit.ts'
import { createRuntime } from '../../../src/runtime/runtime.ts'
import { sqliteDatabase } from '../../../src/sqlite/database/sqlite-database.ts'
import type { Around } from '../../../src/testing/around.ts'
import { memoryLog } from '../../../src/testing/memory-log/memory-log.ts'
import { virtualClock } from '../../../src/testing/virtual-time/virtual-clock.ts'
import { outOfTime } from '../../commit-scene.ts'
import { named } from '../../named.ts'
import { Followed, Happened, publishAll, scene, writer } from '../../thing-scene.ts'

test('a commit of unknown fate fences its partitions: what took effect counts once, as done', async () => {
  let lose: 'answer' | 'commit' | undefined
  let handling = false
  const around: Around = {
    async call({ method }, run) {
      if (method !== 'commit' || !handling || lose === undefined) return run()
      const lost = lose
      lose = undefined
      if (lost === 'answer') await run()
      throw new FirebreakError('FB_COMMIT_UNKNOWN', { path: 'test', reason: 'planted' })
    },
  }
  const one = writer(
    'one',
    () => {
      handling = true
    },
    { publishes: Followed },
  )
  for (const fate of ['answer', 'commit'] as const) {
    handling = false
    const { app, effects, count } = await scene([one], { around })
    lose = fate
    await publishAll(app, [
      ['a', 1],
      ['a', 2],
      ['b', 1],
    ])
    await app.advance(60_000)
    assert.equal(lose, undefined, `the ${fate} was lost`)
    assert.deepEqual((await effects('one')).toSorted(), ['a:1', 'a:2', 'b:1'])
    assert.equal(new Set((await app.published(Followed)).map(({ payload }) => `${payload.id}:${payload.n}`)).size, 3)
    const ledger = await named(app, 'one').ledger()
    assert.deepEqual(ledger.problems, [])
    assert.equal(
      ledger.partitions.reduce((sum, { done }) => sum + done, 0),
      3,
    )
    assert.ok(count('claimed') > 6, 'partitions were claimed anew')
    await app.stop()
  }
})

test('copies of an event on several partitions take effect once, and count once as done', async () => {
  const clock = virtualClock()
  const log = memoryLog({ clock })
  const database = sqliteDatabase({ path: ':memory:' })
  await database.query('create table effects (seq integer primary key, key text, n bigint, event_id text)')
  await log.ensureTopics([{ name: Happened.topic, partitions: 6 }])
  const headers = {
    ce_id: 'same',
    ce_type: Happened.type,
    ce_source: '/t',
    ce_schemaversion: '1',
    ce_specversion: '1.0',
  }
  let attempts = 0
  const one = writer('one', () => void attempts++)
  const value = new TextEncoder().encode(JSON.stringify({ id: 'k', n: 1 }))
  await log.append(
    [0, 1, 2].map((partition) => ({ topic: Happened.topic, key: `k${partition}`, value, headers, partition })),
  )
  const runtime = createRuntime({ service: one, log, database, clock, observe: false })
  await runtime.start()
  await clock.advance(5000)
  assert.equal((await database.query('select 1 as one from effects')).length, 1)
  assert.ok(attempts >= 1)
  const stopping = runtime.stop()
  await clock.advance(5000)
  await stopping
  const sums = await database.query<{ done: number; duplicate: number }>('select done, duplicate from fb_partitions')
  assert.equal(
    sums.reduce((sum, row) => sum + row.done, 0),
    1,
  )
  assert.equal(
    sums.reduce((sum, row) => sum + row.duplicate, 0),
    2,
  )
  await database.close()
})

/** Units that are committed in one turn, and what became of each. */
async function commitTogether(
  units: readonly Partial<Unit>[],
): Promise<{ ends: string[]; rows: number[]; marks: number }> {
  const database = sqliteDatabase({ path: ':memory:' })
  await openLedger(database, 'one', 0)
  await database.query('create table effects (n bigint)')
  const nothing = (): void => {}
  const rest = { clock: virtualClock(), inboxWindowMs: 1000, random: () => 0.5, onError: nothing, instance: 'one-1' }
  const committer = new Committer({ database, ...rest })
  const ends = await Promise.allSettled(units.map((unit) => committer.commit({ ...emptyUnit, ...unit })))
  const rows = await database.query<{ n: number }>('select n from effects order by n')
  const marks = await database.query('select event_id from fb_inbox')
  await database.close()
  return {
    ends: ends.map((end) => {
      if (end.status === 'rejected') return `rejected: ${end.reason.message}`
      return typeof end.value === 'object' ? errorMessage(end.value.failed) : end.value
    }),
    rows: rows.map(({ n }) => n),
    marks: marks.length,
  }
}

const effect = (n: number) => async (sql: Sql) => void (await sql.query('insert into effects (n) values ($1)', [n]))

test('of two copies of an event in one commit the second takes effect when the first fails', async () => {
  const failing = async (sql: Sql): Promise<void> => {
    await effect(1)(sql)
    throw new Error('constraint')
  }
  assert.deepEqual(
    await commitTogether([
      { inboxId: 'e', body: failing },
      { inboxId: 'e', body: effect(2) },
    ]),
    {
      ends: ['constraint', 'committed'],
      rows: [2],
      marks: 1,
    },
  )
})

test('of copies of an event in one commit one counts, whether or not they have SQL of their own', async () => {
  const copies = [{ inboxId: 'e' }, { inboxId: 'e', body: effect(1) }, { inboxId: 'e' }, { inboxId: 'f' }]
  assert.deepEqual(await commitTogether(copies), {
    ends: ['committed', 'duplicate', 'duplicate', 'committed'],
    rows: [],
    marks: 2,
  })
})

test('a unit that fails leaves no mark behind, so that its next attempt is no duplicate', async () => {
  let failures = 2
  const one = writer('one', () => {})
  const around: Around = {
    call: (_, run) => run(),
    statement(sql) {
      if (sql.startsWith('insert into effects') && failures-- > 0) throw new Error('constraint')
    },
  }
  const { app, effects } = await scene([one], { around })
  await publishAll(app, [
    ['a', 1],
    ['b', 1],
    ['c', 1],
  ])
  await app.advance(60_000)
  assert.deepEqual((await effects('one')).toSorted(), ['a:1', 'b:1', 'c:1'])
  assert.deepEqual((await named(app, 'one').ledger()).problems, [])
  await app.stop()
})

test('a mirrored dead letter is a record with its original bytes and the reason in its headers', async () => {
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
  const [at] = await log.append([{ topic: Happened.topic, key: 'k', value, headers }])
  await clock.advance(2000)
  const topic = (await log.inspect().topics()).find(({ name }) => name === 'one.dlq')
  const copies: LogEntry[] = []
  for (const { partition } of topic?.ends ?? [])
    copies.push(...(await log.inspect().read({ topic: 'one.dlq', partition, offset: 0 }, 10)))
  const [copy] = copies
  assert.equal(copies.length, 1)
  assert.equal(copy?.key, 'k')
  assert.deepEqual(new Uint8Array(copy?.value ?? []), value)
  const [letter] = await runtime.deadLetters.list()
  assert.deepEqual(
    Object.fromEntries(Object.entries(copy?.headers ?? {}).filter(([name]) => !name.startsWith('ce_'))),
    {
      '__dlq.errors.topic': Happened.topic,
      '__dlq.errors.partition': String(at?.partition),
      '__dlq.errors.offset': '0',
      '__dlq.errors.group': 'one',
      '__dlq.errors.delivery.count': '1',
      '__dlq.errors.message': 'no such truck',
      'x-error-class': 'FB_HANDLER_PERMANENT',
      'x-letter-id': letter?.id,
      'x-letter-reason': 'permanent',
    },
  )
  const stopping = runtime.stop()
  await clock.advance(2000)
  await stopping
  await database.close()
})

test('a unit that the database has undone in the middle is told so, and leaves no mark; the others stand', async () => {
  const clock = virtualClock()
  const database = sqliteDatabase({ path: ':memory:', clock, transactionMaxMs: 100 })
  await outOfTime(database, (ms) => clock.advance(ms))
  await database.close()
})
