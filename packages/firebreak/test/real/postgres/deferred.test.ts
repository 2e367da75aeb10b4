import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { pgClient } from 'firebreak/postgres'
import type { Database, Sql, SqlValue } from '../../../src/contracts/database.ts'
import { FirebreakError, isFirebreakError } from '../../../src/contracts/errors.ts'
import type { PostgresDatabaseOptions } from '../../../src/postgres/connection-settings.ts'
import { outcomes, rejectsWithCode } from '../../../src/testing/conformance/database-scene.ts'
import { type CuttingProxy, proxyBefore } from '../kafka/cutting-proxy.ts'
import { codeOf, ending, guard } from './outcomes.ts'
import { needsPostgres, PostgresScene } from './scene.ts'

/** A unit that looks at nothing but its handle. */
type Body = (sql: Sql) => Promise<void>

const options = { skip: needsPostgres, timeout: 60_000 }
let scene: PostgresScene
let proxy: CuttingProxy
let proxied: string
before(async () => {
  if (needsPostgres !== false) return
  scene = await PostgresScene.start()
  await scene.rows('create table items (id integer primary key, name text, body bytea)')
  await scene.rows('create table links (id integer references items (id) deferrable initially deferred)')
  // Fails as it is told to.
  await scene.rows('create table failing (code text)')
  await scene.rows(`create function fail() returns trigger language plpgsql as
    'begin raise exception using errcode = new.code; end'`)
  await scene.rows('create trigger fails before insert on failing for each row execute function fail()')
  ;({ proxy, url: proxied } = await proxyBefore(scene.url))
})
after(async () => {
  await proxy?.stop()
  await scene?.end()
})

let ids = 0
/** The first of a thousand ids that only this test uses. */
const fresh = (): number => (ids += 1000)
const insert = 'insert into items (id, name) values ($1, $2)'
const put =
  (id: number): Body =>
  async (sql) => {
    await sql.query(insert, [id, `name-${id}`])
  }

/** Which of the thousand ids from `first` on are there, counted from it. */
async function kept(first: number): Promise<readonly number[]> {
  const rows = await scene.rows('select id from items where id >= $1 and id < $1 + 1000 order by id', [first])
  return rows.map(({ id }) => Number(id) - first)
}

async function using(given: PostgresDatabaseOptions, play: (database: Database) => Promise<void>): Promise<void> {
  const database = scene.open(given)
  try {
    await play(database)
  } finally {
    await database.close()
  }
}

/** The newest statement of an open transaction that the server has been told of. */
async function newest(database: Database): Promise<unknown> {
  const sql = "select query from pg_stat_activity where application_name = $1 and state = 'idle in transaction'"
  return (await scene.rows(sql, [scene.nameOf(database)]))[0]?.['query']
}
const begun = async (database: Database): Promise<boolean> => (await newest(database)) !== undefined

const outcomeOf = (promise: Promise<unknown>): Promise<string> => promise.then(() => 'ok', codeOf)

type Write = (sql: Sql, id: number) => Promise<unknown>
const query =
  (text: string): Write =>
  (sql, id) =>
    sql.query(text, [id])

