import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Context } from '../../../src/contracts/context.ts'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import { seenToWrite } from '../../../src/contracts/sql/sql-text.ts'
import type { Transaction } from '../../../src/contracts/transaction.ts'
import { handle } from '../../../src/define/handle.ts'
import { service } from '../../../src/define/service.ts'
import { sqliteDatabase } from '../../../src/sqlite/database/sqlite-database.ts'
import { createTestRuntime } from '../../../src/testing/test-runtime.ts'
import { named } from '../../named.ts'
import { Followed, Happened, Outage, publishAll, type Scene, scene, type Thing } from '../../thing-scene.ts'

const one = (run: (it: Thing, ctx: Context) => Promise<void>): ReturnType<typeof service> =>
  service({ name: 'one', publishes: [Followed], handlers: [handle(Happened, run)] })

const add = 'insert into effects (key, n) values ($1, $2)'

/** Both ways to a transaction: of a handler, and from outside. */
const ways: Readonly<Record<string, (body: (tx: Transaction) => Promise<void>) => Promise<Scene>>> = {
  'ctx.transaction': async (body) => {
    const made = await scene([one((_, ctx) => ctx.transaction(body))])
    await publishAll(made.app, [['k', 1]])
    return made
  },
  'runtime.transaction': async (body) => {
    const made = await scene([one(async () => {})])
    await named(made.app, 'one')
      .runtime.transaction(body)
      .catch(() => undefined)
    await made.app.settle()
    return made
  },
}

for (const [name, through] of Object.entries(ways)) {
  test(`${name} commits the statements, the batch and the events of its handle together`, async () => {
    const { app, effects } = await through(async (tx) => {
      const { query, batch, publish } = tx
      await query(add, ['a', 1])
      assert.equal(
        await batch(add, [
          ['b', 2],
          ['c', 3],
        ]),
        2,
      )
      publish(Followed, { id: 'a', n: 1 })
      assert.equal((await query('select key from effects')).length, 3)
    })
    assert.deepEqual(await effects('one'), ['a:1', 'b:2', 'c:3'])
    assert.equal((await app.published(Followed)).length, 1)
    await app.stop()
  })

  test(`${name} leaves neither rows nor events when its body throws`, async () => {
    const { app, effects } = await through(async (tx) => {
      await tx.query(add, ['a', 1])
      tx.publish(Followed, { id: 'a', n: 1 })
      throw new Error('no')
    })
    assert.deepEqual(await effects('one'), [])
    assert.equal((await app.published(Followed)).length, 0)
    await app.stop()
  })

  test(`${name} gives a handle that is dead when its body has ended`, async () => {
    let kept: Transaction | undefined
    const { app, effects } = await through(async (tx) => {
      await tx.query(add, ['a', 1])
      kept = tx
    })
    const ended = (error: unknown): boolean => isFirebreakError(error, 'FB_UNIT_ENDED')
    await assert.rejects(kept!.query(add, ['late', 1]), ended)
    await assert.rejects(kept!.batch(add, [['late', 1]]), ended)
    assert.throws(() => kept!.publish(Followed, { id: 'late', n: 1 }), ended)
    assert.deepEqual(await effects('one'), ['a:1'])
    await app.stop()
  })
}

test('what a body began before it had to run again publishes nothing through its old handle', async () => {
  const handles: Transaction[] = []
  let refused: unknown
  const run = (it: Thing, ctx: Context): Promise<void> =>
    ctx.transaction(async (tx) => {
      tx.publish(Followed, it)
      // The constraint is checked at the commit, which is shared: each unit runs again alone.
      if (it.id === 'bad') return void (await tx.query('insert into children (parent) values (-1)'))
      handles.push(tx)
      try {
        if (handles.length > 1) handles[0]?.publish(Followed, { id: 'stale', n: 0 })
      } catch (error) {
        refused = error
      }
    })
  const app = await createTestRuntime({
    services: [one(run)],
    expectDeadLetters: true,
    prepare: async (database) => {
      await database.query('create table parents (id integer primary key)')
      await database.query('create table children (parent integer references parents deferrable initially deferred)')
    },
  })
  await named(app, 'one').crash()
  await publishAll(app, [
    ['again', 1],
    ['bad', 1],
  ])
  await named(app, 'one').restart()
  await app.advance(60_000)
  assert.equal(handles.length, 2)
  assert.ok(isFirebreakError(refused, 'FB_UNIT_ENDED'))
  assert.deepEqual(
    (await app.published(Followed)).map(({ key }) => key),
    ['again'],
  )
  await app.stop()
})

