import assert from 'node:assert/strict'
import type { Database, SqlParam, SqlValue } from '../../contracts/database.ts'
import { type FirebreakError, isFirebreakError } from '../../contracts/errors.ts'
import { dateAt } from '../../node/clock.ts'
import { type DatabaseCase, databaseCase, insert, names, plain, rejectsWithCode } from './database-scene.ts'
import { untyped } from './untyped.ts'

interface Kept {
  readonly type: 'text' | 'bigint' | 'double precision' | 'boolean'
  readonly given: SqlParam
  readonly read: SqlValue
}

const kept: readonly Kept[] = [
  { type: 'text', given: dateAt(Date.UTC(2026, 0, 2, 3, 4, 5, 6)), read: '2026-01-02T03:04:05.006Z' },
  { type: 'text', given: 4711, read: '4711' },
  { type: 'text', given: -0, read: '0' },
  { type: 'text', given: 2 ** 60, read: '1152921504606846976' },
  { type: 'text', given: 2n ** 63n - 1n, read: '9223372036854775807' },
  { type: 'text', given: true, read: '1' },
  { type: 'text', given: 'half \ud83d of a pair', read: 'half \ufffd of a pair' },
  { type: 'bigint', given: true, read: 1 },
  { type: 'bigint', given: false, read: 0 },
  { type: 'bigint', given: -0, read: 0 },
  { type: 'bigint', given: 5n, read: 5 },
  { type: 'bigint', given: -(2n ** 63n), read: -(2n ** 63n) },
  { type: 'bigint', given: 2 ** 60, read: 2n ** 60n },
  { type: 'boolean', given: true, read: 1 },
  { type: 'boolean', given: false, read: 0 },
  { type: 'boolean', given: 1, read: 1 },
  { type: 'boolean', given: null, read: null },
  { type: 'double precision', given: 5, read: 5 },
  { type: 'double precision', given: 0.1 + 0.2, read: 0.1 + 0.2 },
  { type: 'double precision', given: Number.MIN_VALUE, read: Number.MIN_VALUE },
  { type: 'double precision', given: 1e300, read: 1e300 },
]

