import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { eventBytes, perSecond } from '../common/settings.ts'

/**
 * The floor under every figure: SQLite in one process, WAL, synchronous=FULL, one table, one prepared statement, and
 * nothing else. `rowsPerCommit` 1 is what an awaited publish cannot beat, 1000 what a piped one cannot.
 */
export function rawAppendPerSec(folder: string, rowsPerCommit: number, rows: number): number {
  const db = new DatabaseSync(join(folder, `raw-${rowsPerCommit}.db`))
  db.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=4000')
  db.exec('CREATE TABLE log (id INTEGER PRIMARY KEY, value BLOB NOT NULL)')
  const insert = db.prepare('INSERT INTO log (value) VALUES (?)')
  const value = Buffer.alloc(eventBytes - 4, 'x')
  const started = performance.now()
  for (let done = 0; done < rows; done += rowsPerCommit) {
    db.exec('BEGIN IMMEDIATE')
    for (let i = 0; i < rowsPerCommit; i++) insert.run(value)
    db.exec('COMMIT')
  }
  const rate = perSecond(rows, performance.now() - started)
  db.close()
  return rate
}
