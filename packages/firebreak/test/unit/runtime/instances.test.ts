import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Database, Sql } from '../../../src/contracts/database.ts'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import type { Fact } from '../../../src/contracts/journal.ts'
import type { Log, LogRecord } from '../../../src/contracts/log.ts'
import { LeaseWatch, leaseShards } from '../../../src/ledger/leases.ts'
import { openLedger } from '../../../src/ledger/schema.ts'
import { verifyLedger } from '../../../src/ledger/verify/verify.ts'
import { createRuntime } from '../../../src/runtime/runtime.ts'
import { sqliteDatabase } from '../../../src/sqlite/database/sqlite-database.ts'
import { memoryLog } from '../../../src/testing/memory-log/memory-log.ts'
import { memoryLogStore } from '../../../src/testing/memory-log/memory-log-store.ts'
import { virtualClock } from '../../../src/testing/virtual-time/virtual-clock.ts'
import { named } from '../../named.ts'
import { Followed, Happened, publishAll, recordOf, scene, writer } from '../../thing-scene.ts'

const forMs = 2000

const hourMs = 3_600_000

for (const [aheadMs, clocks] of [
  [0, 'the same clocks'],
  [hourMs, 'a clock that is an hour behind'],
  [-24 * hourMs, 'a clock that is a day ahead'],
] as const) {
  test(`instances that ask share the shards of the outbox evenly, and take those of one that is gone: ${clocks}`, async () => {
    const database = sqliteDatabase({ path: ':memory:' })
    await openLedger(database, 'one', 0)
    const asker = (holder: string, wallMs: number) => {
      const watch = new LeaseWatch()
      return async (atMs: number): Promise<readonly number[]> => {
        const clock = { now: () => wallMs + atMs, monotonic: () => atMs }
        let held: readonly number[] = []
        await database.commit([
          async (sql) => {
            held = (await leaseShards(sql, { holder, clock, forMs, watch }, 8)).held
          },
        ])
        return held
      }
    }
    const [askA, askB] = [asker('a', 100 * hourMs + aheadMs), asker('b', 100 * hourMs)]
    assert.equal((await askA(0)).length, 8)
    assert.deepEqual(await askB(100), [])
    const a = await askA(1000)
    const b = await askB(1100)
    assert.deepEqual([a.length, b.length], [4, 4])
    assert.deepEqual([...a, ...b].sort(), [0, 1, 2, 3, 4, 5, 6, 7])
    // `a` is gone: nobody has what it held until its lease has not moved for its whole time.
    assert.deepEqual(await askB(3099), b)
    assert.equal((await askB(3100)).length, 8)
    await database.close()
  })
}

test('a lease that is renewed while somebody takes it for over stays where it is', async () => {
  const database = sqliteDatabase({ path: ':memory:' })
  await openLedger(database, 'one', 0)
  const [watchA, watchB] = [new LeaseWatch(), new LeaseWatch()]
  const clockAt = (atMs: number) => ({ now: () => 0, monotonic: () => atMs })
  const held = async (holder: string, watch: LeaseWatch, atMs: number, sql: Sql): Promise<number> =>
    (await leaseShards(sql, { holder, clock: clockAt(atMs), forMs, watch }, 8)).held.length
  await database.commit([
    async (sql) => {
      assert.equal(await held('a', watchA, 0, sql), 8)
      assert.equal(await held('b', watchB, 0, sql), 0)
      // What B has read is out of date before it writes.
      const late: Sql = {
        ...sql,
        query: async (text, params) => {
          const rows = await sql.query(text, params)
          if (text.startsWith('SELECT')) await held('a', watchA, 2000, sql)
          return rows as never
        },
      }
      assert.equal(await held('b', watchB, 2000, late), 0)
    },
  ])
  await database.close()
})

test('events that one instance commits reach the log through the shards of another, in order', async () => {
  const { app, effects } = await scene([writer('one', () => {}, { publishes: Followed })])
  await named(app, 'one').restart()
  await named(app, 'one').restart()
  const things = Array.from({ length: 120 }, (_, i) => [`k${i % 12}`, i] as const)
  for (let from = 0; from < things.length; from += 20) {
    await publishAll(app, things.slice(from, from + 20))
    await app.advance(1500)
  }
  await app.advance(10_000)
  assert.equal((await effects('one')).length, 120)
  const followed = await app.published(Followed)
  assert.equal(followed.length, 120)
  for (let key = 0; key < 12; key++) {
    const ns = followed.filter(({ payload }) => payload.id === `k${key}`).map(({ payload }) => payload.n)
    assert.deepEqual(
      ns,
      ns.toSorted((a, b) => a - b),
    )
  }
  const holders = await named(app, 'one').database.query<{ holder: string }>('SELECT DISTINCT holder FROM fb_leases')
  assert.ok(holders.length > 1, 'more than one instance has been sending')
  assert.equal((await named(app, 'one').ledger()).outbox, 0)
  await app.stop()
})

/** A log whose members could run on several machines. */
const acrossMachines = (log: Log): Log =>
  new Proxy(log, {
    get(target, name) {
      if (name === 'capabilities') return { ...target.capabilities, multiMachine: true }
      const found = Reflect.get(target, name)
      return typeof found === 'function' ? found.bind(target) : found
    },
  })

