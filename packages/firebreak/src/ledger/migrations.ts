import type { DatabaseCapabilities, Sql } from '../contracts/database.ts'
import { createInbox, indexMarks } from './inbox-tables.ts'
import { addJobs } from './jobs/job-tables.ts'
import { allSeals, progressSeal, recordSeals, sealOfRow } from './kept.ts'
import { shardOf } from './outbox.ts'

/** What a step needs to know. */
export interface StepPlace {
  readonly dialect: DatabaseCapabilities['dialect']
  readonly nowMs: number
}

type Step = (sql: Sql, at: StepPlace) => Promise<void>

/**
 * Version n of the ledger is what the first n steps make. A step that was ever released stays as it is; what changes is a
 * new step at the end.
 */
export const steps: readonly Step[] = [
  createTables,
  shardOutbox,
  indexMarks,
  keepBlocked,
  dateParked,
  keepTime,
  keepOriginals,
  addJobs,
]

// Ids are compared byte by byte, as JavaScript does: the database's language must not change their order.
const idOf = ({ dialect }: StepPlace): string => (dialect === 'postgres' ? 'TEXT COLLATE "C"' : 'TEXT')

async function createTables(sql: Sql, at: StepPlace): Promise<void> {
  const id = idOf(at)
  await sql.query(`CREATE TABLE fb_partitions (
    topic TEXT NOT NULL, part BIGINT NOT NULL,
    epoch BIGINT NOT NULL, holder TEXT,
    first_position BIGINT, next_position BIGINT, above TEXT NOT NULL DEFAULT '', gaps BIGINT NOT NULL DEFAULT 0,
    done BIGINT NOT NULL DEFAULT 0, duplicate BIGINT NOT NULL DEFAULT 0, skipped BIGINT NOT NULL DEFAULT 0,
    parked BIGINT NOT NULL DEFAULT 0, dead BIGINT NOT NULL DEFAULT 0, discarded BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (topic, part))`)
  await createInbox(sql, at)
  await sql.query(`CREATE TABLE fb_outbox (
    seq BIGINT PRIMARY KEY, topic TEXT NOT NULL, msg_key TEXT, headers TEXT NOT NULL, value BYTEA, at_ms BIGINT NOT NULL)`)
  await sql.query(`CREATE TABLE fb_parked (
    topic TEXT NOT NULL, part BIGINT NOT NULL, position BIGINT NOT NULL, lane TEXT NOT NULL,
    msg_key TEXT, headers TEXT NOT NULL, value BYTEA, log_at_ms BIGINT NOT NULL,
    due_at_ms BIGINT, attempts TEXT NOT NULL DEFAULT '[]', first_failed_at_ms BIGINT, letter_id TEXT,
    PRIMARY KEY (topic, part, position))`)
  await sql.query(`CREATE INDEX fb_parked_lane ON fb_parked (topic, part, lane, position)`)
  await sql.query(`CREATE TABLE fb_dead_letters (
    id ${id} PRIMARY KEY, state TEXT NOT NULL, reason TEXT NOT NULL, crash BIGINT NOT NULL DEFAULT 0, hold BIGINT NOT NULL DEFAULT 0,
    topic TEXT NOT NULL, part BIGINT NOT NULL, position BIGINT NOT NULL, lane TEXT NOT NULL,
    event_id TEXT, event_type TEXT, correlation_id TEXT, msg_key TEXT, headers TEXT NOT NULL, value BYTEA, log_at_ms BIGINT NOT NULL,
    error_class TEXT NOT NULL, message TEXT NOT NULL, fingerprint TEXT NOT NULL, attempts TEXT NOT NULL,
    replays BIGINT NOT NULL DEFAULT 0, at_ms BIGINT NOT NULL, history TEXT NOT NULL DEFAULT '[]')`)
  await sql.query(`CREATE INDEX fb_dead_letters_state ON fb_dead_letters (state, at_ms)`)
  await sql.query(`CREATE TABLE fb_suspects (
    topic TEXT NOT NULL, part BIGINT NOT NULL, position BIGINT NOT NULL, alone BIGINT NOT NULL,
    PRIMARY KEY (topic, part, position))`)
  await sql.query(`CREATE TABLE fb_leases (name TEXT PRIMARY KEY, holder TEXT NOT NULL, until_ms BIGINT NOT NULL)`)
  await sql.batch('INSERT INTO fb_meta (name, value) VALUES ($1, $2)', [['outbox-seq', '0']])
}

