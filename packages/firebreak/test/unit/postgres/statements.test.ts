import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BatchInserts } from '../../../src/postgres/batch-insert.ts'
import { MessageWriter } from '../../../src/postgres/message-writer.ts'
import { StatementCache } from '../../../src/postgres/statement-cache.ts'

const insert = 'INSERT INTO t (a, b) VALUES ($1, $2) ON CONFLICT (a) DO NOTHING'
const rowsOf = (count: number): string[][] => Array.from({ length: count }, (_, i) => [`a${i}`, `b${i}`])

test('a batch of plain inserts becomes few statements of fixed widths, in order', () => {
  const inserts = new BatchInserts()
  const steps = inserts.steps(insert, rowsOf(343))
  assert.deepEqual(
    steps.map(({ values }) => values.length / 2),
    [256, 64, 16, 4, 1, 1, 1],
  )
  assert.deepEqual(
    steps.flatMap(({ values }) => values),
    rowsOf(343).flat(),
  )
  const four = steps[3]
  assert.equal(
    four?.text,
    'INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4), ($5, $6), ($7, $8) ON CONFLICT (a) DO NOTHING',
  )
  assert.equal(inserts.steps(insert, rowsOf(4))[0]?.text, four?.text)
})

test('parameters keep their places when their numbers are out of order', () => {
  const [step] = new BatchInserts().steps('insert into t (a, b) values ($2, $1)', rowsOf(4))
  assert.equal(step?.text, 'insert into t (a, b) values ($2, $1), ($4, $3), ($6, $5), ($8, $7)')
})

const alone = [
  'INSERT INTO t (a, b) VALUES ($1, $2) ON CONFLICT (a) DO UPDATE SET b = excluded.b',
  'INSERT INTO t (a, b) VALUES ($1, $2) RETURNING a',
  'INSERT INTO t (a, b, c) VALUES ($1, $2, now())',
  'INSERT INTO t (a, b) VALUES ($1, $1 || $2)',
  'INSERT INTO t (a, b) SELECT $1, $2',
  'INSERT INTO t (a, b) VALUES ($1, $2) -- $3',
  'WITH x AS (SELECT 1) INSERT INTO t (a, b) VALUES ($1, $2)',
  "INSERT INTO t (a, b) VALUES ($1, '$3' || $2)",
  'UPDATE t SET b = $2 WHERE a = $1',
]
for (const text of alone) {
  test(`rows stay statements of their own: ${text}`, () => {
    const steps = new BatchInserts().steps(text, rowsOf(20))
    assert.deepEqual(
      steps.map((step) => step.text),
      rowsOf(20).map(() => text),
    )
  })
}

test('a row with the wrong number of values is named, and nothing is sent of its batch', () => {
  const rows = [...rowsOf(8), ['only one']]
  assert.throws(() => new BatchInserts().steps(insert, rows), /row 9: 2 placeholders, 1 value; it is: INSERT INTO t/)
})

test('a wide table takes fewer rows per statement than the protocol has parameters', () => {
  const columns = Array.from({ length: 1600 }, (_, i) => `c${i}`)
  const text = `insert into wide (${columns.join(', ')}) values (${columns.map((_, i) => `$${i + 1}`).join(', ')})`
  const steps = new BatchInserts().steps(
    text,
    Array.from({ length: 64 }, () => columns),
  )
  assert.ok(steps.every(({ values }) => values.length <= 65_535))
  assert.equal(steps.length, 4)
})

test('the cache of statements is bounded, closes the one used longest ago, and never gives a name twice', () => {
  const cache = new StatementCache(3)
  const names = ['a', 'b', 'c'].map((text) => cache.get(text).name)
  cache.get('a')
  cache.get('d')
  assert.equal(cache.size, 3)
  assert.deepEqual(cache.takeClosing(), [names[1]])
  assert.deepEqual(cache.takeClosing(), [])
  assert.equal(cache.get('a').name, names[0])
  assert.ok(!names.includes(cache.get('b').name))
})

test('messages are laid out as the protocol says, with text, bytes and null', () => {
  const writer = new MessageWriter()
  writer.run('s', ['é', Buffer.from([0, 255]), null])
  const bind = '42 00000023 00 7300 0003 0000 0001 0000 0003 00000002 c3a9 00000002 00ff ffffffff 0000'
  const execute = '45 00000009 00 00000000'
  assert.equal(writer.take().toString('hex'), `${bind}${execute}`.replaceAll(' ', ''))
  writer.parse('s', 'select 1')
  writer.close('s')
  writer.sync()
  const text = Buffer.from('select 1').toString('hex')
  assert.equal(
    writer.take().toString('hex'),
    ['50000000117300', text, '000000', '4400000007537300', '4300000007537300', '5300000004'].join(''),
  )
  assert.equal(writer.take().length, 0)
})

test('a message larger than the writer grows it, and nothing of it is lost', () => {
  const writer = new MessageWriter()
  const large = 'x'.repeat(3_000_000)
  writer.run('s', [large, Buffer.alloc(100_000, 7)])
  const bytes = writer.take()
  assert.ok(bytes.includes(large) && bytes.includes(Buffer.alloc(100_000, 7)))
  writer.sync()
  assert.equal(writer.take().toString('hex'), '5300000004')
})
