/**
 * A server that took over without the last commits, or a database that was put back under a running service: what was
 * acknowledged is gone, and what the service knows does not follow from the database any more.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Database, SqlValue } from '../../../src/contracts/database.ts'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import type { Fact } from '../../../src/contracts/journal.ts'
import type { Log } from '../../../src/contracts/log.ts'
import { verifyLedger } from '../../../src/ledger/verify/verify.ts'
import { createRuntime, type Runtime } from '../../../src/runtime/runtime.ts'
import { sqliteDatabase } from '../../../src/sqlite/database/sqlite-database.ts'
import { memoryLog } from '../../../src/testing/memory-log/memory-log.ts'
import { type VirtualClock, virtualClock } from '../../../src/testing/virtual-time/virtual-clock.ts'
import { Followed, recordOf, writer } from '../../thing-scene.ts'

type Tables = ReadonlyMap<string, readonly Readonly<Record<string, SqlValue>>[]>

async function tablesOf(database: Database): Promise<Tables> {
  const tables = await database.query<{ name: string }>("select name from sqlite_schema where type = 'table'")
  const rows = await Promise.all(tables.map(({ name }) => database.query(`select * from ${name}`)))
  return new Map(tables.map(({ name }, i) => [name, rows[i] ?? []]))
}

async function putBack(database: Database, tables: Tables): Promise<void> {
  for (const [name, rows] of tables) {
    await database.query(`delete from ${name}`)
    for (const row of rows) {
      const places = Object.keys(row).map((_, i) => `$${i + 1}`)
      await database.query(`insert into ${name} values (${places.join(', ')})`, Object.values(row))
    }
  }
}

/** With the counter of events as it was, only the partitions tell. */
async function putBackAllButTheCounter(database: Database, tables: Tables): Promise<void> {
  const [counter] = await database.query(`select value from fb_meta where name = 'outbox-seq'`)
  await putBack(database, tables)
  await database.query(`update fb_meta set value = $1 where name = 'outbox-seq'`, [counter?.['value'] ?? ''])
}

interface Running {
  readonly runtime: Runtime
  readonly facts: readonly Fact[]
}

interface Stage {
  readonly clock: VirtualClock
  readonly log: Log
  readonly database: Database
  start(): Promise<Running>
  stop(running: Running): Promise<void>
  handle(ns: readonly number[]): Promise<void>
}

async function stage(shared: boolean): Promise<Stage> {
  const clock = virtualClock()
  const log = memoryLog({ clock })
  const file = sqliteDatabase({ path: ':memory:' })
  await file.query('create table effects (seq integer primary key, key text, n bigint, event_id text)')
  const database: Database = {
    capabilities: { ...file.capabilities, shared },
    query: (sql, params) => file.query(sql, params),
    commit: (units) => file.commit(units),
    transaction: (body) => file.transaction(body),
    close: () => file.close(),
    [Symbol.asyncDispose]: () => file.close(),
  }
  return {
    clock,
    log,
    database,
    async start() {
      const facts: Fact[] = []
      const service = writer('one', () => {}, { publishes: Followed })
      const runtime = createRuntime({ service, log, database, clock, observe: (fact) => void facts.push(fact) })
      runtime.done.catch(() => undefined)
      await runtime.start()
      return { runtime, facts }
    },
    async stop({ runtime }) {
      const stopping = runtime.stop()
      await clock.advance(5000)
      await stopping
    },
    async handle(ns) {
      await log.append(ns.map(recordOf))
      await clock.advance(5000)
    },
  }
}

/** Not awaited: a service that goes on would be waited for forever. */
const haltOf = ({ facts }: Running): unknown => facts.flatMap((fact) => (fact.kind === 'halted' ? [fact.error] : []))[0]

async function goesOnWithAll({ database, log, start, stop, handle }: Stage): Promise<void> {
  const again = await start()
  await handle([7])
  const effects = await database.query<{ n: number }>('select n from effects order by seq')
  assert.deepEqual(
    effects.map(({ n }) => n),
    [1, 2, 3, 4, 5, 6, 7],
  )
  assert.equal(again.facts.filter(({ kind }) => kind === 'rewound').length, 1)
  await stop(again)
  const { problems } = await verifyLedger(database, { inspection: log.inspect(), group: 'one' })
  assert.deepEqual(problems, [])
  await database.close()
}

test('a service halts at the first commit on a database that has lost commits, and handles them when it starts again', async () => {
  const on = await stage(false)
  const running = await on.start()
  await on.handle([1, 2, 3])
  const before = await tablesOf(on.database)
  await on.handle([4, 5])
  await putBackAllButTheCounter(on.database, before)
  await on.log.append([recordOf(6)])
  await on.clock.advance(5000)
  const error = haltOf(running)
  assert.ok(isFirebreakError(error, 'FB_DATABASE_BEHIND'), String(error))
  await on.stop(running)
  await goesOnWithAll(on)
})

test('a service in which nothing happens notices by itself that a shared database has lost commits', async () => {
  for (const events of [true, false]) {
    const on = await stage(true)
    const running = await on.start()
    await on.handle([1, 2, 3])
    const before = await tablesOf(on.database)
    await on.handle([4, 5, 6])
    await (events ? putBack(on.database, before) : putBackAllButTheCounter(on.database, before))
    await on.clock.advance(3000)
    const error = haltOf(running)
    assert.ok(isFirebreakError(error, 'FB_DATABASE_BEHIND'), String(error))
    assert.match(String(error), events ? /outbox stood at 6, and is at 3/ : /thing.events\/\d stood at/)
    await on.stop(running)
    await goesOnWithAll(on)
  }
})