/** Several instances send at the same time, each its own shards; people's decisions get a number that instances watch. */
async function shardOutbox(sql: Sql, at: StepPlace): Promise<void> {
  interface Old extends Record<string, unknown> {
    readonly seq: number
    readonly topic: string
    readonly msg_key: string | null
    readonly headers: string
    readonly value: Uint8Array | null
  }
  // Instances of the version before may be at work.
  if (at.dialect === 'postgres') await sql.query('LOCK TABLE fb_outbox IN ACCESS EXCLUSIVE MODE')
  const waiting = await sql.query<Old>('SELECT seq, topic, msg_key, headers, value FROM fb_outbox ORDER BY seq')
  await sql.query('DROP TABLE fb_outbox')
  const clustered = at.dialect === 'sqlite' ? ' WITHOUT ROWID' : ''
  await sql.query(`CREATE TABLE fb_outbox (
    shard BIGINT NOT NULL, seq BIGINT NOT NULL, topic TEXT NOT NULL, msg_key TEXT, headers TEXT NOT NULL, value BYTEA,
    at_ms BIGINT NOT NULL, PRIMARY KEY (shard, seq))${clustered}`)
  const rows = waiting.map(({ seq, topic, msg_key: key, headers, value }) => {
    return [shardOf(key, seq), seq, topic, key, headers, value, at.nowMs]
  })
  const insert =
    'INSERT INTO fb_outbox (shard, seq, topic, msg_key, headers, value, at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7)'
  if (rows.length > 0) await sql.batch(insert, rows)
  await sql.batch('INSERT INTO fb_meta (name, value) VALUES ($1, $2)', [['desk-seq', '0']])
}

/** What the log refuses is kept with its reason, until it goes or a person decides. */
async function keepBlocked(sql: Sql): Promise<void> {
  await sql.query(`CREATE TABLE fb_blocked_events (
    seq BIGINT PRIMARY KEY, shard BIGINT NOT NULL, state TEXT NOT NULL, topic TEXT NOT NULL, msg_key TEXT,
    event_id TEXT, event_type TEXT, error_class TEXT NOT NULL, message TEXT NOT NULL, at_ms BIGINT NOT NULL,
    tries BIGINT NOT NULL DEFAULT 1, trying_until_ms BIGINT NOT NULL DEFAULT 0,
    headers TEXT, value BYTEA, history TEXT NOT NULL)`)
  await sql.query('CREATE INDEX fb_blocked_events_state ON fb_blocked_events (state, seq)')
}

/** How long a parked record waits follows from two dates of one clock, instead of one date that another clock reads. */
async function dateParked(sql: Sql, { nowMs }: StepPlace): Promise<void> {
  await sql.query('ALTER TABLE fb_parked ADD COLUMN at_ms BIGINT NOT NULL DEFAULT 0')
  await sql.query('UPDATE fb_parked SET at_ms = $1', [nowMs])
}

/** Marks are dated by the time of the ledger, which goes on from what the dates of the older ones are. */
async function keepTime(sql: Sql, { nowMs }: StepPlace): Promise<void> {
  await sql.batch('INSERT INTO fb_meta (name, value) VALUES ($1, $2)', [['ledger-time', String(nowMs)]])
}

const sealedAtOnce = 500

/** What text leaves out of a record is kept, and rows of SQLite are sealed; those of PostgreSQL that are there stay as they are. */
async function keepOriginals(sql: Sql, { dialect }: StepPlace): Promise<void> {
  for (const table of [...recordSeals.map((sealed) => sealed.table), 'fb_blocked_events'])
    await sql.query(`ALTER TABLE ${table} ADD COLUMN original BYTEA`)
  for (const { table } of allSeals) await sql.query(`ALTER TABLE ${table} ADD COLUMN seal BIGINT`)
  if (dialect !== 'sqlite') return
  for (const sealed of allSeals) {
    const { table, columns, place } = sealed
    const unsealed = `SELECT ${columns.join(', ')} FROM ${table} WHERE seal IS NULL`
    const isDone = sealed === progressSeal ? ' AND next_position IS NOT NULL' : ''
    const seal = `UPDATE ${table} SET seal = $1 WHERE ${place.map((name, i) => `${name} = $${i + 2}`).join(' AND ')}`
    for (;;) {
      const rows = await sql.query(`${unsealed}${isDone} LIMIT ${sealedAtOnce}`)
      if (rows.length === 0) break
      await sql.batch(
        seal,
        rows.map((row) => [sealOfRow(sealed, row), ...place.map((name) => row[name] ?? null)]),
      )
    }
  }
}
