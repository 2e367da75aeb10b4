import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import { dayOf } from '../../../src/ledger/inbox-tables.ts'
import { listLetters } from '../../../src/ledger/letters.ts'
import { steps } from '../../../src/ledger/migrations.ts'
import { outboxShards, readOutbox, shardOf } from '../../../src/ledger/outbox.ts'
import { readLane } from '../../../src/ledger/parked.ts'
import { claimPartition } from '../../../src/ledger/partitions.ts'
import { openLedger } from '../../../src/ledger/schema.ts'
import { sqliteDatabase } from '../../../src/sqlite/database/sqlite-database.ts'

// What version 1 left behind, as far as later versions change it.
const versionOne = [
  'CREATE TABLE fb_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)',
  `INSERT INTO fb_meta VALUES ('service', 'one'), ('ledger-version', '1'), ('outbox-seq', '3')`,
  `CREATE TABLE fb_outbox (seq BIGINT PRIMARY KEY, topic TEXT NOT NULL, msg_key TEXT, headers TEXT NOT NULL, value BYTEA, at_ms BIGINT NOT NULL)`,
  `INSERT INTO fb_outbox VALUES (1, 't', 'a', '{"ce_id":"1"}', x'01', 5), (2, 't', 'b', '{}', NULL, 5), (3, 't', 'a', '{}', x'03', 5)`,
  `CREATE TABLE fb_partitions (
    topic TEXT NOT NULL, part BIGINT NOT NULL, epoch BIGINT NOT NULL, holder TEXT,
    first_position BIGINT, next_position BIGINT, above TEXT NOT NULL DEFAULT '', gaps BIGINT NOT NULL DEFAULT 0,
    done BIGINT NOT NULL DEFAULT 0, duplicate BIGINT NOT NULL DEFAULT 0, skipped BIGINT NOT NULL DEFAULT 0,
    parked BIGINT NOT NULL DEFAULT 0, dead BIGINT NOT NULL DEFAULT 0, discarded BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (topic, part))`,
  `INSERT INTO fb_partitions (topic, part, epoch, next_position, above) VALUES ('t', 0, 3, 8, '1-2'), ('t', 1, 1, NULL, '')`,
  `CREATE TABLE fb_parked (
    topic TEXT NOT NULL, part BIGINT NOT NULL, position BIGINT NOT NULL, lane TEXT NOT NULL,
    msg_key TEXT, headers TEXT NOT NULL, value BYTEA, log_at_ms BIGINT NOT NULL,
    due_at_ms BIGINT, attempts TEXT NOT NULL DEFAULT '[]', first_failed_at_ms BIGINT, letter_id TEXT,
    PRIMARY KEY (topic, part, position))`,
  `INSERT INTO fb_parked VALUES ('t', 0, 7, '=a', 'a', '{"ce_id":"4"}', x'04', 5, 9, '[]', 5, NULL)`,
  `CREATE TABLE fb_dead_letters (
    id TEXT PRIMARY KEY, state TEXT NOT NULL, reason TEXT NOT NULL, crash BIGINT NOT NULL DEFAULT 0, hold BIGINT NOT NULL DEFAULT 0,
    topic TEXT NOT NULL, part BIGINT NOT NULL, position BIGINT NOT NULL, lane TEXT NOT NULL,
    event_id TEXT, event_type TEXT, correlation_id TEXT, msg_key TEXT, headers TEXT NOT NULL, value BYTEA, log_at_ms BIGINT NOT NULL,
    error_class TEXT NOT NULL, message TEXT NOT NULL, fingerprint TEXT NOT NULL, attempts TEXT NOT NULL,
    replays BIGINT NOT NULL DEFAULT 0, at_ms BIGINT NOT NULL, history TEXT NOT NULL DEFAULT '[]')`,
  `INSERT INTO fb_dead_letters VALUES ('l', 'open', 'permanent', 0, 0, 't', 0, 3, '=a', '5', 'x', '5', 'a', '{"ce_id":"5"}', x'05', 5,
    'Error', 'bad', 'f', '[]', 0, 6, '[]')`,
]

test('a ledger of version 1 is brought forward with the events, records and letters that wait in it', async () => {
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
  const kept = database.capabilities
  const claims = await database.commit(
    [0, 1].map((partition) => (sql) => claimPartition(sql, { topic: 't', partition }, { holder: 'me', kept })),
  )
  assert.deepEqual(
    claims.map((verdict) => verdict.ok && [verdict.value.next, verdict.value.above]),
    [
      [8, '1-2'],
      [null, ''],
    ],
  )
  const [parked] = await readLane(database, { topic: 't', partition: 0 }, '=a', 10)
  assert.deepEqual([parked?.entry.headers, parked?.dueAtMs, parked?.atMs], [{ ce_id: '4' }, 9, 7])
  const [letter] = await listLetters(database)
  assert.deepEqual([letter?.id, letter?.entry.headers, [...(letter?.entry.value ?? [])]], ['l', { ce_id: '5' }, [5]])
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
