import { existsSync } from 'node:fs'
import { FirebreakError } from '../../contracts/errors.ts'
import { makePrivateFile } from '../../node/private-files.ts'
import { DatabaseSync } from '../../node/sqlite.ts'
import { asLogError } from './log-errors.ts'
import { sealTables } from './log-tables.ts'

export type LogDurability = 'full' | 'survives-process-crash-only'

// "FBlg": tells a log from any other SQLite file.
const applicationId = 0x46426c67
const formatVersion = 2

const tables = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
INSERT INTO meta VALUES
  ('help', 'records of a topic are in tables records_N, N being partitions.id; committed is per consumer group');
CREATE TABLE topics (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, partitions INTEGER NOT NULL,
  retention_ms REAL, retention_bytes REAL, crc INTEGER
);
CREATE TABLE partitions (
  id INTEGER PRIMARY KEY, topic INTEGER NOT NULL REFERENCES topics, partition INTEGER NOT NULL,
  next_floor INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0, checked_from INTEGER NOT NULL DEFAULT 0,
  crc INTEGER, UNIQUE (topic, partition)
);
CREATE TABLE committed (
  grp TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL, next INTEGER NOT NULL,
  crc INTEGER, PRIMARY KEY (grp, topic, partition)
) WITHOUT ROWID;
CREATE TABLE producers (id INTEGER PRIMARY KEY, seq INTEGER NOT NULL, positions TEXT NOT NULL, at_ms INTEGER NOT NULL);
PRAGMA application_id = ${applicationId};
PRAGMA user_version = ${formatVersion};
`

/** One table per partition: every append is then an insert at the right edge of a B-tree, and retention cuts off its left edge. */
export const recordsTable = (partition: number): string =>
  `CREATE TABLE records_${partition} (offset INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, key TEXT, value BLOB, headers TEXT,
  original BLOB, crc INTEGER)`

/** Version 2: what text cannot say, and checksums. Records that are there already stay as they are, below `checked_from`. */
function bringForward(db: DatabaseSync): void {
  const change = ['ALTER TABLE partitions ADD COLUMN checked_from INTEGER NOT NULL DEFAULT 0']
  for (const table of ['topics', 'partitions', 'committed']) change.push(`ALTER TABLE ${table} ADD COLUMN crc INTEGER`)
  for (const { id } of db.prepare('SELECT id FROM partitions').all()) {
    change.push(
      `ALTER TABLE records_${id} ADD COLUMN original BLOB`,
      `ALTER TABLE records_${id} ADD COLUMN crc INTEGER`,
    )
    const next = `(SELECT max(next_floor, ifnull((SELECT max(offset) + 1 FROM records_${id}), 0)))`
    change.push(`UPDATE partitions SET checked_from = ${next} WHERE id = ${id}`)
  }
  db.exec(`BEGIN IMMEDIATE; ${change.join(';')}`)
  sealTables(db)
  db.exec(`PRAGMA user_version = ${formatVersion}; COMMIT`)
}

export interface WriterOptions {
  readonly database: string
  readonly durability: LogDurability
  /** For tests of a full disk. */
  readonly pageCountMax: number | undefined
}

/** Opens the file for writing, makes its tables when it is new, and refuses a file that is not a log of this format. */
export function openWriter(options: WriterOptions): DatabaseSync {
  let db: DatabaseSync | undefined
  try {
    makePrivateFile(options.database)
    db = new DatabaseSync(options.database, { timeout: 1000 })
    const isNew = recognise(db, options.database)
    const mode = db.prepare('PRAGMA journal_mode = WAL').get()
    if (mode?.['journal_mode'] !== 'wal') throw new Error('this file system cannot share memory between processes')
    // The owner checkpoints itself, between commits; the limit here is a backstop.
    db.exec('PRAGMA wal_autocheckpoint = 16384; PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -8000')
    db.exec(`PRAGMA synchronous = ${options.durability === 'full' ? 'FULL' : 'NORMAL'}`)
    if (options.pageCountMax !== undefined) db.exec(`PRAGMA max_page_count = ${options.pageCountMax}`)
    if (isNew) db.exec(`BEGIN IMMEDIATE; ${tables} COMMIT`)
    else if (versionOf(db) < formatVersion) bringForward(db)
    return db
  } catch (error) {
    db?.close()
    throw asLogError(error, options.database)
  }
}

/** A connection that never writes; `undefined` while there is no log yet. */
export function openReader(database: string): DatabaseSync | undefined {
  if (!existsSync(database)) return undefined
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(database, { readOnly: true, timeout: 1000 })
    if (!recognise(db, database)) return db
    db.close()
    return undefined
  } catch (error) {
    db?.close()
    throw asLogError(error, database)
  }
}

const versionOf = (db: DatabaseSync): number => Number(db.prepare('PRAGMA user_version').get()?.['user_version'])

function recognise(db: DatabaseSync, path: string): boolean {
  const found = Number(db.prepare('PRAGMA application_id').get()?.['application_id'])
  const version = versionOf(db)
  if (found === applicationId) {
    if (version === formatVersion || version === 1) return false
    throw new FirebreakError('FB_LOG_VERSION', { path, found: version, expected: formatVersion })
  }
  const rows = db.prepare('SELECT count(*) AS tables FROM sqlite_schema').get()
  if (found === 0 && version === 0 && rows?.['tables'] === 0) return true
  throw new FirebreakError('FB_LOG_CORRUPT', { path, reason: 'it is a SQLite file of another program' })
}
