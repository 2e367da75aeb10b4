import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Context } from '../../../src/contracts/context.ts'
import type { Sql } from '../../../src/contracts/database.ts'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import { handle } from '../../../src/define/handle.ts'
import { service } from '../../../src/define/service.ts'
import { sqliteDatabase } from '../../../src/sqlite/database/sqlite-database.ts'
import { createTestRuntime, type TestRuntime } from '../../../src/testing/test-runtime.ts'
import { named } from '../../named.ts'
import { Followed, Happened, publishAll, type Thing } from '../../thing-scene.ts'

const add = "insert into effects (key) values ('inner')"

/** What a body does that would open a transaction inside its own. */
const nestings: Readonly<Record<string, (app: TestRuntime, others: Context) => Promise<unknown>>> = {
  'a transaction of the runtime': (app) => named(app, 'one').runtime.transaction((sql) => sql.query(add)),
  'the transaction of another delivery': (_, others) => others.transaction((sql) => sql.query(add)),
  'a transaction of the database': (app) => named(app, 'one').database.transaction((tx) => tx.query(add)),
  'a write through the database': (app) => named(app, 'one').database.query(add),
  'a commit on the database': (app) => named(app, 'one').database.commit([async (sql) => void (await sql.query(add))]),
}

for (const [name, nest] of Object.entries(nestings)) {
  test(`inside a transaction, ${name} is refused at once, for good, and has no effect`, async () => {
    let app: TestRuntime
    let others: Context | undefined
    const run = async ({ id }: Thing, ctx: Context): Promise<void> => {
      if (id === 'other') {
        // Its own unit is open for as long as it waits.
        others = ctx
        await new Promise<void>((resolve) => app.clock.schedule(10_000, resolve))
        return
      }
      await ctx.transaction(async (sql) => {
        await sql.query("insert into effects (key) values ('outer')")
        await nest(app, others ?? ctx)
      })
    }
    app = await createTestRuntime({
      services: [service({ name: 'one', handlers: [handle(Happened, run)] })],
      expectDeadLetters: true,
      prepare: (database) => database.query('create table effects (key text)'),
    })
    await publishAll(app, [
      ['other', 1],
      ['nests', 1],
    ])
    const [letter, ...more] = await named(app, 'one').deadLetters.list()
    assert.deepEqual([letter?.errorClass, letter?.attempts.length, more], ['FB_TRANSACTION_NESTED', 1, []])
    assert.match(letter?.message ?? '', /inside a transaction would wait for it, or commit without it/)
    await app.advance(20_000)
    assert.deepEqual(await named(app, 'one').database.query('select key from effects'), [])
    assert.deepEqual((await named(app, 'one').ledger()).problems, [])
    await app.stop()
  })
}

test('a second handle on the same file may read inside a transaction, and is refused when it writes', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'firebreak-nested-'))
  const [one, other] = [0, 1].map(() => sqliteDatabase({ path: join(folder, 'one.db') }))
  assert.ok(one !== undefined && other !== undefined)
  await one.query('create table effects (key text)')
  await one.commit([
    async (sql) => {
      await sql.query("insert into effects (key) values ('outer')")
      assert.deepEqual(await other.query('select key from effects'), [])
      await assert.rejects(other.query(add), (error) => isFirebreakError(error, 'FB_TRANSACTION_NESTED'))
    },
  ])
  await other.query(add)
  assert.equal((await one.query('select key from effects')).length, 2)
  await Promise.all([one.close(), other.close()])
  rmSync(folder, { recursive: true })
})

test('a second handle is known by its file, through links to the file or to its folder', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'firebreak-nested-'))
  const real = join(folder, 'real')
  mkdirSync(real)
  symlinkSync(real, join(folder, 'link'))
  const one = sqliteDatabase({ path: join(real, 'one.db') })
  await one.query('create table effects (key text)')
  symlinkSync(join(real, 'one.db'), join(folder, 'other.db'))
  for (const path of [join(folder, 'link', 'one.db'), join(folder, 'other.db')]) {
    const other = sqliteDatabase({ path })
    const [verdict] = await one.commit([async () => void (await other.query(add))])
    assert.ok(verdict?.ok === false && isFirebreakError(verdict.error, 'FB_TRANSACTION_NESTED'), path)
    await other.close()
  }
  await one.close()
  rmSync(folder, { recursive: true })
})

