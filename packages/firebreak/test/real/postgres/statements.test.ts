import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { pgClient } from 'firebreak/postgres'
import type { Database, Sql, SqlUnit, SqlValue } from '../../../src/contracts/database.ts'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import { outcomes } from '../../../src/testing/conformance/database-scene.ts'
import { proxyBefore } from '../kafka/cutting-proxy.ts'
import { needsPostgres, PostgresScene } from './scene.ts'

const options = { skip: needsPostgres, timeout: 60_000 }
let scene: PostgresScene
let database: Database
before(async () => {
  if (needsPostgres !== false) return
  scene = await PostgresScene.start()
  database = scene.open({ poolMax: 1 })
})
after(async () => {
  await database?.close()
  await scene?.end()
})

async function inUnit<T>(run: (sql: Sql) => Promise<T>, on: Database = database): Promise<T> {
  let result: { readonly value: T } | undefined
  const verdicts = await on.commit([
    async (sql) => {
      result = { value: await run(sql) }
    },
  ])
  assert.deepEqual(outcomes(verdicts), ['ok'])
  return (result as { readonly value: T }).value
}

test('prepared statements are bounded, and what was closed is prepared again', options, async () => {
  const held = async (): Promise<number> =>
    Number((await database.query('select count(*) as n from pg_prepared_statements'))[0]?.n)
  for (let i = 0; i < 450; i++) {
    assert.deepEqual(await database.query(`select ${i} as n, $1 as given`, ['x']), [{ n: i, given: 'x' }])
  }
  assert.ok((await held()) <= 202, `${await held()} statements are held`)
  assert.deepEqual(await database.query('select 0 as n, $1 as given', ['y']), [{ n: 0, given: 'y' }])
  const many = Array.from({ length: 450 }, (_, i) => `select ${i} as n, 'in one unit' as place`)
  const found = await inUnit((sql) => Promise.all(many.map((text) => sql.query(text))))
  assert.deepEqual(
    found.map(([row]) => row?.n),
    many.map((_, i) => i),
  )
  assert.ok((await held()) <= 202)
  for (let i = 0; i < 250; i++) await assert.rejects(database.query(`select ${i} / $1::int as n`, [0]))
  assert.ok((await held()) <= 202, `${await held()} statements are held after failures`)
})

test('a statement that failed is prepared again', options, async () => {
  for (let i = 0; i < 3; i++) {
    await assert.rejects(database.query('select 1 / $1::int as n', [0]))
    assert.deepEqual(await database.query('select 1 / $1::int as n', [1]), [{ n: 1 }])
  }
  await assert.rejects(database.query('select n from later'), { code: '42P01' })
  await database.query('create table later (n integer)')
  assert.deepEqual(await database.query('select n from later'), [])
})

test('a statement whose rows look different since the schema was changed is prepared again', options, async () => {
  await database.query('create table widening (n integer)')
  await database.query('insert into widening values (1)')
  assert.deepEqual(await database.query('select * from widening'), [{ n: 1 }])
  await scene.rows('alter table widening add column name text')
  assert.deepEqual(await database.query('select * from widening'), [{ n: 1, name: null }])
  await scene.rows('alter table widening drop column n')
  const unit: SqlUnit = async (sql) => void (await sql.query('select * from widening'))
  // Where its session was not begun anew meanwhile, the first commit finds out, and nothing of it is left.
  const committing = database.commit([unit]).catch((error) => {
    assert.ok(isFirebreakError(error, 'FB_DATABASE_UNAVAILABLE'))
    return database.commit([unit])
  })
  assert.deepEqual(outcomes(await committing), ['ok'])
})