const waiting: Readonly<Record<string, Write>> = {
  insert: query('insert into items (id) values ($1)'),
  'insert from a query': query('  INSERT INTO items (id) SELECT $1::integer'),
  'insert or update': query("insert into items (id) values ($1) on conflict (id) do update set name = 'b'"),
  update: query("\nupdate items set name = 'b' where id = $1"),
  delete: query('Delete from items where id = $1'),
}
const sent: Readonly<Record<string, Write>> = {
  'a read': query('select 1 as one where $1 > 0'),
  'a write with an answer': query('insert into items (id) values ($1) returning id'),
  'an answer in capitals': query('update items set name = null where id = $1 RETURNING *'),
  'the word for it anywhere': query("delete from items where id = $1 and name <> 'returning'"),
  'a write behind WITH': query('with one as (select $1::integer as id) insert into items (id) select id from one'),
  'a write behind a comment': query('/* why */ insert into items (id) values ($1)'),
  'a batch': (sql, id) => sql.batch('insert into items (id) values ($1)', [[id], [id + 1]]),
  'a batch of one': (sql, id) => sql.batch('delete from items where id = $1', [[id]]),
  'a statement of pg': (sql, id) => pgClient(sql).query('insert into items (id) values ($1)', [id]),
}
for (const [name, write] of Object.entries({ ...waiting, ...sent })) {
  const waits = name in waiting
  test(`${waits ? 'waits for the next statement' : 'is sent at once'}: ${name}`, options, () =>
    using({}, async (database) => {
      const seen: boolean[] = []
      const unit: Body = async (sql) => {
        await write(sql, fresh())
        seen.push(await begun(database))
      }
      assert.deepEqual(outcomes(await database.commit([unit])), ['ok'])
      await guard(database)
      assert.deepEqual(outcomes(await database.commit([unit])), ['ok'])
      assert.deepEqual(seen, [!waits, true], 'with savepoints nothing waits')
    }),
  )
}

test('numbers of changed rows count what was deferred before', options, () =>
  using({}, async (database) => {
    const first = fresh()
    const numbers: unknown[] = []
    const unit: Body = async (sql) => {
      for (const id of [first, first + 1, first + 2]) await put(id)(sql)
      numbers.push(await sql.batch('update items set name = $1 where id >= $2 and id < $2 + 1000', [['b', first]]))
      numbers.push((await pgClient(sql).query('delete from items where id > $1 and id < $1 + 999', [first])).rowCount)
    }
    assert.deepEqual(outcomes(await database.commit([unit])), ['ok'])
    assert.deepEqual(numbers, [3, 2])
    assert.deepEqual(await kept(first), [0])
  }),
)

test('reads see the deferred writes before them, in the order as written, over units and without await', options, () =>
  using({}, async (database) => {
    const first = fresh()
    const seen: unknown[] = []
    const look = async (sql: Sql): Promise<void> => {
      const rows = await sql.query('select name from items where id = $1', [first])
      seen.push(...rows.map(({ name }) => name))
    }
    const rename = 'update items set name = name || $2 where id = $1'
    const one: Body = async (sql) => {
      await put(first)(sql)
      await sql.query(rename, [first, 'a'])
      await sql.query(rename, [first, 'b'])
      await look(sql)
      await sql.query('delete from items where id = $1', [first])
      await sql.query(insert, [first, 'anew'])
    }
    const other: Body = async (sql) => {
      await Promise.all([sql.query(rename, [first, 'c']), look(sql), sql.query(rename, [first, 'd']), look(sql)])
    }
    assert.deepEqual(outcomes(await database.commit([one, other])), ['ok', 'ok'])
    assert.deepEqual(seen, [`name-${first}ab`, 'anewc', 'anewcd'])
  }),
)

