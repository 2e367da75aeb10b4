import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Database, Sql, SqlUnit } from '../../../src/contracts/database.ts'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import { settleDoubt } from '../../../src/postgres/commit-fate.ts'
import { connectionSettings } from '../../../src/postgres/connection-settings.ts'
import { Connections } from '../../../src/postgres/connections.ts'
import { serverRun } from '../../../src/postgres/link.ts'
import { gate, outcomes, rejectsWithCode } from '../../../src/testing/conformance/database-scene.ts'
import { type CuttingProxy, proxyBefore } from '../kafka/cutting-proxy.ts'
import { ending } from './outcomes.ts'
import { needsPostgres, PostgresScene } from './scene.ts'

/** A unit that looks at nothing but its handle. */
type Body = (sql: Sql) => Promise<void>

const skip = needsPostgres
const options = { skip, timeout: 60_000 }
let scene: PostgresScene
let proxy: CuttingProxy
let proxied: string
before(async () => {
  if (needsPostgres !== false) return
  scene = await PostgresScene.start()
  await scene.rows('create table items (id integer primary key, name text unique)')
  // A handle names a statement once per connection: the word COMMIT is on the wire when it is the connection's first.
  await using(scene.open(), async (database) => {
    await database.query('select 1 as one')
  })
  ;({ proxy, url: proxied } = await proxyBefore(scene.url))
})
after(async () => {
  await proxy?.stop()
  await scene?.end()
})

const put =
  (id: number): Body =>
  async (sql) => {
    await sql.query('insert into items (id) values ($1)', [id])
  }
const has = async (id: number): Promise<boolean> =>
  (await scene.rows('select 1 from items where id = $1', [id])).length > 0

async function using(database: Database, play: (database: Database) => Promise<void>): Promise<void> {
  try {
    await play(database)
  } finally {
    await database.close()
  }
}

test('a commit whose answer is lost has happened, and resolves', options, () =>
  using(scene.open({ url: proxied }), async (database) => {
    await database.query('select 1 as one')
    proxy.cut = { at: 'COMMIT', when: 'after' }
    assert.deepEqual(outcomes(await database.commit([put(1), put(2)])), ['ok', 'ok'])
    assert.equal(proxy.cut, undefined)
    assert.deepEqual([await has(1), await has(2)], [true, true])
  }),
)

test('a commit that never reaches the server has not happened, and rejects', options, () =>
  using(scene.open({ url: proxied }), async (database) => {
    await database.query('select 1 as one')
    proxy.cut = { at: 'COMMIT', when: 'before' }
    await rejectsWithCode(database.commit([put(3)]), 'FB_DATABASE_UNAVAILABLE')
    assert.equal(proxy.cut, undefined)
    assert.equal(await has(3), false)
    assert.deepEqual(outcomes(await database.commit([put(3)])), ['ok'])
  }),
)

test('a commit that nobody can be asked about is unknown', options, () =>
  using(scene.open({ url: proxied, commitDoubtMaxMs: 200 }), async (database) => {
    await database.query('select 1 as one')
    proxy.cut = { at: 'COMMIT', when: 'after', andStay: true }
    await rejectsWithCode(database.commit([put(7)]), 'FB_COMMIT_UNKNOWN')
    assert.equal(await has(7), true)
    proxy.open = true
    assert.deepEqual(outcomes(await database.commit([put(8)])), ['ok'])
  }),
)

test('an id of another run of the server says nothing: the commit is unknown', options, () =>
  using(scene.open({ url: proxied }), async (database) => {
    await database.query('select 1 as one')
    // Stands for a crash: after one, the server has lost its statistics and may give ids out again.
    await scene.rows("select pg_stat_reset_shared('bgwriter')")
    proxy.cut = { at: 'COMMIT', when: 'after' }
    await rejectsWithCode(database.commit([put(9)]), 'FB_COMMIT_UNKNOWN')
    assert.equal(await has(9), true)
  }),
)

test('a transaction that waits for a client who is gone is ended, and has not happened', options, () =>
  using(scene.open(), async (other) => {
    const [inside, proceed] = [gate(), gate()]
    let found: Readonly<Record<string, unknown>> | undefined
    const open = other.commit([
      async (sql) => {
        await put(12)(sql)
        found = (
          await sql.query(`select pg_current_xact_id()::text as id, pg_backend_pid() as pid, ${serverRun} as run`)
        )[0]
        inside.open()
        await proceed.reached
      },
    ])
    await inside.reached
    const { id, pid, run } = found ?? {}
    const cause = new Error('cut')
    const doubt = { transactionId: String(id), backend: Number(pid), run: String(run), cause, inUnit: false }
    const connections = new Connections(connectionSettings({ url: scene.url }))
    await rejectsWithCode(settleDoubt(doubt, connections), 'FB_DATABASE_UNAVAILABLE')
    await connections.close()
    proceed.open()
    await rejectsWithCode(open, 'FB_DATABASE_UNAVAILABLE')
    assert.equal(await has(12), false)
  }),
)

