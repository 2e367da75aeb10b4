import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Inbox, type Marks } from '../../../src/ledger/inbox.ts'
import { openLedger } from '../../../src/ledger/schema.ts'
import { sqliteDatabase } from '../../../src/sqlite/database/sqlite-database.ts'

// What an id may hold that text in JSON, in SQL and in memory could disagree about.
const ids = ['plain', 'a "quoted" one', "it's", 'back\\slash', 'half \ud800 a character', 'line\nfeed', '🚚', '']

test('ids of any text are marked once, known afterwards, and can be taken back', async () => {
  const database = sqliteDatabase({ path: ':memory:' })
  await openLedger(database, 'billing', 0)
  const inbox = new Inbox(database, { windowMs: 1000, random: () => 0.5, onError: () => {} })
  const mark = async (these: readonly string[]): Promise<Marks> => {
    let marks: Marks | undefined
    await database.commit([
      async (sql) => {
        marks = await inbox.mark(sql, these, 0)
      },
    ])
    return marks as Marks
  }
  const { first, known } = await mark(ids)
  assert.deepEqual([...known], [])
  assert.deepEqual([...(await mark(ids.toReversed())).known].sort(), ids.toSorted())
  assert.equal((await inbox.find(ids)).size, ids.length)
  await database.commit([
    (sql) =>
      inbox.unmark(
        sql,
        ids.map((id, i) => [id, first + i] as const),
      ),
  ])
  assert.deepEqual([...(await mark(ids)).known], [])
  await database.close()
})