test('a database that is not shared refuses to start beside another member of the group, and says why', async () => {
  const clock = virtualClock()
  const store = memoryLogStore()
  const one = writer('one')
  const log = acrossMachines(memoryLog({ clock, store }))
  await log.ensureTopics([{ name: Happened.topic }])
  const member = await log.open('one', [Happened.topic])
  const database = sqliteDatabase({ path: ':memory:' })
  const runtime = createRuntime({ service: one, log, database, clock, observe: false })
  const refused = assert.rejects(runtime.start(), (error) => {
    assert.ok(isFirebreakError(error, 'FB_CONFIG'))
    assert.match(error.message, /one has 1 members.*PostgreSQL/)
    return true
  })
  for (let i = 0; i < 70; i++) await clock.advance(500)
  await refused
  await runtime.stop()
  await member.close()

  // The member before us has died, and the log notices after a while.
  const ghost = await log.open('one', [Happened.topic])
  const patient = createRuntime({ service: one, log, database, clock, observe: false })
  const started = patient.start()
  await clock.advance(5000)
  await ghost.close()
  await clock.advance(1000)
  await started
  // Somebody else comes all the same: what it takes must not take effect twice.
  const halted = assert.rejects(patient.done, /one has 2 members/)
  const intruder = await log.open('one', [Happened.topic])
  await clock.advance(10_000)
  await halted
  await intruder.close()
  await patient.stop()
  await database.close()
})

test('a service without commits starts where it is told to', async () => {
  const clock = virtualClock()
  const log = memoryLog({ clock })
  const database = sqliteDatabase({ path: ':memory:' })
  const seen: number[] = []
  const one = writer('one', (it) => void seen.push(it.n))
  await database.query('create table effects (seq integer primary key, key text, n bigint, event_id text)')
  await log.ensureTopics([{ name: Happened.topic }])
  await log.append([recordOf(1)])
  const runtime = createRuntime({ service: one, log, database, clock, observe: false, startFrom: 'latest' })
  await runtime.start()
  await clock.advance(100)
  await log.append([recordOf(2)])
  await clock.advance(100)
  assert.deepEqual(seen, [2])
  const stopping = runtime.stop()
  await clock.advance(1000)
  await stopping
  await database.close()
})

test('a database that was put back to an earlier time reads again what came since, and ends where it should', async () => {
  const clock = virtualClock()
  const log = memoryLog({ clock })
  const one = writer('one')
  const fresh = async (): Promise<Database> => {
    const database = sqliteDatabase({ path: ':memory:' })
    await database.query('create table effects (seq integer primary key, key text, n bigint, event_id text)')
    return database
  }
  const run = async (database: Database, ns: readonly number[]): Promise<Fact[]> => {
    const facts: Fact[] = []
    const runtime = createRuntime({ service: one, log, database, clock, observe: (fact) => void facts.push(fact) })
    await runtime.start()
    await log.append(ns.map(recordOf))
    await clock.advance(5000)
    const stopping = runtime.stop()
    await clock.advance(5000)
    await stopping
    return facts
  }
  await log.ensureTopics([{ name: Happened.topic }])
  const [database, backup] = [await fresh(), await fresh()]
  await run(database, [1, 2, 3])
  const tables = await database.query<{ name: string }>("select name from sqlite_schema where type = 'table'")
  for (const { name } of tables) await copyTable(database, backup, name)
  await run(database, [4, 5])
  const facts = await run(backup, [6])
  const effects = await backup.query<{ n: number }>('select n from effects order by seq')
  assert.deepEqual(
    effects.map(({ n }) => n),
    [1, 2, 3, 4, 5, 6],
  )
  assert.deepEqual(
    facts.flatMap((fact) => (fact.kind === 'rewound' ? [fact.to] : [])),
    [3],
  )
  const ledger = await verifyLedger(backup, { inspection: log.inspect(), group: 'one' })
  assert.deepEqual(ledger.problems, [])
  await Promise.all([database.close(), backup.close()])
})

test('a ledger that has finished more than its log holds stops the service, and says so', async () => {
  const clock = virtualClock()
  // One that has never heard of the group, and one that came back from a copy together with what the group had told it.
  for (const told of [undefined, 1]) {
    const database = sqliteDatabase({ path: ':memory:' })
    await database.query('create table effects (seq integer primary key, key text, n bigint, event_id text)')
    const run = async (log: Log, records: readonly LogRecord[]): Promise<unknown> => {
      const runtime = createRuntime({ service: writer('one'), log, database, clock, observe: false })
      const done = runtime.done.catch((error) => error)
      await runtime.start()
      await log.append(records)
      await clock.advance(5000)
      const stopping = runtime.stop()
      await clock.advance(5000)
      await stopping
      return done
    }
    await run(memoryLog({ clock }), [recordOf(1), recordOf(2), recordOf(3)])
    const other = memoryLog({ clock })
    if (told !== undefined) await tellAbout(other, [recordOf(1), recordOf(2)], told)
    const error = await run(other, [])
    assert.ok(isFirebreakError(error, 'FB_LOG_TRUNCATED'), String(error))
    assert.match(error.message, told === undefined ? /finished up to 2.*ends at 0/ : /finished up to 2.*ends at 2/)
    await database.close()
  }
})

/** A log with records of which the group has read some. */
async function tellAbout(log: Log, records: readonly LogRecord[], told: number): Promise<void> {
  await log.ensureTopics([{ name: Happened.topic }])
  const [first] = await log.append(records)
  const cursor = await log.open('one', [Happened.topic])
  await cursor.poll({ recordsMax: 10, waitMs: 0, signal: AbortSignal.timeout(1000) })
  await cursor.commit([{ topic: Happened.topic, partition: first?.partition ?? 0, offset: told }])
  await cursor.close()
}

async function copyTable(from: Database, to: Database, table: string): Promise<void> {
  const [made] = await from.query<{ sql: string }>('select sql from sqlite_schema where name = $1', [table])
  if (table.startsWith('fb_')) await to.query(made?.sql ?? '')
  for (const row of await from.query(`select * from ${table}`)) {
    const places = Object.keys(row).map((_, i) => `$${i + 1}`)
    await to.query(`insert into ${table} values (${places.join(', ')})`, Object.values(row))
  }
}