test('a deferred constraint fails the commit with its own error, and nothing is left', options, () =>
  using(scene.open(), async (database) => {
    await database.query('create table links (id integer references items (id) deferrable initially deferred)')
    const dangling: Body = async (sql) => {
      await sql.query('insert into links (id) values (999)')
    }
    await assert.rejects(database.commit([put(4), dangling]), { code: '23503' })
    assert.equal(await has(4), false)
  }),
)

test('a unit that hides the error of a statement has failed all the same, and no other', options, () =>
  using(scene.open(), async (database) => {
    const hiding: Body = async (sql) => {
      await put(5)(sql)
      await sql.query('select 1 / 0').catch(() => {})
    }
    assert.deepEqual(await ending(database, [put(6), hiding]), ['ok', '22012'])
    assert.deepEqual([await has(5), await has(6)], [false, true])
  }),
)

test('a lock that is not given in time fails its unit alone, with the error of the server', options, () =>
  using(scene.open({ lockTimeoutMs: 50 }), (database) =>
    using(scene.open(), async (other) => {
      await database.commit([put(10), put(11)])
      const [locked, proceed] = [gate(), gate()]
      const holding = other.commit([
        async (sql) => {
          // A write with an answer is not deferred: the lock is held from here on.
          await sql.query('update items set name = $1 where id = 10 returning id', ['held'])
          locked.open()
          await proceed.reached
        },
      ])
      await locked.reached
      const rename =
        (id: number): Body =>
        async (sql) => {
          await sql.query('update items set name = $2 where id = $1', [id, `name-${id}`])
        }
      const verdicts = await database.commit([rename(10), rename(11)])
      const [first, second] = verdicts
      assert.ok(first?.ok === false && (first.error as { code?: string }).code === '55P03')
      assert.ok(second?.ok)
      await rejectsWithCode(database.query('update items set name = null where id = 10'), 'FB_DATABASE_BUSY')
      proceed.open()
      assert.deepEqual(outcomes(await holding), ['ok'])
    }),
  ),
)

test('a unit that is out of time while it waits for a lock is undone alone, and at once', options, () =>
  using(scene.open({ transactionMaxMs: 60, lockTimeoutMs: 600_000, statementTimeoutMs: 600_000 }), (database) =>
    using(scene.open({ transactionMaxMs: 600_000 }), async (other) => {
      await database.commit([put(20)])
      const [locked, proceed] = [gate(), gate()]
      const holding = other.commit([
        async (sql) => {
          await sql.query('delete from items where id = 20 returning id')
          locked.open()
          await proceed.reached
        },
      ])
      await locked.reached
      const verdicts = await database.commit([
        async (sql) => {
          await sql.query('delete from items where id = 20')
        },
        put(21),
      ])
      assert.deepEqual(outcomes(verdicts), ['FB_TRANSACTION_TIMEOUT', 'ok'])
      proceed.open()
      await holding
    }),
  ),
)

test('of two commits that wait for each other one is busy, and leaves nothing', options, () =>
  using(scene.open(), (database) =>
    using(scene.open(), async (other) => {
      await database.commit([put(30), put(31)])
      const [one, two] = [gate(), gate()]
      const crossing = (first: number, second: number, mine: typeof one, theirs: typeof one): Body => {
        return async (sql) => {
          await sql.query('update items set name = $2 where id = $1 returning id', [first, `by-${first}`])
          mine.open()
          await theirs.reached
          await sql.query('update items set name = $2 where id = $1', [second, `by-${first}-too`])
        }
      }
      const results = await Promise.allSettled([
        database.commit([crossing(30, 31, one, two)]),
        other.commit([crossing(31, 30, two, one)]),
      ])
      const lost = results.filter((result) => result.status === 'rejected')
      assert.equal(lost.length, 1)
      assert.ok(isFirebreakError(lost[0]?.reason, 'FB_DATABASE_BUSY'))
    }),
  ),
)

test('while the server is away every call rejects, and when it is back the same handle works', options, () =>
  using(scene.open({ url: proxied, connectTimeoutMs: 500 }), async (database) => {
    await database.query('select 1 as one')
    const [inside, proceed] = [gate(), gate()]
    const caught = database.commit([
      put(40),
      async () => {
        inside.open()
        await proceed.reached
      },
    ])
    const rejected = rejectsWithCode(caught, 'FB_DATABASE_UNAVAILABLE')
    await inside.reached
    proxy.open = false
    proxy.cutAll()
    await rejectsWithCode(database.query('select 1 as one'), 'FB_DATABASE_UNAVAILABLE')
    proceed.open()
    await rejected
    for (let attempt = 0; attempt < 3; attempt++) {
      await rejectsWithCode(database.query('select 1 as one'), 'FB_DATABASE_UNAVAILABLE')
      await rejectsWithCode(database.commit([put(41)]), 'FB_DATABASE_UNAVAILABLE')
    }
    proxy.open = true
    assert.deepEqual(outcomes(await database.commit([put(42)])), ['ok'])
    assert.deepEqual([await has(40), await has(41), await has(42)], [false, false, true])
  }),
)