test('inside a transaction one may read beside it, also by WITH', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'firebreak-nested-'))
  const one = sqliteDatabase({ path: join(folder, 'one.db') })
  await one.query('create table effects (key text)')
  const read = 'with numbers (n) as (values (1), (2)) select sum(n) as n from numbers'
  const write = "with new as (select 'inner' as key) insert into effects select key from new"
  const [reading, writing] = await one.commit<unknown>([() => one.query(read), () => one.query(write)])
  assert.ok(reading?.ok)
  assert.deepEqual(JSON.stringify(reading.value), '[{"n":3}]')
  assert.ok(writing?.ok === false && isFirebreakError(writing.error, 'FB_TRANSACTION_NESTED'))
  await one.close()
  rmSync(folder, { recursive: true })
})

test('what a body has started may go on when its unit has ended', async () => {
  const app = await createTestRuntime({
    services: [service({ name: 'one' })],
    prepare: (database) => database.query('create table effects (key text)'),
  })
  let later: Promise<unknown> | undefined
  await named(app, 'one').runtime.transaction(async (sql) => {
    later = new Promise<void>((resolve) => app.clock.schedule(100, resolve)).then(() =>
      named(app, 'one').runtime.transaction((inner) => inner.query(add)),
    )
    await sql.query("insert into effects (key) values ('outer')")
  })
  await app.advance(1000)
  await later
  assert.equal((await named(app, 'one').database.query('select key from effects')).length, 2)
  await app.stop()
})

test('a body runs in the async context of its own handler, with any neighbour in the commit', async () => {
  const tenant = new AsyncLocalStorage<string>()
  const seen: string[] = []
  const body = async (sql: Sql, id: string): Promise<void> => {
    await sql.query('select 1 as one')
    seen.push(`${id} ${tenant.getStore()}`)
  }
  const run = (it: Thing, ctx: Context): Promise<void> =>
    tenant.run(it.id, async () => ctx.transaction((sql) => body(sql, it.id)))
  const app = await createTestRuntime({ services: [service({ name: 'one', handlers: [handle(Happened, run)] })] })
  await publishAll(
    app,
    Array.from({ length: 20 }, (_, i) => [`k${i}`, 1]),
  )
  assert.equal(seen.length, 20)
  for (const one of seen) assert.equal(one.split(' ')[0], one.split(' ')[1])
  await app.stop()
})

test('an event of a transaction that ran out of time does not leave, also when its code ends later', async () => {
  let app: TestRuntime
  const wait = (ms: number): Promise<void> => new Promise((resolve) => app.clock.schedule(ms, resolve))
  let isFirst = true
  const run = (it: Thing, ctx: Context): Promise<void> =>
    ctx.transaction(async (sql) => {
      await sql.query('insert into effects (key) values ($1)', [it.id])
      ctx.publish(Followed, it)
      if (isFirst) await wait(it.id === 'slow' ? 5200 : 3000)
      if (it.id === 'slow') isFirst = false
    })
  app = await createTestRuntime({
    services: [service({ name: 'one', handlers: [handle(Happened, run)], publishes: [Followed] })],
    observe: false,
    prepare: (database) => database.query('create table effects (key text)'),
  })
  await publishAll(app, [
    ['slow', 1],
    ['other', 1],
  ])
  await app.advance(60_000)
  const rows = await named(app, 'one').database.query<{ key: string }>('select key from effects order by key')
  const events = (await app.published(Followed)).map(({ key }) => key).toSorted()
  assert.deepEqual(
    [rows.map(({ key }) => key), events],
    [
      ['other', 'slow'],
      ['other', 'slow'],
    ],
  )
  assert.deepEqual((await named(app, 'one').ledger()).problems, [])
  await app.stop()
})
