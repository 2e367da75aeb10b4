import assert from 'node:assert/strict'
import type { Sql, SqlUnit } from '../../contracts/database.ts'
import {
  type DatabaseCase,
  databaseCase,
  gate,
  insert,
  names,
  outcomes,
  plain,
  rejectsWithCode,
  severalHandles,
} from './database-scene.ts'

const put =
  (id: number, name: string): SqlUnit =>
  async (sql) => {
    await sql.query(insert, [id, name])
  }

export const unitCases: readonly DatabaseCase[] = [
  databaseCase('a unit of several statements is stored as a whole', async ({ database }) => {
    const unit: SqlUnit = async (sql) => {
      await sql.query(insert, [1, 'a'])
      await sql.query(insert, [2, 'b'])
    }
    assert.deepEqual(outcomes(await database.commit([unit])), ['ok'])
    assert.deepEqual(await names(database), ['a', 'b'])
  }),
  databaseCase('a unit that throws leaves nothing and gets its own error', async ({ database }) => {
    const failure = new Error('no')
    const unit: SqlUnit = async (sql) => {
      await sql.query(insert, [1, 'a'])
      throw failure
    }
    const [verdict] = await database.commit([unit])
    assert.ok(verdict !== undefined && !verdict.ok)
    assert.equal(verdict.error, failure)
    assert.deepEqual(await names(database), [])
  }),
  databaseCase(
    'a transaction is durable with what it resolves to, and leaves nothing when it throws',
    async ({ database }) => {
      const stored = await database.transaction(async (tx) => {
        await tx.query(insert, [1, 'a'])
        return tx.batch(insert, [
          [2, 'b'],
          [3, 'c'],
        ])
      })
      assert.equal(stored, 2)
      const failing = database.transaction(async (tx) => {
        await tx.query(insert, [4, 'd'])
        throw new Error('no')
      })
      await assert.rejects(failing, /^Error: no$/)
      assert.deepEqual(await names(database), ['a', 'b', 'c'])
    },
  ),
  databaseCase('a failing unit among others is undone alone', async ({ database }) => {
    const failing: SqlUnit = async (sql) => {
      await sql.query(insert, [2, 'b'])
      await sql.query("update items set name = 'changed' where id = 1")
      throw new Error('no')
    }
    const verdicts = await database.commit([put(1, 'a'), failing, put(3, 'c'), failing, put(4, 'd')])
    assert.deepEqual(outcomes(verdicts), ['ok', 'no', 'ok', 'no', 'ok'])
    assert.deepEqual(await names(database), ['a', 'c', 'd'])
  }),
  databaseCase('a broken constraint undoes its unit alone and is an error of the user', async ({ database }) => {
    const verdicts = await database.commit([put(1, 'same'), put(2, 'same'), put(3, 'other')])
    const [first, second, third] = verdicts
    assert.ok(first?.ok && third?.ok)
    assert.ok(second !== undefined && !second.ok && second.error instanceof Error)
    assert.ok(!second.error.name.startsWith('FB_'))
    assert.deepEqual(await names(database), ['same', 'other'])
  }),
  databaseCase(
    'a unit may catch the error of a statement and go on',
    async ({ database }) => {
      const unit: SqlUnit = async (sql) => {
        await sql.query(insert, [1, 'a'])
        await assert.rejects(sql.query(insert, [1, 'again']))
        await sql.query(insert, [2, 'b'])
      }
      assert.deepEqual(outcomes(await database.commit([unit])), ['ok'])
      assert.deepEqual(await names(database), ['a', 'b'])
    },
    (c) => c.dialect === 'sqlite' || 'a failed statement ends the transaction until the next savepoint',
  ),
  databaseCase('units run one after the other in order, and see what those before have written', async (scene) => {
    const seen: number[] = []
    const unit =
      (id: number): SqlUnit =>
      async (sql) => {
        const [row] = await sql.query<{ n: number }>('select count(*) as n from items')
        seen.push(Number(row?.n))
        await sql.query(insert, [id, `name-${id}`])
      }
    await scene.database.commit([1, 2, 3, 4].map(unit))
    assert.deepEqual(seen, [0, 1, 2, 3])
  }),
  databaseCase('a unit does not see what an undone one had written', async ({ database }) => {
    let seen: unknown
    const undone: SqlUnit = async (sql) => {
      await sql.query(insert, [1, 'a'])
      throw new Error('no')
    }
    const looks: SqlUnit = async (sql) => {
      seen = plain(await sql.query('select id from items'))
    }
    await database.commit([undone, looks])
    assert.deepEqual(seen, [])
  }),
  databaseCase('a unit that throws before its first await is undone like any other', async ({ database }) => {
    const rude = (() => {
      throw new Error('at once')
    }) as SqlUnit
    assert.deepEqual(outcomes(await database.commit([put(1, 'a'), rude, put(2, 'b')])), ['ok', 'at once', 'ok'])
    assert.deepEqual(await names(database), ['a', 'b'])
  }),
  databaseCase('a commit without units and one whose units all fail change nothing', async ({ database }) => {
    assert.deepEqual(await database.commit([]), [])
    const fails: SqlUnit = async () => {
      throw new Error('no')
    }
    assert.deepEqual(outcomes(await database.commit([fails, fails])), ['no', 'no'])
    assert.deepEqual(await names(database), [])
  }),
  databaseCase('two thousand units commit together, each with its verdict', async ({ database }) => {
    const units = Array.from({ length: 2000 }, (_, i) => put(i, i % 100 === 7 ? 'taken' : `name-${i}`))
    const verdicts = await database.commit(units)
    assert.equal(verdicts.filter((verdict) => !verdict.ok).length, 19)
    const [row] = await database.query<{ n: number }>('select count(*) as n from items')
    assert.equal(Number(row?.n), 1981)
  }),
  databaseCase('commits that are under way together do not mix', async ({ database }) => {
    const half: SqlUnit = async (sql) => {
      await sql.query(insert, [99, 'undone'])
      await sql.query('select 1 as one')
      throw new Error('no')
    }
    const commits = [
      database.commit([half]),
      database.commit([put(1, 'a')]),
      database.commit([half, put(2, 'b')]),
      database.commit([put(3, 'c')]),
    ]
    assert.deepEqual((await Promise.all(commits)).map(outcomes), [['no'], ['ok'], ['no', 'ok'], ['ok']])
    assert.deepEqual(await names(database), ['a', 'b', 'c'])
  }),
  databaseCase('a statement on its own stays out of the commit under way', async ({ database }) => {
    const [inside, proceed] = [gate(), gate()]
    const committing = database.commit([
      async (sql) => {
        await sql.query(insert, [1, 'undone'])
        inside.open()
        await proceed.reached
        throw new Error('no')
      },
    ])
    await inside.reached
    const writing = database.query(insert, [2, 'alone'])
    const reading = database.query('select name from items where id = 1')
    proceed.open()
    assert.deepEqual(outcomes(await committing), ['no'])
    await writing
    assert.deepEqual(plain(await reading), [])
    assert.deepEqual(await names(database), ['alone'])
  }),
  databaseCase(
    'a read on its own does not wait for the commit under way, and sees nothing of it',
    async ({ database }) => {
      await database.query(insert, [1, 'before'])
      const verdicts = await database.commit([
        async (sql) => {
          await sql.query(insert, [2, 'inside'])
          assert.deepEqual(await names(database), ['before'])
        },
      ])
      assert.deepEqual(outcomes(verdicts), ['ok'])
      assert.deepEqual(await names(database), ['before', 'inside'])
    },
    severalHandles,
  ),
  databaseCase('a handle is dead when its unit has ended', async ({ database }) => {
    const handles: Sql[] = []
    await database.commit([
      async (sql) => {
        handles.push(sql)
      },
      async (sql) => {
        handles.push(sql)
        throw new Error('no')
      },
      async () => {
        for (const handle of handles) await rejectsWithCode(handle.query('select 1 as one'), 'FB_UNIT_ENDED')
      },
    ])
    for (const handle of handles) {
      await rejectsWithCode(handle.query('select 1 as one'), 'FB_UNIT_ENDED')
      await rejectsWithCode(handle.batch(insert, [[1, 'a']]), 'FB_UNIT_ENDED')
    }
  }),
  databaseCase(
    'a unit that holds the transaction too long is undone alone',
    async (scene) => {
      const held = gate()
      const play = async (database: typeof scene.database): Promise<void> => {
        if (database !== scene.database) await database.query('select 1 as one')
        let late: Promise<unknown> | undefined
        const slow: SqlUnit = async (sql) => {
          await sql.query(insert, [2, 'slow'])
          await held.reached
          late = sql.query(insert, [5, 'late'])
          await late
        }
        const verdicts = await database.commit([put(1, 'a'), slow, put(3, 'c')])
        assert.deepEqual(outcomes(verdicts), ['ok', 'FB_TRANSACTION_TIMEOUT', 'ok'])
        held.open()
        await held.reached
        assert.ok(late !== undefined)
        await rejectsWithCode(late, 'FB_UNIT_ENDED')
        assert.deepEqual(await names(database), ['a', 'c'])
      }
      await scene.second(play, 40)
    },
    severalHandles,
  ),
  databaseCase('without a unit that is required the commit is nothing', async ({ database }) => {
    const failure = new Error('no')
    const required: SqlUnit = async (_, commit) => {
      commit.require()
      await commit.ledger.query(insert, [2, 'ledger'])
      throw failure
    }
    const fine: SqlUnit = async (_, commit) => {
      commit.require()
      await commit.ledger.query(insert, [4, 'ledger too'])
    }
    for (const units of [
      [required, put(1, 'a')],
      [put(1, 'a'), required],
      [put(1, 'a'), required, put(3, 'c')],
    ])
      await assert.rejects(database.commit(units), (error) => error === failure)
    assert.deepEqual(await names(database), [])
    assert.deepEqual(outcomes(await database.commit([fine, put(1, 'a')])), ['ok', 'ok'])
    assert.deepEqual(await names(database), ['a', 'ledger too'])
  }),
  databaseCase(
    'a required unit that is out of time leaves nothing of the commit, which is told that the database is busy',
    async (scene) => {
      const play = async (database: typeof scene.database): Promise<void> => {
        if (database !== scene.database) await database.query('select 1 as one')
        for (const place of [0, 1, 2]) {
          const held = gate()
          let late: Promise<unknown> | undefined
          const slow: SqlUnit = async (_, commit) => {
            commit.require()
            await commit.ledger.query(insert, [2, 'slow'])
            await held.reached
            late = commit.ledger.query(insert, [5, 'late'])
            await late
          }
          const units = [put(1, 'a'), put(3, 'c')]
          await rejectsWithCode(database.commit(units.toSpliced(place, 0, slow)), 'FB_DATABASE_BUSY')
          held.open()
          await held.reached
          assert.ok(late !== undefined)
          await rejectsWithCode(late, 'FB_UNIT_ENDED')
          assert.deepEqual(await names(database), [])
        }
        assert.deepEqual(outcomes(await database.commit([put(1, 'a')])), ['ok'])
      }
      await scene.second(play, 40)
    },
    severalHandles,
  ),
]
