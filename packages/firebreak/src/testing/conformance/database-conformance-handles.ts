import assert from 'node:assert/strict'
import type { Database, Sql, SqlUnit } from '../../contracts/database.ts'
import {
  type DatabaseCase,
  databaseCase,
  gate,
  insert,
  names,
  outcomes,
  rejectsWithCode,
  severalHandles,
} from './database-scene.ts'

export const handleCases: readonly DatabaseCase[] = [
  databaseCase(
    'a statement that fails while nobody waits for it fails its unit, and ends no process',
    async (scene) => {
      const ways: readonly ((sql: Sql) => void)[] = [
        (sql) => void sql.query('insrt into items'),
        (sql) => void sql.query('insert into missing (id) values (1)'),
        (sql) => void sql.query(insert, [1]),
        (sql) => void sql.batch(insert, [[1, 'a', 'too many']]),
      ]
      const units = ways.map((way, i): SqlUnit => {
        return async (sql) => {
          await sql.query(insert, [i, `beside ${i}`])
          way(sql)
        }
      })
      const good: SqlUnit = async (sql) => void sql.query(insert, [9, 'good'])
      const verdicts = await scene.database.commit([...units, good])
      assert.deepEqual(
        verdicts.map(({ ok }) => ok),
        [false, false, false, false, true],
      )
      assert.deepEqual(await names(scene.database), ['good'])
    },
  ),
  databaseCase('a statement that comes after its unit is refused, and ends no process', async ({ database }) => {
    let kept: Sql | undefined
    const verdicts = await database.commit([
      async (sql) => {
        kept = sql
      },
    ])
    void kept?.query(insert, [1, 'late'])
    void kept?.batch(insert, [[2, 'late']])
    if (kept !== undefined) await rejectsWithCode(kept.query('select 1 as one'), 'FB_UNIT_ENDED')
    assert.deepEqual([outcomes(verdicts), await names(database)], [['ok'], []])
  }),
  databaseCase(
    'two handles write one database, and each sees what the other has committed',
    async (scene) => {
      await scene.second(async (other) => {
        await scene.database.query(insert, [1, 'a'])
        assert.deepEqual(await names(other), ['a'])
        await other.query(insert, [2, 'b'])
        assert.deepEqual(await names(scene.database), ['a', 'b'])
      })
    },
    severalHandles,
  ),
  databaseCase(
    'two handles that commit at the same time lose nothing',
    async (scene) => {
      await scene.second(async (other) => {
        const count: SqlUnit = async (sql) => {
          await sql.query('update items set size = size + 1 where id = 1')
        }
        await scene.database.query('insert into items (id, size) values (1, 0)')
        const commits = Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? scene.database : other).commit([count]))
        const verdicts = (await Promise.all(commits)).flatMap(outcomes)
        assert.ok(verdicts.every((one) => one === 'ok'))
        const [row] = await scene.database.query<{ size: number }>('select size from items where id = 1')
        assert.equal(row?.size, 40)
      })
    },
    severalHandles,
  ),
  databaseCase('what was committed outlives the handle exactly where the database is durable', async (scene) => {
    await scene.database.commit([
      async (sql) => {
        await sql.query(insert, [1, 'a'])
      },
    ])
    await scene.database.close()
    await scene.second(async (again) => {
      if (scene.database.capabilities.durable) assert.deepEqual(await names(again), ['a'])
      else await assert.rejects(names(again))
    })
  }),
  databaseCase('closing waits for the commit under way, and refuses what comes later', async ({ database }) => {
    const [inside, proceed] = [gate(), gate()]
    const committing = database.commit([
      async (sql) => {
        inside.open()
        await proceed.reached
        await sql.query(insert, [1, 'a'])
      },
    ])
    await inside.reached
    const queued = database.query('insert into items (id) values (2)')
    let closed = false
    const closing = Promise.all([database.close(), database.close()]).then(() => {
      closed = true
    })
    await rejectsWithCode(database.query('select 1 as one'), 'FB_CLOSED')
    await rejectsWithCode(database.commit([]), 'FB_CLOSED')
    assert.equal(closed, false)
    proceed.open()
    assert.deepEqual(outcomes(await committing), ['ok'])
    await queued
    await closing
    await database.close()
  }),
  databaseCase(
    'a process that dies inside a commit leaves nothing of it, and all of those before',
    async (scene) => {
      const doomed = await scene.harness.open()
      await doomed.commit([put(1, 'before')])
      const [inside, never] = [gate(), gate()]
      const dying = doomed.commit([
        put(2, 'finished unit'),
        async (sql) => {
          await sql.query(insert, [3, 'half a unit'])
          inside.open()
          await never.reached
        },
      ])
      dying.catch(() => {})
      await inside.reached
      await scene.harness.crash?.(doomed)
      await scene.second(async (survivor) => {
        assert.deepEqual(await names(survivor), ['before'])
        await survivor.query(insert, [2, 'after'])
        assert.deepEqual(await names(survivor), ['before', 'after'])
      })
      never.open()
      await dying.catch(() => {})
      await doomed.close()
    },
    (_, harness) => harness.crash !== undefined || 'its harness cannot let a process die',
  ),
  databaseCase(
    'a handle whose connection was cut goes on by itself',
    async (scene) => {
      await scene.database.query(insert, [1, 'before'])
      await scene.harness.restart?.()
      await insertPatiently(scene.database)
      assert.deepEqual(await names(scene.database), ['before', 'after'])
    },
    (_, harness) => harness.restart !== undefined || 'its harness cannot cut connections',
  ),
]

function put(id: number, name: string): SqlUnit {
  return async (sql) => {
    await sql.query(insert, [id, name])
  }
}

/** The first statements after a cut may fail; one of the next must not. */
async function insertPatiently(database: Database): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await database.query('insert into items (id, name) values ($1, $2) on conflict do nothing', [2, 'after'])
      return
    } catch (error) {
      if (attempt === 20) throw error
    }
  }
}