test('a batch of any size changes as many rows as it says, with and without conflicts', options, async () => {
  await database.query('create table batch (id bigint primary key, note text, body bytea)')
  const insert = 'INSERT INTO batch (id, note, body) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING'
  let next = 0
  for (const size of [1, 3, 4, 5, 63, 64, 65, 255, 256, 257, 1000]) {
    const rows = Array.from({ length: size }, (): SqlValue[] => [next++, `note ${next}`, Uint8Array.of(next % 256)])
    assert.equal(await inUnit((sql) => sql.batch(insert, rows)), size)
    assert.equal(await inUnit((sql) => sql.batch(insert, rows)), 0, 'all of them are there')
    const [first] = rows
    const fresh: SqlValue[] = [next++, null, null]
    assert.equal(await inUnit((sql) => sql.batch(insert, [...rows, fresh, fresh, first ?? []])), 1)
  }
  const [sum] = await database.query(
    "select count(*) as n, count(distinct note) as notes, max(id) as last from batch where note = 'note ' || (id + 1)",
  )
  assert.deepEqual(sum, { n: next - 11, notes: next - 11, last: next - 2 })
})

/** Every trip ends with ReadyForQuery: 'Z', a length of 5, and one byte. */
const tripsIn = (data: Buffer): number => data.toString('latin1').split('Z\0\0\0\x05').length - 1

test('a batch is one round trip, whatever its statement', options, async () => {
  await database.query('create table counted (id integer primary key, n integer)')
  const { proxy, url } = await proxyBefore(scene.url)
  const proxied = scene.open({ url })
  let trips = 0
  const unit = async (run: (sql: Sql) => Promise<unknown>): Promise<readonly [unknown, number]> => {
    trips = 0
    const result = await inUnit(run, proxied)
    return [result, trips]
  }
  const rows = Array.from({ length: 300 }, (_, i) => [i])
  const add = 'insert into counted (id, n) values ($1, 0)'
  const upsert = 'insert into counted (id, n) values ($1, 1) on conflict (id) do update set n = counted.n + 1'
  const move = 'update counted set n = n + 1 where id < $1'
  const remove = 'delete from counted where id = $1'
  try {
    await inUnit((sql) => sql.query('select 1 as one'), proxied)
    proxy.onAnswer = (data) => {
      trips += tripsIn(data)
    }
    // And one more for COMMIT.
    assert.deepEqual(await unit((sql) => sql.batch(add, rows)), [300, 2])
    assert.deepEqual(await unit((sql) => sql.batch(upsert, [...rows, [0]])), [301, 2])
    assert.deepEqual(await unit((sql) => sql.batch(move, [[10], [20]])), [30, 2])
    assert.deepEqual(await unit((sql) => sql.batch(remove, rows)), [300, 2])
    const [, single] = await unit(async (sql) => {
      for (let i = 0; i < 3; i++) await sql.batch(remove, [[i]])
    })
    assert.equal(single, 4, 'what is not a batch is counted one by one')
  } finally {
    await proxied.close()
    await proxy.stop()
  }
})

test('a value of the wrong number fails its statement', options, async () => {
  await assert.rejects(database.query('select $1::int as one, $2::int as two', [1]), /2 placeholders, 1 value;/)
  await assert.rejects(database.query('select 1 as one', [undefined as unknown as null]), /FB_STATEMENT_INVALID/)
})

test('values of types that the port has no word for come as text, booleans as 1 and 0', options, async () => {
  const [row] = await database.query(`select true as yes, false as no, 1.50::numeric as price, 5::smallint as small,
    '{"a": 1}'::jsonb as body, timestamp '2026-01-02 03:04:05' as moment, array[1, 2] as list, 0.5::real as half,
    null::boolean as nothing, 9223372036854775807::bigint as large`)
  assert.deepEqual(row, {
    yes: 1,
    no: 0,
    price: '1.50',
    small: 5,
    body: '{"a": 1}',
    moment: '2026-01-02 03:04:05',
    list: '{1,2}',
    half: 0.5,
    nothing: null,
    large: 9_223_372_036_854_775_807n,
  })
})

