import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { pgClient } from 'firebreak/postgres'
import { oddValues } from '../../../src/testing/hostile/values.ts'
import { needsPostgres, PostgresScene } from './scene.ts'

let scene: PostgresScene
before(async () => {
  if (needsPostgres === false) scene = await PostgresScene.start()
})
after(() => scene?.end())

test('a unit that throws whatever there is to throw is undone alone, and its neighbours stand', {
  skip: needsPostgres,
}, async () => {
  const database = scene.open()
  await database.query('create table kept (name text)')
  for (const { name, make } of oddValues) {
    const value = make(() => 0.5)
    const keep =
      (text: string) =>
      async (sql: { query: typeof database.query }): Promise<void> =>
        void (await sql.query('insert into kept values ($1)', [text]))
    const verdicts = await database.commit([
      keep(`${name} before`),
      async (sql) => {
        await keep('bad')(sql)
        throw value
      },
      keep(`${name} after`),
    ])
    assert.deepEqual(
      verdicts.map(({ ok }) => ok),
      [true, false, true],
      name,
    )
    const [, bad] = verdicts
    assert.ok(bad?.ok === false && Object.is(bad.error, value), name)
  }
  const rows = await database.query<{ name: string }>('select name from kept')
  assert.equal(rows.length, oddValues.length * 2)
  assert.ok(rows.every(({ name }) => name !== 'bad'))
  await database.close()
})

test('code that goes on behind a failed statement is told what failed, waited for or not', {
  skip: needsPostgres,
}, async () => {
  const database = scene.open()
  await database.query('create table told (name text)')
  const insert = "insert into told values ('behind')"
  const verdicts = await database.commit([
    async (sql) => {
      await sql.query('insert into missing values (1)').catch(() => undefined)
      await sql.query(insert)
    },
    async (sql) => {
      void sql.query('insert into missing values (1)')
      await sql.query(insert)
    },
    async (sql) => {
      void pgClient(sql).query('insert into told values ($1)', [])
      void pgClient(sql).query(insert)
    },
    async (sql) => void pgClient(sql).query(insert),
  ])
  const told = verdicts.map((verdict) => (verdict.ok ? 'ok' : (verdict.error as Error).message))
  const missing = 'relation "missing" does not exist'
  const count = `a statement cannot be run as written: 1 placeholder, 0 values; it is: insert into told values ($1)`
  assert.deepEqual(told, [missing, missing, count, 'ok'])
  assert.deepEqual(await database.query('select count(*) as n from told'), [{ n: 1 }])
  await database.close()
})
