import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Database } from '../../../src/contracts/database.ts'
import { handle } from '../../../src/define/handle.ts'
import { service } from '../../../src/define/service.ts'
import { reopenLetter } from '../../../src/ledger/letters.ts'
import { openLedger } from '../../../src/ledger/schema.ts'
import { systemClock } from '../../../src/node/clock.ts'
import { systemEntropy } from '../../../src/node/entropy.ts'
import { type DeadLetters, deadLetters } from '../../../src/runtime/operator/dead-letters.ts'
import { sqliteDatabase } from '../../../src/sqlite/database/sqlite-database.ts'
import { addLetters, letterId, letterOf } from '../../letter-scene.ts'
import { Happened } from '../../thing-scene.ts'

async function deadLettersOf(t: TestContext): Promise<{ deadLetters: DeadLetters; database: Database }> {
  const database = sqliteDatabase({ path: ':memory:' })
  t.after(() => database.close())
  await openLedger(database, 'one', 0)
  const one = service({ name: 'one', handlers: [handle(Happened, () => {})] })
  const deps = { database, service: one, clock: systemClock, entropy: systemEntropy, onChange() {} }
  return { deadLetters: deadLetters(deps), database }
}

const range = (from: number, to: number): readonly number[] => Array.from({ length: to - from }, (_, at) => from + at)

test('100,000 letters page by page: each comes once, newest first, while others are added, decided and fail again', async (t) => {
  const { deadLetters, database } = await deadLettersOf(t)
  await addLetters(
    database,
    range(0, 100_000).map((n) => letterOf(n)),
  )
  const seen: string[] = []
  for (let after: string | undefined; ; ) {
    const page = await deadLetters.list({ max: 1000, ...(after === undefined ? {} : { after }) })
    seen.push(...page.map(({ id }) => id))
    after = page.at(-1)?.id
    if (after === undefined) break
    const [first, last] = [page[0], page.at(-1)]
    assert.ok(first && last)
    await addLetters(database, [letterOf(200_000 + seen.length)])
    await deadLetters.discard(first.id, { by: 'ann', note: 'seen' })
    // Those that are still to come fail again: a later time moves nobody.
    const older = Math.max(0, Number(last.id.slice(0, 8)) - 7)
    await database.commit([(sql) => reopenLetter(sql, letterOf(older), letterOf(older, { atMs: 9e9 }))])
  }
  assert.deepEqual(
    seen,
    range(0, 100_000).map((n) => letterId(99_999 - n)),
  )
})

test('a letter that is named by the beginning of several ids is refused, and the candidates are listed', async (t) => {
  const { deadLetters, database } = await deadLettersOf(t)
  await addLetters(
    database,
    range(0, 30).map((n) => letterOf(n)),
  )
  const by = { by: 'ann', note: 'n' }
  for (const act of [
    () => deadLetters.get('0000'),
    () => deadLetters.replay('0000', by),
    () => deadLetters.edit('0000', {}, by),
    () => deadLetters.discard('0000', by),
  ])
    await assert.rejects(act(), (error: { code: string; message: string; detail: { candidates: string[] } }) => {
      assert.equal(error.code, 'FB_DEAD_LETTER_AMBIGUOUS')
      assert.deepEqual(error.detail.candidates, range(0, 10).map(letterId))
      assert.match(error.message, /and more$/)
      return true
    })
  await assert.rejects(deadLetters.get('0000000'), { code: 'FB_DEAD_LETTER_AMBIGUOUS' })
  assert.equal((await deadLetters.get('00000007')).id, letterId(7))
  await assert.rejects(deadLetters.get('1'), { code: 'FB_DEAD_LETTER_NOT_FOUND' })
  await assert.rejects(deadLetters.get(''), { code: 'FB_DEAD_LETTER_NOT_FOUND' })
  assert.equal((await deadLetters.list({ state: 'open', max: 100 })).length, 30)
})

test('an id that is the beginning of another one names its own letter', async (t) => {
  const { deadLetters, database } = await deadLettersOf(t)
  await addLetters(database, [letterOf(1, { id: 'ab' }), letterOf(2, { id: 'abc' })])
  assert.equal((await deadLetters.get('ab')).id, 'ab')
  await assert.rejects(deadLetters.get('a'), { code: 'FB_DEAD_LETTER_AMBIGUOUS' })
})