test(
  'values are read exactly where the database has settings of its own for how they are written',
  options,
  async () => {
    const name = new URL(scene.url).pathname.slice(1)
    const own = { bytea_output: 'escape', extra_float_digits: -3, DateStyle: 'SQL, DMY', IntervalStyle: 'sql_standard' }
    for (const [setting, value] of Object.entries(own))
      await scene.rows(`alter database ${name} set ${setting} = '${value}'`)
    const other = scene.open()
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
    const given: SqlValue[] = [bytes, 0.1 + 0.2, 2 ** 53 - 1, null]
    const sql = 'select $1::bytea as a, $2::float8 as b, $3::bigint as c, $4::bytea as d, true as e, 0.1::real as f'
    const [row] = await other.query(sql, given)
    await other.close()
    await scene.rows(`alter database ${name} reset all`)
    assert.deepEqual(
      { ...row, a: Uint8Array.from(row?.a as Uint8Array) },
      { a: bytes, b: 0.1 + 0.2, c: 2 ** 53 - 1, d: null, e: 1, f: 0.1 },
    )
  },
)

const steering = [
  'begin',
  'START TRANSACTION',
  'start/**/transaction',
  'end',
  'savepoint x',
  "prepare -- so\n transaction 'x'",
  '/* hidden */ commit',
  '/* hidden /* twice */ */ commit',
  '-- so\nrollback',
  '-- so\rrollback',
  ';commit',
  ' ; /* */; -- so\n ;commit;',
]
for (const text of steering) {
  test(`transactions cannot be steered by a statement: ${JSON.stringify(text)}`, options, async () => {
    await assert.rejects(database.query(text), /FB_STATEMENT_INVALID/)
    await inUnit((sql) => assert.rejects(sql.batch(text, [[]]), /FB_STATEMENT_INVALID/))
  })
}

test('what only looks like steering is let through, and several statements in one are not', options, async () => {
  for (const text of ['/* commit /* */ */ select 1 as one', '-- begin\n;select 1 as one', ';;select 1 as one;'])
    assert.deepEqual(await database.query(text), [{ one: 1 }], text)
  await assert.rejects(database.query('select 1; commit'), /several statements/)
  await assert.rejects(database.query('create view v as select 1 as one; commit'), /FB_STATEMENT_INVALID.*multiple/)
  await assert.rejects(database.query('/* nothing at all */;'), /FB_STATEMENT_INVALID.*empty/)
})

for (const text of ['copy copied from stdin', '/* x */ COPY copied (n) FROM/**/STDIN', 'copy (select 1) to stdout']) {
  test(`COPY is refused where the client would be asked for its rows, or given them: ${text}`, options, async () => {
    await database.query('create table if not exists copied (n integer)')
    await assert.rejects(database.query(text), /FB_STATEMENT_INVALID.*COPY/)
    const told = await inUnit(async (sql) => {
      await sql.query('insert into copied values (1)')
      const refusals = await Promise.allSettled([sql.query(text), pgClient(sql).query(text)])
      return refusals.map((one) => one.status === 'rejected' && one.reason.code)
    })
    assert.deepEqual(told, ['FB_STATEMENT_INVALID', 'FB_STATEMENT_INVALID'])
  })
}

test('statements that a unit starts together are answered each with its own', options, async () => {
  const rows = await inUnit((sql) =>
    Promise.all(Array.from({ length: 50 }, (_, i) => sql.query('select $1::int as n', [i]))),
  )
  assert.deepEqual(
    rows.map(([row]) => row?.n),
    Array.from({ length: 50 }, (_, i) => i),
  )
})

test('a schema that many instances want at once is made once', options, async () => {
  const instances = Array.from({ length: 12 }, () => scene.open({ schema: 'wanted', poolMax: 2 }))
  await Promise.all(instances.map((one) => one.query('select 1 as one')))
  const [found] = await scene.rows("select count(*)::int as n from pg_namespace where nspname = 'wanted'")
  assert.equal(found?.['n'], 1)
  const [path] = await (instances[0] as Database).query('show search_path')
  assert.equal(path?.search_path, '"$user","public","wanted"')
  await Promise.all(instances.map((one) => one.close()))
})
