import assert from 'node:assert/strict'
import type { Clock } from '../../contracts/clock.ts'
import type { Database, DatabaseCapabilities, SqlRow, Verdict } from '../../contracts/database.ts'
import { isFirebreakError } from '../../contracts/errors.ts'
import type { ConformanceCase } from './conformance.ts'

/** What a backend gives to the suite. Every case gets a harness of its own, on an empty database. */
export interface DatabaseHarness {
  /** A new handle on the database of this harness; the same database every time, as if from another process. */
  open(settings?: { readonly transactionMaxMs?: number }): Promise<Database>
  readonly clock: Clock
  /**
   * The process behind the handle dies now, in the middle of whatever it does: what `open` finds afterwards is what it
   * left. The handle is not used again, except that it may be closed.
   */
  crash?(database: Database): Promise<void>
  /** Every connection is cut and can be made again; handles that are open must recover by themselves. */
  restart?(): Promise<void>
}

export type DatabaseCase = ConformanceCase<DatabaseCapabilities, DatabaseHarness>

/** A database of the case's own with the table `items (id, name, size)`, closed when the case ends. */
class DatabaseScene {
  readonly database: Database
  readonly harness: DatabaseHarness

  constructor(harness: DatabaseHarness, database: Database) {
    this.harness = harness
    this.database = database
  }

  /** Another handle for the time of `use`. */
  async second(use: (database: Database) => Promise<void>, transactionMaxMs?: number): Promise<void> {
    const database = await this.harness.open(transactionMaxMs === undefined ? {} : { transactionMaxMs })
    try {
      await use(database)
    } finally {
      await database.close()
    }
  }
}

const table = 'create table items (id integer primary key, name text unique, size bigint)'
export const insert = 'insert into items (id, name) values ($1, $2)'

export function databaseCase(
  name: string,
  play: (scene: DatabaseScene) => Promise<void>,
  needs?: DatabaseCase['needs'],
): DatabaseCase {
  const run = async (harness: DatabaseHarness): Promise<void> => {
    const database = await harness.open()
    try {
      await database.query(table)
      await play(new DatabaseScene(harness, database))
    } finally {
      await database.close()
    }
  }
  return needs === undefined ? { name, run } : { name, needs, run }
}

export const severalHandles = (c: DatabaseCapabilities): true | string => c.durable || 'it ends with its only handle'

export async function names(database: Database): Promise<unknown[]> {
  return (await database.query('select name from items order by id')).map((row) => row.name)
}

/** `ok`, or the code or message of the error, per unit. */
export function outcomes(verdicts: readonly Verdict[]): string[] {
  return verdicts.map((verdict) => {
    if (verdict.ok) return 'ok'
    return isFirebreakError(verdict.error) ? verdict.error.code : (verdict.error as Error).message
  })
}

/** Rows without the prototype that a driver gives them. */
export const plain = (rows: readonly SqlRow[]): SqlRow[] => rows.map((row) => ({ ...row }))

/** A point that one side reaches and the other waits for. */
export function gate(): { readonly reached: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { reached: promise, open: resolve }
}

export async function rejectsWithCode(
  promise: Promise<unknown>,
  code: Parameters<typeof isFirebreakError>[1],
): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(isFirebreakError(error, code), `${code} was expected, not ${String(error)}`)
    return true
  })
}
