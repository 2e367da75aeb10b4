import assert from 'node:assert/strict'
import type { SqlValue } from '../../contracts/database.ts'
import { type DatabaseCase, databaseCase, insert, names, plain } from './database-scene.ts'

const values: readonly { readonly type: string; readonly value: SqlValue }[] = [
  { type: 'text', value: 'plain' },
  { type: 'text', value: '' },
  { type: 'text', value: 'quote \' and " and ; and -- and $1' },
  { type: 'text', value: 'Größe ✓ 日本 🚚' },
  { type: 'text', value: null },
  { type: 'bigint', value: 0 },
  { type: 'bigint', value: -1 },
  { type: 'bigint', value: 2 ** 40 },
  { type: 'bigint', value: Number.MAX_SAFE_INTEGER },
  { type: 'bigint', value: Number.MIN_SAFE_INTEGER },
  { type: 'double precision', value: 1.5 },
]

export const statementCases: readonly DatabaseCase[] = [
  databaseCase('text, null, integers up to 2^53 and fractions come back as they went in', async ({ database }) => {
    for (const [i, { type, value }] of values.entries()) {
      await database.query(`create table round_trip_${i} (v ${type})`)
      await database.query(`insert into round_trip_${i} (v) values ($1)`, [value])
      const [row] = await database.query(`select v from round_trip_${i}`)
      assert.equal(row?.v, value, `${type} ${String(value)}`)
    }
  }),
  databaseCase('an integer beyond 2^53 comes back exactly', async ({ database }) => {
    const large = 9_007_199_254_740_993n
    await database.query('insert into items (id, size) values ($1, $2)', [1, large])
    for (let i = 0; i < 2; i++) {
      const [row] = await database.query('select id, size from items')
      assert.equal(BigInt((row?.size ?? 0) as bigint), large)
      assert.equal(row?.id, 1)
    }
    const add = 'insert into items (id, size) values ($1, $2) returning id, size'
    const [added] = await database.query(add, [2, large])
    assert.equal(BigInt((added?.size ?? 0) as bigint), large)
    assert.equal((await database.query('select id from items')).length, 2)
    await database.query('update items set size = $1', [7])
    assert.equal((await database.query('select size from items'))[0]?.size, 7)
  }),
  databaseCase('bytes come back as they went in', async ({ database }) => {
    const type = database.capabilities.dialect === 'postgres' ? 'bytea' : 'blob'
    await database.query(`create table blobs (id integer primary key, v ${type})`)
    const all = Uint8Array.from({ length: 256 }, (_, i) => i)
    await database.query('insert into blobs (id, v) values ($1, $2)', [1, all])
    await database.query('insert into blobs (id, v) values ($1, $2)', [2, new Uint8Array()])
    const rows = await database.query<{ v: Uint8Array }>('select v from blobs order by id')
    assert.deepEqual([...(rows[0]?.v ?? [])], [...all])
    assert.ok(rows[1]?.v instanceof Uint8Array && rows[1].v.length === 0)
  }),
  databaseCase('a parameter may be used twice, and $10 is not $1 with a zero', async ({ database }) => {
    await database.query("insert into items (id, name) values ($1, 'n' || $2 || $2)", [1, 'x'])
    const ten = Array.from({ length: 10 }, (_, i) => `v${i + 1}`)
    const columns = ten.map((_, i) => `cast($${10 - i} as text) as c${10 - i}`).join(', ')
    const [row] = await database.query(`select name, ${columns} from items where name = 'nxx'`, ten)
    assert.deepEqual({ ...row }, Object.fromEntries([['name', 'nxx'], ...ten.map((v, i) => [`c${i + 1}`, v])]))
  }),
  databaseCase('what looks like a parameter inside a literal, a quoted name or a comment is none', async (scene) => {
    const sql = `select '$1' as literal, 'it''s $2' as quote, name as "$3" -- $4
      /* $5 */ from items where id = $1`
    await scene.database.query(insert, [1, 'a'])
    const [row] = await scene.database.query(sql, [1])
    assert.deepEqual({ ...row }, { literal: '$1', quote: "it's $2", $3: 'a' })
  }),
  databaseCase('RETURNING gives the rows that were written', async ({ database }) => {
    const rows = await database.query('insert into items (id, name) values ($1, $2) returning id, name', [1, 'a'])
    assert.deepEqual(plain(rows), [{ id: 1, name: 'a' }])
    assert.deepEqual(plain(await database.query('update items set name = $1 returning name', ['b'])), [{ name: 'b' }])
    assert.deepEqual(plain(await database.query('delete from items where id = 5 returning id')), [])
    assert.deepEqual(plain(await database.query(insert, [2, 'c'])), [])
  }),
  databaseCase('ON CONFLICT DO NOTHING returns only what is new', async ({ database }) => {
    const sql = 'insert into items (id, name) values ($1, $2) on conflict do nothing returning id'
    assert.deepEqual(plain(await database.query(sql, [1, 'a'])), [{ id: 1 }])
    assert.deepEqual(plain(await database.query(sql, [1, 'a'])), [])
  }),
  databaseCase('run takes its rows in order', async ({ database }) => {
    await database.commit([
      (sql) =>
        sql
          .batch(
            insert,
            [3, 1, 2].map((id) => [id, `name-${id}`]),
          )
          .then(() => {}),
      (sql) => sql.batch('update items set name = name || $1', [['-a'], ['-b']]).then(() => {}),
    ])
    const rows = await database.query('select id, name from items order by id')
    assert.deepEqual(
      plain(rows),
      [1, 2, 3].map((id) => ({ id, name: `name-${id}-a-b` })),
    )
  }),
  databaseCase('run counts the rows that all its statements have changed', async ({ database }) => {
    const counts: number[] = []
    await database.commit([
      async (sql) => {
        const ignoring = `${insert} on conflict do nothing`
        counts.push(
          await sql.batch(
            ignoring,
            [1, 2, 2, 3].map((id) => [id, `name-${id}`]),
          ),
        )
        counts.push(await sql.batch(ignoring, [[1, 'name-1']]))
        counts.push(await sql.batch('update items set size = 1 where id >= $1', [[2], [9]]))
        counts.push(await sql.batch('delete from items', [[]]))
        counts.push(await sql.batch('delete from items where id = $1', []))
      },
    ])
    assert.deepEqual(counts, [3, 0, 2, 3, 0])
  }),
  databaseCase('a run that fails in the middle is undone with its unit', async ({ database }) => {
    const [verdict] = await database.commit([
      async (sql) => {
        await sql.batch(insert, [
          [1, 'a'],
          [2, 'b'],
          [1, 'a'],
        ])
      },
    ])
    assert.equal(verdict?.ok, false)
    assert.deepEqual(await names(database), [])
  }),
  databaseCase('an error in the SQL rejects and harms nothing', async ({ database }) => {
    await assert.rejects(database.query('select nothing from nowhere'))
    await assert.rejects(database.query('not even sql'))
    await assert.rejects(database.query(insert, [1]))
    await database.query(insert, [1, 'a'])
    assert.deepEqual(await names(database), ['a'])
  }),
  databaseCase('a statement sees the columns that were added after its first use', async ({ database }) => {
    await database.query(insert, [1, 'a'])
    assert.deepEqual(plain(await database.query('select * from items')), [{ id: 1, name: 'a', size: null }])
    await database.query('alter table items add column colour text')
    const rows = plain(await database.query('select * from items'))
    assert.deepEqual(rows, [{ id: 1, name: 'a', size: null, colour: null }])
  }),
]