const hostile = (): never => {
  throw new Error('nobody may ask')
}
/** What no database holds, and the words of the refusal. */
const refused: readonly (readonly [unknown, RegExp])[] = [
  [undefined, /undefined, write null/],
  [Number.NaN, /NaN, write null or text/],
  [Number.NEGATIVE_INFINITY, /-Infinity, write null/],
  [2n ** 63n, /beyond 64 bits, pass it as text/],
  ['a\0b', /character NUL/],
  [dateAt(Number.NaN), /a date without a time/],
  [dateAt(Date.UTC(10_000, 0)), /outside of the years/],
  [{}, /an object, write JSON\.stringify/],
  [{ toString: hostile, toJSON: hostile, valueOf: hostile, [Symbol.toPrimitive]: hostile }, /an object/],
  [Object.create(null), /an object/],
  [Object.create(Date.prototype), /an object/],
  [Object.create(Uint8Array.prototype), /an object/],
  [[1], /an array, write JSON\.stringify/],
  [() => 1, /a function/],
  [Symbol('s'), /a symbol/],
  [Promise.resolve(1), /a promise, await it/],
  [Object('text'), /an object around a plain value/],
  [new Float64Array(1), /new Uint8Array\(view\.buffer/],
  [new ArrayBuffer(1), /new Uint8Array/],
  [new Proxy(new Uint8Array(1), {}), /a proxy/],
  [Proxy.revocable({}, {}).proxy, /a proxy/],
]

async function refusal(promise: Promise<unknown>): Promise<FirebreakError> {
  const error = await promise.then(
    () => assert.fail('it resolved'),
    (caught: unknown) => caught,
  )
  assert.ok(isFirebreakError(error, 'FB_STATEMENT_INVALID'), String(error))
  return error
}

const bytesType = ({ capabilities }: Database): string => (capabilities.dialect === 'postgres' ? 'bytea' : 'blob')

export const valueCases: readonly DatabaseCase[] = [
  databaseCase('each value becomes what is documented, in every place of a statement', async ({ database }) => {
    for (const [i, { type, given, read }] of kept.entries()) {
      await database.query(`create table kept_${i} (a ${type}, b text, c ${type})`)
      await database.query(`insert into kept_${i} (a, b, c) values ($1, $2, $3)`, [given, 'between', given])
      const rows = plain(await database.query(`select a, b, c from kept_${i}`))
      assert.deepEqual(rows, [{ a: read, b: 'between', c: read }], `${type} ${typeof given} ${String(read)}`)
    }
  }),
  databaseCase('what no database holds is refused at its place, and nothing is written', async ({ database }) => {
    for (const [value, words] of refused) {
      const wrong = value as SqlParam
      const second = await refusal(database.query(insert, [1, wrong]))
      assert.match(second.message, words)
      assert.match(second.message, /value 2 is .*; it is: insert into items/)
      assert.equal(second.detail.value, 2)
      assert.equal((await refusal(database.query(insert, [wrong, 'a']))).detail.value, 1)
      const rows = [
        [1, 'a'],
        [2, 'b'],
        [3, wrong],
        [4, 'd'],
        [5, 'e'],
      ] as const
      const [verdict] = await database.commit([async (sql) => void (await sql.batch(insert, rows))])
      assert.ok(verdict?.ok === false && isFirebreakError(verdict.error, 'FB_STATEMENT_INVALID'))
      assert.match(verdict.error.message, /row 3, value 2 is /)
    }
    assert.deepEqual(await names(database), [])
  }),
  databaseCase('a refusal never shows a value', async ({ database }) => {
    for (const value of [12345678901234567890n, 'secret\0', { secret: 1 }, ['secret'], Symbol('secret')]) {
      const error = await refusal(database.query(insert, [1, value as SqlParam]))
      assert.doesNotMatch(JSON.stringify([error.message, error.detail]), /secret|1234/)
    }
  }),
  databaseCase('values that are no array, or one with a hole, are refused', async ({ database }) => {
    const lists = ['ab', null, { 0: 1, 1: 'a', length: 2 }, new Uint8Array(2), () => 1, { $1: 1 }, 7]
    for (const list of lists.map((value) => untyped<SqlParam[]>(value))) {
      await rejectsWithCode(database.query(insert, list), 'FB_STATEMENT_INVALID')
      for (const rows of [untyped<SqlParam[][]>(list), [[1, 'a'], list]]) {
        const [verdict] = await database.commit([async (sql) => void (await sql.batch(insert, rows))])
        assert.ok(verdict?.ok === false && isFirebreakError(verdict.error, 'FB_STATEMENT_INVALID'))
      }
    }
    const hole: SqlParam[] = [1]
    hole.length = 2
    assert.match((await refusal(database.query(insert, hole))).message, /value 2 is undefined/)
    assert.deepEqual(await names(database), [])
  }),
  databaseCase('each value is read once, so that none changes behind its check', async ({ database }) => {
    let reads = 0
    const changing = [1, 'a']
    Object.defineProperty(changing, 1, { get: () => (reads++ === 0 ? 'first' : { second: 1 }) })
    const watched = new Proxy([2, 'watched'], { get: (target, name) => Reflect.get(target, name) })
    await database.query(insert, changing)
    await database.query(insert, watched)
    assert.deepEqual([reads, await names(database)], [1, ['first', 'watched']])
  }),
  databaseCase('bytes are those of the moment of the call, at the first place too', async ({ database }) => {
    await database.query(`create table bytes (v ${bytesType(database)}, id integer)`)
    const text = 'insert into bytes (v, id) values ($1, $2)'
    const bytes = Buffer.from([1, 2, 3])
    const writing = [database.query(text, [bytes, 1])]
    bytes.fill(9)
    const unit = database.commit([
      async (sql) => {
        bytes.fill(4)
        writing.push(sql.query(text, [bytes.subarray(1), 2]))
        bytes.fill(9)
        const batch = sql.batch(text, [[bytes, 3]])
        bytes.fill(5)
        await batch
      },
    ])
    await Promise.all([...writing, unit])
    const rows = await database.query<{ v: Uint8Array }>('select v from bytes order by id')
    const read = [Uint8Array.of(1, 2, 3), Uint8Array.of(4, 4), Uint8Array.of(9, 9, 9)]
    assert.deepEqual(
      plain(rows),
      read.map((v) => ({ v })),
    )
  }),
]
