import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Database, Sql } from '../../../src/contracts/database.ts'
import type { PostgresDatabaseOptions } from '../../../src/postgres/connection-settings.ts'
import { gate, outcomes, rejectsWithCode } from '../../../src/testing/conformance/database-scene.ts'
import { committerOn, effectUnit, isFailed, ledgerOutOfTime, outOfTime } from '../../commit-scene.ts'
import { guard } from './outcomes.ts'
import { needsPostgres, PostgresScene } from './scene.ts'

/** A unit that looks at nothing but its handle. */
type Body = (sql: Sql) => Promise<void>

const options = { skip: needsPostgres, timeout: 60_000 }
const hot = 1
let scene: PostgresScene
before(async () => {
  if (needsPostgres !== false) return
  scene = await PostgresScene.start()
  await scene.rows('create table items (id integer primary key)')
  await scene.rows(`insert into items values (${hot})`)
})
after(() => scene?.end())

/** Plays while somebody else holds the row `hot`. */
async function whileLocked(given: PostgresDatabaseOptions, play: (database: Database) => Promise<void>): Promise<void> {
  const [database, other] = [scene.open(given), scene.open({ transactionMaxMs: 600_000 })]
  const [locked, proceed] = [gate(), gate()]
  const holding = other.commit([
    async (sql) => {
      await sql.query('select 1 from items where id = $1 for update', [hot])
      locked.open()
      await proceed.reached
    },
  ])
  try {
    await locked.reached
    await play(database)
  } finally {
    proceed.open()
    await holding
    await Promise.all([database.close(), other.close()])
  }
}

let ids = hot
const fresh = (): number => ++ids
const put =
  (id: number): Body =>
  async (sql) =>
    void (await sql.query('insert into items values ($1)', [id]))
const has = async (id: number): Promise<boolean> =>
  (await scene.rows('select 1 from items where id = $1', [id])).length > 0
const look: Body = async (sql) => void (await sql.query('select 1 as one'))
const take: Body = async (sql) => void (await sql.query('delete from items where id = $1', [hot]))

const firsts: Readonly<Record<string, readonly [Body, string]>> = {
  'a unit that succeeds': [look, 'ok'],
  'a deferred write that waits for a lock': [take, 'FB_TRANSACTION_TIMEOUT'],
}
for (const [name, [first, outcome]] of Object.entries(firsts)) {
  test(`a body that is out of time and still going is not begun again, behind ${name}`, options, () =>
    whileLocked({ transactionMaxMs: 100 }, async (database) => {
      const [proceed, ended, id] = [gate(), gate(), fresh()]
      let runs = 0
      const slow: Body = async (sql) => {
        if (++runs > 1) return
        await look(sql).catch(() => {})
        await proceed.reached
        ended.open()
      }
      const verdicts = await database.commit([first, slow, put(id)])
      proceed.open()
      await ended.reached
      assert.deepEqual([runs, ...outcomes(verdicts)], [1, outcome, 'FB_TRANSACTION_TIMEOUT', 'ok'])
      assert.equal(await has(id), true)
    }),
  )
}

test('a unit that is out of time because of a deferred write of somebody else succeeds in the next run', options, () =>
  whileLocked({ transactionMaxMs: 100 }, async (database) => {
    assert.deepEqual(outcomes(await database.commit([take, look])), ['FB_TRANSACTION_TIMEOUT', 'ok'])
  }),
)

test('units that wait one after the other end their group as busy, and leave nothing', options, () =>
  whileLocked({ transactionMaxMs: 400 }, async (database) => {
    await guard(database)
    const id = fresh()
    let runs = 0
    const waiting: Body = async (sql) => {
      runs++
      await take(sql)
    }
    await rejectsWithCode(database.commit([put(id), ...Array(20).fill(waiting)]), 'FB_DATABASE_BUSY')
    assert.ok(runs <= 5, `${runs} of 20 units have waited`)
    assert.equal(await has(id), false)
    assert.deepEqual(outcomes(await database.commit([put(id), waiting])), ['ok', 'FB_TRANSACTION_TIMEOUT'])
  }),
)

test('a group is not given back as busy while a body in it is going', options, () =>
  whileLocked({ transactionMaxMs: 400 }, async (database) => {
    await guard(database)
    const proceed = gate()
    const units: readonly Body[] = [() => proceed.reached, take, take, take, take, look]
    const verdicts = outcomes(await database.commit(units))
    proceed.open()
    assert.deepEqual(verdicts, [...Array(5).fill('FB_TRANSACTION_TIMEOUT'), 'ok'])
  }),
)

test(
  'a unit that the server has undone in the middle is told so by the committer, and leaves no mark',
  options,
  async () => {
    const database = scene.open({ transactionMaxMs: 2000 })
    await outOfTime(database, async () => undefined)
    await database.close()
  },
)

test('nothing is left of units whose ledger was out of reach for too long', options, async () => {
  await scene.rows('create schema apart')
  const database = scene.open({ searchPath: ['apart'], schema: 'apart', transactionMaxMs: 300 })
  await ledgerOutOfTime(database, async (table) => {
    await scene.rows('begin')
    await scene.rows(`lock table apart.${table}`)
    return () => scene.rows('rollback')
  })
  await database.close()
})

test(
  'a check that a unit has deferred to its end, and that takes too long there, fails the unit',
  options,
  async () => {
    await scene.rows('create table slow (id integer)')
    await scene.rows(`create function takes_long() returns trigger language plpgsql as
    'begin perform pg_sleep(10); return null; end'`)
    await scene.rows(`create constraint trigger takes_long after insert on slow deferrable initially deferred
    for each row execute function takes_long()`)
    await scene.rows('create schema checked')
    const database = scene.open({ searchPath: ['checked', 'public'], schema: 'checked', transactionMaxMs: 300 })
    const committer = await committerOn(database)
    const end = await committer.commit(
      effectUnit(1, async (sql) => {
        await sql.query("set local app.tenant = 'a'")
        await sql.query('insert into slow values (1)')
      }),
    )
    assert.ok(isFailed(end), 'it counts as the fault of the unit')
    await database.close()
  },
)
