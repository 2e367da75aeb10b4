import { dirname } from 'node:path'
import type { StatementSync } from 'node:sqlite'
import type { SqlParam, SqlRow, SqlValue } from '../../contracts/database.ts'
import { errorMessage, FirebreakError, isFirebreakError } from '../../contracts/errors.ts'
import type { SqlTexts } from '../../contracts/sql/sql-text.ts'
import { fileIsGone, fileWatch } from '../../node/file-watch.ts'
import { makePrivateFile, makePrivateFolder } from '../../node/private-files.ts'
import { boundValues } from '../../node/sql-values.ts'
import { DatabaseSync } from '../../node/sqlite.ts'
import { databaseError } from './database-errors.ts'
import { readsOnly, runMany, runStatement, StatementCache } from './database-statement.ts'
import { Integers } from './integers.ts'

export interface ConnectionSettings {
  readonly path: string
  /** The statements of its database. */
  readonly texts: SqlTexts
  readonly durability: 'full' | 'survives-process-crash-only'
}

// Longer waits are made on the clock, not inside SQLite: there they would stop the event loop.
const blockingMs = 5
const statementsMax = 200
// 16 MB of log between checkpoints: they run on the committing thread, so they should be rare.
const checkpointPages = 4000
// What one large transaction leaves of it is given back: reading it again, after a death on a full disk, takes room too.
const logBytesMax = 64 * 1024 * 1024

export type ControlStatements = Readonly<Record<'begin' | 'commit' | 'savepoint' | 'undo' | 'release', StatementSync>>

/** One connection with its prepared statements. Errors of the engine leave it as firebreak errors. */
export class Connection {
  readonly raw: DatabaseSync
  readonly control: ControlStatements
  readonly #path: string
  readonly #statements: StatementCache
  readonly #integers = new Integers()
  readonly #isThere: () => boolean

  constructor(raw: DatabaseSync, { path, texts }: Pick<ConnectionSettings, 'path' | 'texts'>) {
    this.raw = raw
    this.control = {
      begin: raw.prepare('begin immediate'),
      commit: raw.prepare('commit'),
      savepoint: raw.prepare('savepoint unit'),
      undo: raw.prepare('rollback to unit'),
      release: raw.prepare('release unit'),
    }
    this.#path = path
    this.#isThere = path === ':memory:' ? () => true : fileWatch(path)
    this.#statements = new StatementCache(raw, texts, statementsMax)
  }

  rows(sql: string, params: readonly SqlParam[]): readonly SqlRow[] {
    const prepared = this.#statements.get(sql)
    return runStatement(prepared, this.#integers.bind(boundValues(prepared.source, params)))
  }

  /** A statement of its own, with values that were checked before. **Errors** as `commit`. */
  rowsOf(sql: string, values: readonly SqlValue[]): readonly SqlRow[] {
    const prepared = this.#statements.get(sql)
    try {
      return runStatement(prepared, this.#integers.bind([...values]))
    } catch (error) {
      // For what it does on a full disk; the engine's own error leaves.
      this.mapped(error)
      throw error
    } finally {
      if (!readsOnly(prepared.source)) this.#refuseIfGone()
    }
  }

  run(sql: string, rows: readonly (readonly SqlParam[])[]): number {
    return runMany(this.#statements.get(sql), rows, this.#integers)
  }

  /** **Errors** `FB_DATABASE_CORRUPT`: what has been committed is lost. */
  commit(): void {
    this.control.commit.run()
    this.#refuseIfGone()
  }

  #refuseIfGone(): void {
    if (!this.#isThere()) throw new FirebreakError('FB_DATABASE_CORRUPT', { path: this.#path, reason: fileIsGone })
  }

  mapped(error: unknown): unknown {
    const mapped = databaseError(error, this.#path)
    if (isFirebreakError(mapped, 'FB_DATABASE_FULL') && !this.raw.isTransaction) this.#reuseLog()
    return mapped
  }

  /** On a full disk the log cannot grow, and may be far from where it is emptied by itself: emptied, it is room again. */
  #reuseLog(): void {
    try {
      this.raw.exec('pragma wal_checkpoint(passive)')
    } catch {
      // What is in it needs more room than there is: it stays, readable.
    }
  }
}

/** Throws the engine's own error, so that the caller can tell a busy file from a broken one. */
export function openWriter(settings: ConnectionSettings): Connection {
  const { path } = settings
  makeParent(path)
  if (path !== ':memory:') makePrivateFile(path)
  const raw = new DatabaseSync(path, {
    timeout: blockingMs,
    enableForeignKeyConstraints: true,
  })
  try {
    const mode = raw.prepare('pragma journal_mode = wal').get()?.journal_mode
    if (path !== ':memory:' && mode !== 'wal') {
      throw new FirebreakError('FB_DATABASE_READONLY', {
        path,
        reason: `its file system allows only journal ${mode}`,
      })
    }
    raw.exec(`pragma synchronous = ${settings.durability === 'full' ? 'full' : 'normal'}`)
    raw.exec(`pragma temp_store = memory; pragma wal_autocheckpoint = ${checkpointPages}`)
    raw.exec(`pragma journal_size_limit = ${logBytesMax}`)
    // The first read makes the files beside it, which the connection watches.
    raw.prepare('select count(*) from sqlite_schema').get()
    return new Connection(raw, settings)
  } catch (error) {
    raw.close()
    throw error
  }
}

/** A second connection for reads beside an open transaction; it sees what is committed and can change nothing. */
export function openReader(settings: Pick<ConnectionSettings, 'path' | 'texts'>): Connection {
  const raw = new DatabaseSync(settings.path, { timeout: blockingMs, readOnly: true })
  raw.exec('pragma temp_store = memory')
  return new Connection(raw, settings)
}

function makeParent(path: string): void {
  if (path === ':memory:') return
  try {
    makePrivateFolder(dirname(path))
  } catch (error) {
    throw new FirebreakError('FB_DATABASE_READONLY', { path, reason: errorMessage(error) }, error)
  }
}
