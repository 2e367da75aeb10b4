import assert from 'node:assert/strict'
import type { Database, SqlParam } from '../../contracts/database.ts'
import { isFirebreakError } from '../../contracts/errors.ts'
import { type DatabaseCase, databaseCase, insert, names, outcomes } from './database-scene.ts'

/** Statements that only their author can put right, with what the refusal says. */
const wrong: readonly (readonly [unknown, readonly SqlParam[], RegExp])[] = [
  [insert, [1], /2 placeholders, 1 value; it is: insert into items/],
  [insert, [1, 'a', 'b'], /2 placeholders, 3 values/],
  ['select 1 as one', [1], /0 placeholders, 1 value/],
  ['select $2 as two', [1, 2], /it has \$2 and no \$1/],
  ['select $0 as zero', [1], /counted from \$1/],
  ['select $99999999 as far', [1], /values at most, not 99999999/],
  ['insert into items (id, name) values (?, ?)', [1, 'a'], /write \$1, \$2 … instead of \?/],
  ['insert into items (id, name) values (:id, :name)', [1, 'a'], /instead of :id/],
  ['insert into items (id, name) values (@id, @name)', [1, 'a'], /instead of @id/],
  ['insert into items (id, name) values ($id, $name)', [1, 'a'], /instead of \$id/],
  ['select $1a', [1], /instead of \$1a/],
  ['insert into items (id) values (?)', [], /a statement cannot be run as written/],
  ['delete from items; delete from items', [], /several statements/],
  ['', [], /it is empty/],
  [' ; -- nothing\n /* at all */ ;', [], /it is empty/],
  ['select 1 as "a\0b"', [], /a character NUL/],
  [undefined, [], /a statement is text/],
  [{ toString: () => 'select 1' }, [], /a statement is text/],
  ['selekt 1', [], /syntax error.*selekt 1$/],
  ['insert into items (id', [], /a statement cannot be run as written/],
  ["select 'open", [], /a statement cannot be run as written/],
  ['select * from items where count(*) > 1', [], /aggregate/],
]
const steering = [
  'begin',
  ' /* x */ COMMIT',
  '-- x\nrollback;',
  ';end',
  'savepoint a',
  'release a',
  'Start Transaction',
]

async function verdictOf(database: Database, text: unknown, values: readonly SqlParam[]): Promise<unknown> {
  const [verdict] = await database.commit([async (sql) => void (await sql.query(text as string, values))])
  return verdict?.ok === false ? verdict.error : undefined
}

export const textCases: readonly DatabaseCase[] = [
  databaseCase('a statement that cannot be run as written is refused with what to write', async ({ database }) => {
    for (const [text, values, words] of wrong) {
      await assert.rejects(database.query(text as string, values), (error) => {
        assert.ok(isFirebreakError(error, 'FB_STATEMENT_INVALID'), `${String(text)}: ${String(error)}`)
        assert.match(error.message, words)
        return true
      })
      const inUnit = await verdictOf(database, text, values)
      assert.ok(isFirebreakError(inUnit, 'FB_STATEMENT_INVALID') && inUnit.kind === 'bug', String(text))
      const [batch] = await database.commit([async (sql) => void (await sql.batch(text as string, [values]))])
      assert.ok(batch?.ok === false && isFirebreakError(batch.error, 'FB_STATEMENT_INVALID'), String(text))
    }
    assert.deepEqual(await names(database), [])
  }),
  databaseCase('a statement cannot open, end or divide a transaction', async ({ database }) => {
    for (const text of steering) {
      for (const error of [await verdictOf(database, text, []), await database.query(text).catch((caught) => caught)]) {
        assert.ok(isFirebreakError(error, 'FB_STATEMENT_INVALID'), text)
        assert.match(error.message, /begins and ends its transaction itself: leave [A-Z]+ out/)
      }
    }
  }),
  databaseCase('a refused statement undoes its unit alone', async ({ database }) => {
    const put = (id: number, values: readonly SqlParam[]) => ({ id, values })
    const all = [put(1, ['a']), put(2, []), put(3, ['c']), put(4, [Number.NaN])]
    const verdicts = await database.commit(
      all.map(({ id, values }) => async (sql) => {
        await sql.query(insert, [id, `first-${id}`])
        await sql.query('update items set name = $1 where id = 1', values)
      }),
    )
    assert.deepEqual(outcomes(verdicts), ['ok', 'FB_STATEMENT_INVALID', 'ok', 'FB_STATEMENT_INVALID'])
    assert.deepEqual(await names(database), ['c', 'first-3'])
  }),
  databaseCase('a missing table or column is the error of the engine: a migration may still come', async (scene) => {
    const { database } = scene
    for (const text of ['select a from nowhere', 'select colour from items', 'insert into items (colour) values (1)'])
      await assert.rejects(database.query(text), (error) => !isFirebreakError(error))
  }),
  databaseCase('a long statement is shown in part', async ({ database }) => {
    const text = `select ${'1 +\n   '.repeat(5000)} $1`
    const error = await database.query(text, []).catch((caught) => caught)
    assert.ok(isFirebreakError(error, 'FB_STATEMENT_INVALID') && error.message.length < 500)
    assert.match(error.message, /it is: select 1 \+ 1 \+ .*…$/)
  }),
]
