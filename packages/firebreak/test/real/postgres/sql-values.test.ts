/** Both engines side by side: one verdict, one place, one value. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Database, Sql, SqlParam } from '../../../src/contracts/database.ts'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import { dateAt } from '../../../src/node/clock.ts'
import { postgresDatabase } from '../../../src/postgres/postgres-database.ts'
import { sqliteDatabase } from '../../../src/sqlite/database/sqlite-database.ts'
import { seededEntropy } from '../../../src/testing/virtual-time/seeded-entropy.ts'
import { needsPostgres, PostgresScene } from './scene.ts'

const options = { skip: needsPostgres, timeout: 240_000 }
const seed = Number(process.env['FIREBREAK_SEED'] ?? 1)
const { random } = seededEntropy(seed)
const below = (n: number): number => Math.floor(random() * n)
const oneOf = <T>(all: readonly T[]): T => all[below(all.length)] as T

let scene: PostgresScene
let engines: readonly [Database, Database]
before(async () => {
  if (needsPostgres !== false) return
  scene = await PostgresScene.start()
  engines = [sqliteDatabase({ path: ':memory:' }), postgresDatabase({ url: scene.url })]
})
after(async () => {
  for (const engine of engines ?? []) await engine.close()
  await scene?.end()
})

const letters = [
  'a',
  'Z',
  "'",
  '"',
  '$1',
  '\\',
  '?',
  ';',
  '--',
  'ß',
  '日',
  '🚚',
  '\ud83d',
  '\udc00',
  '\n',
  '\x01',
  '\uffff',
  ' ',
]
const text = (): string => Array.from({ length: below(6) }, () => oneOf(letters)).join('')
const whole = (): number =>
  oneOf([0, -0, 1, -1, 2 ** 31, -(2 ** 53), 2 ** 53 - 1, 2 ** 60, -(2 ** 63) + 1024, below(1e6)])
const big = (): bigint => BigInt.asIntN(64, BigInt(Math.floor(random() * 2 ** 64)) * oneOf([1n, 3n]) + oneOf([0n, 1n]))
const fraction = (): number =>
  oneOf([random(), -random() * 1e-300, random() * 1e300, 5e-324, 1.7976931348623157e308, 0.1])
const day = (): Date => dateAt(Date.UTC(2026, below(12)) + below(1e10) - oneOf([0, 6e13]))
const bytes = (): Uint8Array => oneOf([Buffer, Uint8Array]).from(Array.from({ length: below(5) }, () => below(256)))
/** What each column of the table is given, by its place. */
const good: readonly (readonly (() => SqlParam)[])[] = [
  [text, whole, big, day, () => random() < 0.5, () => null],
  [whole, big, () => random() < 0.5, () => null],
  [fraction, whole, () => null],
  [() => random() < 0.5, () => null],
  [bytes, () => null],
]
const bad: readonly (() => unknown)[] = [
  () => undefined,
  () => oneOf([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]),
  () => 2n ** 63n + BigInt(below(9)),
  () => `${text()}\0`,
  () => dateAt(oneOf([Number.NaN, 8.64e15, -8.64e15])),
  () => oneOf([{}, [], { a: 1 }, [1], new Map(), /x/, new Error('x')]),
  () => oneOf([() => 1, Symbol('x'), Promise.resolve(1), Object(1), Object(true)]),
  () => oneOf([new Proxy({}, {}), new Float32Array(2), new ArrayBuffer(2), new DataView(new ArrayBuffer(2))]),
]

function valuesOf(): SqlParam[] {
  const values = good.map((column) => (random() < 0.04 ? oneOf(bad) : oneOf(column))() as SqlParam)
  const kind = random()
  if (kind < 0.04) return values.slice(1 + below(4))
  return kind < 0.08 ? [...values, 1, 1] : values
}

async function outcome(promise: Promise<unknown>): Promise<unknown> {
  const error = await promise.then(
    () => undefined,
    (caught: unknown) => caught,
  )
  if (error === undefined) return 'ok'
  return isFirebreakError(error) ? [error.code, error.message, error.detail.row, error.detail.value] : error
}

test('20,000 random rows: both engines keep the same, or both refuse with the same words', options, async (t) => {
  t.diagnostic(`FIREBREAK_SEED=${seed}`)
  const insert = 'insert into kept (id, t, b, d, f, y) values ($6, $1, $2, $3, $4, $5)'
  const [sqlite, postgres] = engines
  for (const [engine, type] of [
    [sqlite, 'blob'],
    [postgres, 'bytea'],
  ] as const)
    await engine.query(`create table kept (id bigint, t text, b bigint, d double precision, f boolean, y ${type})`)
  let refused = 0
  for (let round = 0; round < 20_000; round += 500) {
    const rows = Array.from({ length: 500 }, (_, i): SqlParam[] => {
      const values = valuesOf()
      return values.length === good.length ? [...values, round + i] : values
    })
    const told = await Promise.all(engines.map((engine) => playOn(engine, insert, rows)))
    assert.deepEqual(told[0], told[1])
    refused += told[0]?.filter((one) => one !== 'ok').length ?? 0
    const stored = await Promise.all(
      engines.map((engine) => engine.query(`select * from kept where id >= ${round} order by id`)),
    )
    assert.deepEqual(
      stored[0]?.map((row) => ({ ...row })),
      stored[1]?.map((row) => ({ ...row })),
    )
  }
  t.diagnostic(`${refused} refused`)
  assert.ok(refused > 3000 && refused < 10_000)
})

async function playOn(engine: Database, insert: string, rows: readonly SqlParam[][]): Promise<unknown[]> {
  const told: unknown[] = []
  const unit = async (sql: Sql): Promise<void> => {
    for (const [i, row] of rows.entries())
      told.push(await outcome(i % 3 === 0 ? sql.batch(insert, [row]) : sql.query(insert, row)))
  }
  const [verdict] = await engine.commit([unit])
  assert.ok(verdict?.ok)
  return told
}

const shared = [`'$9'`, `'it''s ? $9'`, `'-- $9'`, `'/* $9'`, `'a' /* $9 ' */`, `'b' -- $9 '" \n`, `''''`]
const own: readonly (readonly string[])[] = [
  [`'c' /* /* $9 */`, `'\\'`, `upper([x]) || \`x\``],
  [
    `E'\\'$9'`,
    `E'\\\\'`,
    `$$ $9 ' $x$ $$`,
    `$tag$ $9 $$ $tag$`,
    `'d' /* /* */ $9 ' */`,
    `E'e'\n'\\'$9'`,
    `'{"a":1}'::jsonb ? 'a'`,
  ],
]

test('2,000 random statements: every value arrives in its place, whatever is quoted around it', options, async (t) => {
  t.diagnostic(`FIREBREAK_SEED=${seed}`)
  for (let round = 0; round < 2000; round++) {
    const place = round % 2
    const values: string[] = []
    const items = Array.from({ length: 1 + below(8) }, (_, i) => {
      const isValue = random() < 0.5
      if (isValue) values.push(`v${values.length + 1}`)
      return `${isValue ? `cast($${values.length} as text)` : oneOf([...shared, ...(own[place] ?? [])])} as ${isValue ? 'v' : 'q'}${i}`
    })
    const sql = `select ${items.join(oneOf([', ', ',', ' , -- $9 \n', '/* $9 */,']))} from (select 'x' as x) as one`
    const [row] = await (engines[place] as Database).query(sql, values)
    const read = Object.entries(row ?? {}).filter(([name]) => name.startsWith('v'))
    assert.deepEqual(
      read.map(([, value]) => value),
      values,
      sql,
    )
  }
})