const openSockets = (): number => process.getActiveResourcesInfo().filter((one) => one === 'TCPSocketWrap').length

test('a server that falls silent is given up, and closing does not wait for it', options, async () => {
  const others = openSockets() - proxy.sockets
  await using(scene.open({ url: proxied, statementTimeoutMs: 100, connectTimeoutMs: 200 }), async (database) => {
    await Promise.all([database.query('select 1 as one'), database.query('select 2 as two')])
    proxy.frozen = true
    try {
      await rejectsWithCode(database.query('select 1 as one'), 'FB_DATABASE_UNAVAILABLE')
      await database.close()
      assert.equal(openSockets() - proxy.sockets, others, 'no socket of the handle is left')
    } finally {
      proxy.frozen = false
      proxy.cutAll()
    }
  })
})

test('idle connections that are cut are replaced in silence', options, () =>
  using(scene.open(), async (database) => {
    await Promise.all(Array.from({ length: 5 }, () => database.query('select pg_sleep(0.01)')))
    await scene.cut(scene.nameOf(database))
    const unavailable: unknown[] = []
    for (let attempt = 0; attempt < 20; attempt++) {
      await database.query('select 1 as one').catch((error) => unavailable.push(error))
    }
    assert.ok(unavailable.every((error) => isFirebreakError(error, 'FB_DATABASE_UNAVAILABLE')))
    assert.deepEqual((await database.query('select 1 as one')).length, 1)
  }),
)

test('a server that refuses says why, and the password is in no message', options, async () => {
  const missing = new URL(scene.url)
  missing.pathname = '/no_such_database'
  missing.password = 'hunter2'
  await using(scene.open({ url: missing.href }), async (database) => {
    await assert.rejects(database.query('select 1'), (error) => {
      assert.ok(isFirebreakError(error, 'FB_DATABASE_REFUSED'))
      assert.match(error.message, /no_such_database/)
      assert.doesNotMatch(`${error.stack} ${JSON.stringify(error.detail)}`, /hunter2/)
      return true
    })
  })
})

test('a url without TLS does not lead a handle that wants it around it', options, () =>
  using(scene.open({ url: `${scene.url}?sslmode=disable`, tls: true }), async (database) => {
    // A server without TLS, or with a certificate that nobody knows, is refused.
    const asking = database.query('select ssl from pg_stat_ssl where pid = pg_backend_pid()')
    const outcome = await asking.then(
      ([found]) => found?.['ssl'],
      (error) => error.code,
    )
    assert.ok(outcome === 1 || outcome === 'FB_DATABASE_REFUSED', String(outcome))
  }),
)

test(
  'a user who may not create the schema is told so, and one whose schema is there needs no right',
  options,
  async () => {
    const name = `${new URL(scene.url).pathname.slice(1)}_reader`
    await scene.rows(`create role ${name} login password 'of its own'`)
    const url = new URL(scene.url)
    url.username = name
    url.password = 'of its own'
    try {
      await using(scene.open({ url: url.href, schema: 'not_there' }), (database) =>
        assert.rejects(database.query('select 1'), /"not_there" is missing, and this user may not create it/),
      )
      await using(scene.open({ url: url.href }), async (database) => {
        assert.deepEqual(await database.query('select 1 as one'), [{ one: 1 }])
      })
    } finally {
      await scene.rows(`drop role ${name}`)
    }
  },
)

test(
  'a server that takes no writes is a matter of the set-up, unless the unit has set its own transaction so',
  options,
  () =>
    using(scene.open({ url: `${scene.url}?options=-c%20default_transaction_read_only%3Don` }), async (database) => {
      await rejectsWithCode(database.query('insert into items (id) values (50)'), 'FB_DATABASE_READONLY')
      const ledgers: SqlUnit = async (_, { ledger }) => void (await ledger.query('insert into items (id) values (50)'))
      await rejectsWithCode(database.commit([ledgers]), 'FB_DATABASE_READONLY')
      assert.deepEqual(await ending(database, [put(50)]), ['25006'])
    }),
)

test('a handle that was never used closes, and so does one whose server is away', options, async () => {
  await scene.open().close()
  const away = scene.open({ url: 'postgresql://nobody@127.0.0.1:1/nothing' })
  await rejectsWithCode(away.query('select 1'), 'FB_DATABASE_UNAVAILABLE')
  await away.close()
  await away.close()
})
