import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { pgClient } from 'firebreak/postgres'
import type { Database, Sql, SqlUnit } from '../../../src/contracts/database.ts'
import { codeOf, ending, guard } from './outcomes.ts'
import { needsPostgres, PostgresScene } from './scene.ts'

let scene: PostgresScene
before(async () => {
  if (needsPostgres !== false) return
  scene = await PostgresScene.start()
  await scene.rows('create table played (id integer primary key, name integer)')
})
after(() => scene?.end())

interface Action {
  readonly kind: 'add' | 'move' | 'remove' | 'look' | 'batch' | 'answer' | 'pg' | 'wrong' | 'divide'
  readonly id: number
  readonly hides: boolean
}

const actions: Readonly<Record<Action['kind'], (sql: Sql, id: number) => Promise<unknown>>> = {
  add: (sql, id) => sql.query('insert into played (id, name) values ($1, $2)', [id, id]),
  move: (sql, id) => sql.query('update played set id = id + 1 where id = $1', [id]),
  remove: (sql, id) => sql.query('delete from played where id = $1', [id]),
  look: (sql) => sql.query('select id, name from played order by id'),
  batch: (sql, id) => sql.batch('insert into played (id) values ($1)', [[id], [id + 4]]),
  answer: (sql, id) => sql.query('update played set name = name + 1 where id >= $1 returning id', [id]),
  pg: async (sql, id) => (await pgClient(sql).query('delete from played where id = $1', [id])).rowCount,
  wrong: (sql) => sql.query('insert into played (id) values ($1)', []),
  divide: (sql, id) => sql.query('select 1 / $1::integer as n', [id]),
}

/** What every statement of the run that counts has told its unit, how the commit ended, and what it left. */
async function play(database: Database, units: readonly (readonly Action[])[]): Promise<unknown> {
  await scene.rows('truncate played')
  const told: unknown[][] = []
  const bodies = units.map((unit, at): SqlUnit => {
    return async (sql) => {
      if (at === 0) told.length = 0
      const answers: unknown[] = []
      told.push(answers)
      for (const { kind, id, hides } of unit) {
        const doing = actions[kind](sql, id)
        answers.push(await doing.then((answer) => JSON.stringify(answer), codeOf))
        if (!hides) await doing
      }
    }
  })
  const end = await ending(database, bodies)
  return { told, end, left: await scene.rows('select id, name from played order by id') }
}

test('any units tell and leave the same, deferred or not', { skip: needsPostgres, timeout: 60_000 }, async () => {
  const kind = fc.constantFrom(...(Object.keys(actions) as Action['kind'][]), 'add' as const, 'remove' as const)
  const action = fc.record({ kind, id: fc.nat(5), hides: fc.nat(3).map((n) => n === 0) })
  const units = fc.array(fc.array(action, { maxLength: 4 }), { minLength: 1, maxLength: 5 })
  const each = fc.asyncProperty(units, async (given) => {
    const [deferring, guarded] = [scene.open({ poolMax: 1 }), scene.open({ poolMax: 1 })]
    try {
      await guard(guarded)
      assert.deepEqual(await play(deferring, given), await play(guarded, given))
    } finally {
      await Promise.all([deferring.close(), guarded.close()])
    }
  })
  await fc.assert(each, { numRuns: 60 })
})