// What takes the deferred writes of the units before it along. Each works when nothing is wrong with them.
const carriers: Readonly<Record<string, Body>> = {
  'the trip before COMMIT': async () => {},
  'a read': async (sql) => void (await sql.query('select 1 as one')),
  'a read whose error is hidden': async (sql) => void (await sql.query('select 1 as one').catch(() => {})),
  'a batch': async (sql) => void (await sql.batch('delete from items where id = $1', [[-1], [-2]])),
  'a batch whose error is hidden': async (sql) =>
    void (await sql.batch('delete from items where id = $1', [[-1]]).catch(() => {})),
  'a statement of pg': async (sql) => void (await pgClient(sql).query('select 1 as one')),
  'a rollback of pg': async (sql) => {
    const client = pgClient(sql)
    await client.query('begin').catch(() => {})
    await client.query('rollback').catch(() => {})
  },
  'reads together, all errors hidden': async (sql) =>
    void (await Promise.allSettled([sql.query('select 1 as one'), sql.query('select 2 as two')])),
  'a read that fails with an error of its own': async (sql) => {
    await sql.query('select 1 as one').catch(() => {
      throw new Error('no longer the same')
    })
  },
  'a read whose error becomes one of the database': async (sql) => {
    await sql.query('select 1 as one').catch(() => {
      throw new FirebreakError('FB_DATABASE_UNAVAILABLE', { path: 'ledger', reason: 'a read failed' })
    })
  },
  'more writes than may wait': async (sql) => {
    for (let i = 0; i < 1000; i++) await sql.query('update items set name = null where id = $1', [-1])
  },
}
const wrong: Readonly<Record<string, Write>> = {
  'a broken constraint': (sql, id) => sql.query(insert, [id, 'twice']),
  'a missing column': (sql, id) => sql.query('insert into items (id, nothing) values ($1, 1)', [id]),
  'a value of the wrong type': (sql) => sql.query(insert, ['no number', 'x']),
  'a syntax error': (sql, id) => sql.query(`insert into items values (${id}`),
}
const failures = [
  ...Object.keys(carriers).map((carrier) => ({ carrier, fault: 'a broken constraint' })),
  ...Object.keys(wrong).map((fault) => ({ carrier: 'a read whose error is hidden', fault })),
]
for (const { carrier, fault } of failures) {
  test(`${fault}, in front of ${carrier}, is the error of its own statement and unit`, options, () =>
    using({}, async (database) => {
      const first = fresh()
      const told: string[] = []
      const failing: Body = async (sql) => {
        await put(first + 1)(sql)
        const writing = (wrong[fault] as Write)(sql, first)
        told.push(await outcomeOf(writing))
        await writing
      }
      const [, verdict, ...rest] = await database.commit([
        put(first),
        failing,
        carriers[carrier] as Body,
        put(first + 2),
      ])
      const [deferred, code] = told
      assert.equal(deferred, 'ok')
      assert.ok(verdict?.ok === false && codeOf(verdict.error) === code && /^(\d|FB_STATEMENT_INVALID$)/.test(code))
      assert.deepEqual([told.length, outcomes(rest)], [2, ['ok', 'ok']])
      assert.deepEqual(await kept(first), [0, 2])
    }),
  )
}

for (const looks of [false, true]) {
  test(
    `a unit hears of a failed write before it rolls it back${looks ? ', also when it hides what comes between' : ''}`,
    options,
    () =>
      using({}, async (database) => {
        const first = fresh()
        const told: string[] = []
        const unit: Body = async (sql) => {
          const client = pgClient(sql)
          await put(first)(sql)
          await client.query('begin')
          told.push(await outcomeOf(put(first)(sql)))
          if (looks) await sql.query('select 1 as one').catch(() => {})
          await client.query('rollback')
          await client.query('begin')
          await put(first + 1)(sql)
          await client.query('rollback')
          await put(first + 2)(sql)
        }
        assert.deepEqual(outcomes(await database.commit([unit])), ['ok'])
        assert.deepEqual(told, ['ok', '23505'])
        assert.deepEqual(await kept(first), [0, 2])
      }),
  )
}

test('a unit that hides the error of a deferred write has failed all the same, and no other', options, () =>
  using({}, async (database) => {
    const first = fresh()
    const hiding: Body = async (sql) => void (await put(first)(sql).catch(() => {}))
    assert.deepEqual(await ending(database, [put(first), hiding, put(first + 1)]), ['ok', '23505', 'ok'])
    assert.deepEqual(await kept(first), [0, 1])
  }),
)

