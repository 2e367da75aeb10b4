import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SqlParam } from '../../../src/contracts/database.ts'
import { named } from '../../named.ts'
import { publishAll, scene, writer } from '../../thing-scene.ts'

const slips: readonly (readonly [text: unknown, values: readonly unknown[] | unknown])[] = [
  ['insert into effects (key, n) values ($1, $2)', ['one value']],
  ['insert into effects (key, n) values (?, ?)', ['a', 1]],
  ['insert into effects (key, n) values ($1, $2)', [new Map(), 1]],
  ['insert into effects (key, n) values ($1, $2)', [undefined, 1]],
  ['insert into effects (key, n) values ($1, $2)', { $1: 'a', $2: 1 }],
  ['delete from effects; delete from effects', []],
  ['begin', []],
  ['commit', []],
  ['insert or rollback into effects (seq) values (1), (1)', []],
  ['selekt', []],
  ['', []],
  [undefined, []],
  ['pragma query_only = 1', []],
  ['explain pragma query_only = 1', []],
  ["attach ':memory:' as other", []],
]

for (const [text, values] of slips) {
  test(`a slip of SQL is a dead letter at once, and stops nothing else: ${String(text)}`, async () => {
    const slip = writer('one', async ({ id }, ctx) => {
      if (id !== 'slip') return
      await ctx.transaction(async (sql) => void (await sql.query(text as string, values as readonly SqlParam[])))
    })
    const { app, effects, told, count } = await scene([slip])
    await publishAll(app, [
      ['before', 1],
      ['slip', 2],
      ['after', 3],
    ])
    await app.advance(1000)
    await named(app, 'one').crash()
    await named(app, 'one').restart()
    await publishAll(app, [['later', 4]])
    await app.advance(1000)
    assert.deepEqual(
      told('slip').filter((kind) => kind === 'failed' || kind === 'dead-lettered'),
      ['failed', 'dead-lettered'],
    )
    const [letter, ...others] = await named(app, 'one').deadLetters.list()
    assert.deepEqual([others.length, letter?.reason, letter?.errorClass], [0, 'permanent', 'FB_STATEMENT_INVALID'])
    assert.deepEqual([await effects('one'), count('halted')], [['before:1', 'after:3', 'later:4'], 0])
    assert.ok((await named(app, 'one').ledger()).ok)
    await app.stop()
  })
}
