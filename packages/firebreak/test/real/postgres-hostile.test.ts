import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { oddValues } from '../../src/testing/hostile/values.ts'
import { needsPostgres, PostgresScene } from './postgres-scene.ts'

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