test('what a deferred write resolves to is its caller’s alone', options, () =>
  using({}, async (database) => {
    const first = fresh()
    const seen: unknown[] = []
    // Looked at afterwards: a unit that fails here runs again, and defers nothing then.
    const writes: Body = async (sql) => {
      for (const n of [1, 2]) {
        const promise = sql.query(insert, [first + n, 'deferred'])
        seen.push(promise, await promise)
      }
    }
    assert.deepEqual(outcomes(await database.commit([writes])), ['ok'])
    assert.equal(seen.length, 4)
    assert.equal(new Set(seen).size, 4)
  }),
)

test('a write behind a failed statement of its unit is refused where it stands', options, () =>
  using({}, async (database) => {
    const first = fresh()
    const told: string[] = []
    const unit: Body = async (sql) => {
      told.push(await outcomeOf(sql.query('select 1 / 0')), await outcomeOf(put(first)(sql)))
    }
    assert.deepEqual(await ending(database, [unit]), ['22012'])
    assert.deepEqual(told.slice(-2), ['22012', '25P02'])
  }),
)

test('a value that cannot be written is refused where it stands, and its unit may go on', options, () =>
  using({}, async (database) => {
    const first = fresh()
    const told: string[] = []
    const unit: Body = async (sql) => {
      for (const value of [undefined, {}, Number.NaN] as unknown as SqlValue[])
        told.push(await outcomeOf(sql.query(insert, [first, value])))
      await put(first)(sql)
    }
    assert.deepEqual(outcomes(await database.commit([unit])), ['ok'])
    assert.deepEqual(told, ['FB_STATEMENT_INVALID', 'FB_STATEMENT_INVALID', 'FB_STATEMENT_INVALID'])
    assert.deepEqual(await kept(first), [0])
  }),
)

test('bytes are those of the moment at which they were given', options, () =>
  using({}, async (database) => {
    const first = fresh()
    const unit: Body = async (sql) => {
      const bytes = Uint8Array.of(0)
      for (let i = 0; i < 3; i++) {
        bytes[0] = i
        await sql.query('insert into items (id, body) values ($1, $2)', [first + i, bytes])
      }
    }
    await database.commit([unit])
    const rows = await scene.rows('select id, get_byte(body, 0) as byte from items where id >= $1', [first])
    assert.ok(rows.length === 3 && rows.every(({ id, byte }) => Number(id) - first === Number(byte)))
  }),
)

test('a handle whose unit has ended defers nothing', options, () =>
  using({}, async (database) => {
    const first = fresh()
    const handles: Sql[] = []
    const late: Body = async () => {
      for (const handle of handles) await rejectsWithCode(put(first)(handle), 'FB_UNIT_ENDED')
    }
    const keeping: Body = async (sql) => void handles.push(sql)
    assert.deepEqual(outcomes(await database.commit([keeping, late, put(first + 1)])), ['ok', 'ok', 'ok'])
    assert.deepEqual(await kept(first), [1])
  }),
)

// What a function raises is its unit's, also where the server uses the code for itself.
const raised = ['40001', '40P01', '53100', '25006', '58030', '57P01', '28P01', 'XX001', '55P03', '57014', 'P0001']
for (const state of raised) {
  test(`${state} of a deferred write fails its unit alone`, options, () =>
    using({}, async (database) => {
      const first = fresh()
      const failing: Body = async (sql) => void (await sql.query('insert into failing (code) values ($1)', [state]))
      assert.deepEqual(await ending(database, [put(first), failing, put(first + 1)]), ['ok', state, 'ok'])
      assert.deepEqual(await kept(first), [0, 1])
    }),
  )
}

