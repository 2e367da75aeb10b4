import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isFirebreakError } from '../../src/contracts/errors.ts'
import { dayOf } from '../../src/ledger/inbox-tables.ts'
import { steps } from '../../src/ledger/migrations.ts'
import { outboxShards, readOutbox, shardOf } from '../../src/ledger/outbox.ts'
import { openLedger } from '../../src/ledger/schema.ts'
import { sqliteDatabase } from '../../src/sqlite/sqlite-database.ts'

// What version 1 left behind, as far as later versions change it.
const versionOne = [
  'CREATE TABLE fb_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)',
  `INSERT INTO fb_meta VALUES ('service', 'one'), ('ledger-version', '1'), ('outbox-seq', '3')`,
  `CREATE TABLE fb_outbox (seq BIGINT PRIMARY KEY, topic TEXT NOT NULL, msg_key TEXT, headers TEXT NOT NULL, value BYTEA, at_ms BIGINT NOT NULL)`,
  `INSERT INTO fb_outbox VALUES (1, 't', 'a', '{"ce_id":"1"}', x'01', 5), (2, 't', 'b', '{}', NULL, 5), (3, 't', 'a', '{}', x'03', 5)`,
  'CREATE TABLE fb_parked (position BIGINT PRIMARY KEY, due_at_ms BIGINT)',
  'INSERT INTO fb_parked VALUES (1, 1000)',
]

test('a ledger of version 1 is brought forward with the events that wait in it', async () => {
  const database = sqliteDatabase({ path: ':memory:' })
  for (const statement of versionOne) await database.query(statement)
  await openLedger(database, 'one', 7)
  const all = await Promise.all(Array.from({ length: outboxShards }, (_, shard) => readOutbox(database, shard, 0, 10)))
  const mine = all[shardOf('a', 1)] ?? []
  assert.deepEqual(
    mine.filter(({ record }) => record.key === 'a').map(({ seq }) => seq),
    [1, 3],
  )
  assert.deepEqual(mine[0]?.record.headers, { ce_id: '1' })
  assert.equal(all.flat().length, 3)
  const [parked] = await database.query<{ at_ms: number }>('SELECT at_ms FROM fb_parked')
  assert.equal(parked?.at_ms, 7)
  const [meta] = await database.query<{ value: string }>(`SELECT value FROM fb_meta WHERE name = 'ledger-version'`)
  assert.equal(meta?.value, String(steps.length))
  await openLedger(database, 'one', 7)
  await database.close()
})

test('a ledger of a newer version or of another service is refused and left as it is', async () => {
  const database = sqliteDatabase({ path: ':memory:' })
  await openLedger(database, 'one', 7)
  await assert.rejects(openLedger(database, 'two', 7), (error) => isFirebreakError(error, 'FB_CONFIG'))
  await database.query(`UPDATE fb_meta SET value = '99' WHERE name = 'ledger-version'`)
  await assert.rejects(openLedger(database, 'one', 7), /version 99/)
  await database.close()
})

test('the day of an event id is that of its own time, and of ids without one it is 0', () => {
  const atMs = Date.UTC(2026, 10, 20, 23, 59)
  const hex = atMs.toString(16).padStart(12, '0')
  const id = `${hex.slice(0, 8)}-${hex.slice(8)}-7abc-8def-0123456789ab`
  assert.equal(dayOf(id), Math.floor(atMs / 86_400_000))
  assert.equal(dayOf('3f2b8c1e-0d5a-4c6b-9e7f-1a2b3c4d5e6f'), 0)
  assert.equal(dayOf('/orders#17'), 0)
})
