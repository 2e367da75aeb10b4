import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Database } from '../../../src/contracts/database.ts'
import { Inbox } from '../../../src/ledger/inbox.ts'
import { makeDays } from '../../../src/ledger/inbox-tables.ts'
import { inLedger } from '../../../src/ledger/ledger-place.ts'
import { openLedger } from '../../../src/ledger/schema.ts'
import { gate } from '../../../src/testing/conformance/database-scene.ts'
import { needsPostgres, PostgresScene } from './scene.ts'

const dayMs = 86_400_000
const windowMs = 7 * dayMs
const today = 20_600
const noon = today * dayMs + dayMs / 2

let scene: PostgresScene
before(async () => {
  if (needsPostgres === false) scene = await PostgresScene.start()
})
after(async () => {
  if (needsPostgres === false) await scene.end()
})

/** An id of version 7 that was made then. */
function idAt(atMs: number, n: number): string {
  const hex = atMs.toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-${String(n).padStart(12, '0')}`
}

let ledgers = 0
async function ledger(
  nowMs: number,
): Promise<{ database: Database; inbox: Inbox; schema: string; failure: readonly unknown[] }> {
  const schema = `ledger_${++ledgers}`
  const database = scene.open({ schema })
  await openLedger(database, 'one', nowMs)
  const failure: unknown[] = []
  const inbox = new Inbox(database, { windowMs, random: () => 0.5, onError: (error) => void failure.push(error) })
  return { database, schema, inbox, failure }
}

const mark = (database: Database, inbox: Inbox, ids: readonly string[], atMs: number): Promise<unknown> =>
  inLedger(database).commit([async (sql) => void (await inbox.mark(sql, ids, atMs))])

/** Where the marks are, as `day` or `other`, and how many. */
async function marks(schema: string): Promise<Readonly<Record<string, number>>> {
  const tables = await scene.rows(`select tablename as name from pg_tables where schemaname = $1 order by 1`, [schema])
  const counts: Record<string, number> = {}
  for (const { name } of tables as { name: string }[]) {
    if (!name.startsWith('fb_inbox_')) continue
    const [row] = await scene.rows(`select count(*)::int as n from ${schema}.${name}`)
    if (Number(row?.['n']) > 0) counts[name.slice('fb_inbox_'.length)] = Number(row?.['n'])
  }
  return counts
}

const dayTables = async (schema: string): Promise<readonly number[]> =>
  (await scene.rows(`select tablename as name from pg_tables where schemaname = $1`, [schema]))
    .map(({ name }) => Number(/^fb_inbox_(\d+)$/.exec(String(name))?.[1]))
    .filter((day) => !Number.isNaN(day))
    .sort()

test('marks are kept by the day of their id, and a day goes as a whole when all of it is beyond the window', {
  skip: needsPostgres,
}, async () => {
  const { database, inbox, schema } = await ledger(noon)
  await mark(database, inbox, [idAt(noon, 1), idAt(noon, 2), idAt(noon - dayMs, 3), '/foreign#4'], noon)
  assert.deepEqual(await marks(schema), { [today]: 2, [today - 1]: 1, other: 1 })
  assert.deepEqual([...(await inbox.find([idAt(noon, 1), '/foreign#4', '/foreign#5']))].sort(), [
    '/foreign#4',
    idAt(noon, 1),
  ])
  // An event of the first day that is handled late is remembered from then on.
  await mark(database, inbox, [idAt(noon - dayMs, 6)], noon + 5 * dayMs)
  await inbox.sweepWhenDue(noon + 9 * dayMs)
  assert.deepEqual(await marks(schema), { [today - 1]: 2 })
  await inbox.sweepWhenDue(noon + 20 * dayMs)
  assert.deepEqual(await marks(schema), {})
  assert.ok(!(await dayTables(schema)).includes(today - 1))
  await database.close()
})

test('a day that has marks among the walked ones keeps no later day from being made', {
  skip: needsPostgres,
}, async () => {
  const { database, inbox, schema } = await ledger(noon)
  // A clock far ahead: its day has no table yet.
  await mark(database, inbox, [idAt(noon + 30 * dayMs, 1)], noon)
  assert.deepEqual(await marks(schema), { other: 1 })
  await makeDays(inLedger(database), noon + 30 * dayMs)
  const days = await dayTables(schema)
  assert.ok(!days.includes(today + 30))
  assert.ok(days.includes(today + 31) && days.includes(today + 37))
  await database.close()
})

test('a service that starts after weeks finds a table for the first mark of its day', {
  skip: needsPostgres,
}, async () => {
  const { database, inbox, schema } = await ledger(noon)
  const later = noon + 40 * dayMs
  await openLedger(database, 'one', later)
  await mark(database, inbox, [idAt(later, 1)], later)
  assert.deepEqual(await marks(schema), { [today + 40]: 1 })
  await database.close()
})

test('the mark of an old event that is on its way keeps its day', { skip: needsPostgres }, async () => {
  const { database, inbox, schema } = await ledger(noon)
  await mark(database, inbox, [idAt(noon - dayMs, 1)], noon - dayMs)
  const [marked, goOn] = [gate(), gate()]
  const later = noon + 9 * dayMs
  // Made before: what waits for the lock below is the drop.
  await makeDays(inLedger(database), later)
  const marking = inLedger(database).commit([
    async (sql) => {
      await inbox.mark(sql, [idAt(noon - dayMs, 2)], later)
      marked.open()
      await goOn.reached
    },
  ])
  await marked.reached
  const sweeping = inbox.sweepWhenDue(later)
  await waitsForLock()
  goOn.open()
  await Promise.all([marking, sweeping])
  await inbox.sweepWhenDue(later + dayMs / 12)
  assert.deepEqual(await marks(schema), { [today - 1]: 2 })
  await database.close()
})

test('a table that only looks like a day, and a lock on the inbox, are told and stop nothing', {
  skip: needsPostgres,
}, async () => {
  const { database, inbox, schema, failure } = await ledger(noon)
  await scene.rows(`create table ${schema}.fb_inbox_backup (event_id text)`)
  await mark(database, inbox, [idAt(noon, 1)], noon)
  const [locked, goOn] = [gate(), gate()]
  const dumping = database.commit([
    async (sql) => {
      await sql.query(`select 1 from ${schema}.fb_inbox limit 1`)
      locked.open()
      await goOn.reached
    },
  ])
  await locked.reached
  await inbox.sweepWhenDue(noon + 9 * dayMs)
  assert.equal(failure.length, 1)
  assert.deepEqual(await marks(schema), { [today]: 1 })
  goOn.open()
  await dumping
  await inbox.sweepWhenDue(noon + 10 * dayMs)
  assert.deepEqual(await marks(schema), {})
  assert.equal(failure.length, 1)
  await database.close()
})

async function waitsForLock(): Promise<void> {
  for (;;) {
    const rows = await scene.rows(`select 1 from pg_locks where not granted`)
    if (rows.length > 0) return
  }
}