test('a handler reads its own database before its transaction', async () => {
  const { app, effects } = await scene([
    one(async (it, ctx) => {
      const { query } = ctx
      const known = await query<{ n: number }>('select n from effects where key = $1 order by n', [it.id])
      await ctx.transaction((tx) => tx.query(add, [it.id, known.length * 10]))
    }),
  ])
  await publishAll(app, [
    ['k', 1],
    ['k', 2],
  ])
  assert.deepEqual(await effects('one'), ['k:0', 'k:10'])
  await app.stop()
})

const reads = [
  'select 1',
  '  -- why\n select n from effects',
  "with old (key) as (select replace(key, 'a', 'b') from effects) select key from old where key <> 'delete from it'",
  'values (1)',
  'pragma table_info(effects)',
]
const writes = [
  "insert into effects (key) values ('a')",
  '/* by hand */ update effects set n = 1',
  'DELETE FROM effects',
  "replace into effects (seq, key) values (1, 'a')",
  'create table more (k text)',
  'drop table effects',
  "with new (k) as (select 'a') insert into effects (key) select k from new",
  "with new (k) as (select 'a') update effects as e set n = 1",
  "with new (k) as (select 'a') delete from effects",
]

test('ctx.query reads whatever a statement says within its quotes, and refuses one that writes for good', async () => {
  for (const text of reads) assert.ok(!seenToWrite(text, 'sqlite'), text)
  for (const text of writes) assert.ok(seenToWrite(text, 'sqlite'), text)
  const { app, effects } = await scene([
    one(async (it, ctx) => {
      await ctx.query((it.n < 0 ? reads[-it.n - 1] : writes[it.n]) ?? '')
    }),
  ])
  await publishAll(app, [
    ...reads.map((_, n): [string, number] => [`r${n}`, -n - 1]),
    ...writes.map((_, n): [string, number] => [`w${n}`, n]),
  ])
  const letters = await named(app, 'one').deadLetters.list()
  assert.deepEqual(
    letters.map(({ entry }) => entry.key).toSorted(),
    writes.map((_, n) => `w${n}`),
  )
  for (const letter of letters) {
    assert.deepEqual([letter.errorClass, letter.attempts.length], ['FB_STATEMENT_INVALID', 1])
    assert.match(letter.message, /ctx\.query only reads: write in ctx\.transaction/)
  }
  assert.deepEqual(await effects('one'), [])
  await app.stop()
})

test('ctx.query is refused inside a transaction and after it', async () => {
  const found: unknown[] = []
  const { app } = await scene([
    one(async (_, ctx) => {
      await ctx.transaction(async () => void (await ctx.query('select 1').catch((error) => found.push(error.code))))
      await ctx.query('select 1').catch((error) => found.push(error.code))
    }),
  ])
  await publishAll(app, [['k', 1]])
  assert.deepEqual(found, ['FB_TRANSACTION_NESTED', 'FB_UNIT_ENDED'])
  await app.stop()
})

test('a database that cannot be read is no failed attempt of the handler that passes it on', async () => {
  const around = new Outage()
  const { app, effects, count } = await scene(
    [
      one(async (it, ctx) => {
        around.databaseAway = it.n === 1 && around.statements.length < 1000 && ctx.attempt === 1 && !wasAway
        wasAway = true
        await ctx.query('select 1')
        await ctx.transaction((tx) => tx.query(add, [it.id, it.n]))
      }),
    ],
    { around },
  )
  let wasAway = false
  await publishAll(app, [['k', 1]])
  await app.advance(30_000)
  around.databaseAway = false
  await app.advance(30_000)
  assert.deepEqual(await effects('one'), ['k:1'])
  assert.equal(count('failed'), 0)
  await app.stop()
})

test('a transaction of a database resolves to what its body does, and is undone with its error', async () => {
  const database = sqliteDatabase({ path: ':memory:' })
  await database.query('create table effects (key text, n bigint)')
  assert.equal(
    await database.transaction(async (tx) => {
      await tx.query(add, ['a', 1])
      return tx.batch(add, [['b', 2]])
    }),
    1,
  )
  const failing = database.transaction(async (tx) => {
    await tx.query(add, ['c', 3])
    throw new Error('no')
  })
  await assert.rejects(failing, /^Error: no$/)
  assert.equal((await database.query('select key from effects')).length, 2)
  const nested = database.transaction(() => database.transaction((tx) => tx.query(add, ['d', 4])))
  await assert.rejects(nested, (error) => isFirebreakError(error, 'FB_TRANSACTION_NESTED'))
  const none = database.transaction(undefined as never)
  await assert.rejects(none, (error) => isFirebreakError(error, 'FB_STATEMENT_INVALID'))
  await database.close()
})