for (const when of ['before', 'after'] as const) {
  for (const carrier of ['the trip before COMMIT', 'a read whose error is hidden']) {
    test(`a connection that is lost ${when} deferred writes arrive, with ${carrier}, leaves nothing`, options, () =>
      using({ url: proxied }, async (database) => {
        await database.query('select 1 as one')
        const first = fresh()
        const lost: Body = async (sql) => void (await sql.query(insert, [first, `cut ${first}`]))
        proxy.cut = { at: `cut ${first}`, when }
        const committing = database.commit([put(first + 1), lost, carriers[carrier] as Body])
        await rejectsWithCode(committing, 'FB_DATABASE_UNAVAILABLE')
        assert.equal(proxy.cut, undefined)
        assert.deepEqual(await kept(first), [])
        assert.deepEqual(outcomes(await database.commit([lost, put(first + 1)])), ['ok', 'ok'])
        assert.deepEqual(await kept(first), [0, 1])
      }),
    )
  }
}

test('what became of a COMMIT behind nothing but deferred writes can be asked', options, () =>
  using({ url: proxied, commitDoubtMaxMs: 1000 }, async (database) => {
    const first = fresh()
    await database.query('select 1 as one')
    proxy.cut = { at: 'COMMIT', when: 'after' }
    assert.deepEqual(outcomes(await database.commit([put(first), put(first + 1)])), ['ok', 'ok'])
    assert.equal(proxy.cut, undefined)
    assert.deepEqual(await kept(first), [0, 1])
  }),
)

test('a constraint that is checked at the commit fails it with its own error, and no unit runs again', options, () =>
  using({}, async (database) => {
    const first = fresh()
    let runs = 0
    const dangling: Body = async (sql) => {
      runs++
      await sql.query('insert into links (id) values ($1)', [first + 1])
    }
    assert.equal(await ending(database, [put(first), dangling]), '23503')
    assert.deepEqual([await kept(first), runs], [[], 1])
  }),
)

const sizes = [
  ['many writes', 600, ''],
  ['large writes', 6, 'x'.repeat(100_000)],
  ['one huge write', 1, 'x'.repeat(1_000_000)],
] as const
for (const [name, count, text] of sizes) {
  test(`only so much waits: ${name} are sent before the unit has ended, and make room`, options, () =>
    using({}, async (database) => {
      const first = fresh()
      const seen: boolean[] = []
      const unit: Body = async (sql) => {
        for (let i = 0; i < count; i++) {
          if (i === 1) seen.push(await begun(database))
          await sql.query(insert, [first + i, text])
        }
        seen.push(await begun(database))
        await sql.query('select 1 as room')
        if (count > 1) await sql.query(insert, [first + count, text])
        assert.equal(await newest(database), 'select 1 as room')
      }
      assert.deepEqual(outcomes(await database.commit([unit])), ['ok'])
      assert.deepEqual(seen, count === 1 ? [true] : [false, true])
      assert.equal((await kept(first)).length, count === 1 ? 1 : count + 1)
    }),
  )
}

test('deferred statements are prepared within the bound, however many different ones leave together', options, () =>
  using({ poolMax: 1 }, async (database) => {
    const first = fresh()
    for (let round = 0; round < 2; round++) {
      const unit: Body = async (sql) => {
        for (let i = 0; i < 450; i++)
          await sql.query(`insert into items (id) values ($1 + ${i})`, [first + round * 500])
      }
      assert.deepEqual(outcomes(await database.commit([unit])), ['ok'])
      const [held] = await database.query<{ n: number }>('select count(*) as n from pg_prepared_statements')
      assert.ok(Number(held?.n) <= 202, `${held?.n} statements are held`)
    }
    assert.equal((await kept(first)).length, 900)
  }),
)

test('nothing that a body sees of a failed deferred write is an error of the database', options, () =>
  using({}, async (database) => {
    const first = fresh()
    const seen: unknown[] = []
    const looking: Body = async (sql) => {
      await sql.query('select 1 as one').catch((error) => seen.push(error))
    }
    assert.deepEqual(await ending(database, [put(first), put(first), looking]), ['ok', '23505', 'ok'])
    const [error] = seen
    assert.ok(seen.length === 1 && error instanceof Error && !isFirebreakError(error))
    assert.equal(codeOf(error.cause), '23505')
  }),
)
