import type { CommitOptions, Database, Sql, SqlUnit, Verdict } from '../contracts/database.ts'
import type { FirebreakError } from '../contracts/errors.ts'
import type { Cursor, Log, LogRecord } from '../contracts/log.ts'
import { inTransaction } from '../contracts/sql/in-transaction.ts'

/** One call that the code under test makes on a port. */
export interface PortCall {
  readonly port: 'log' | 'cursor' | 'database'
  readonly method: string
  /** What is appended. */
  readonly records?: readonly LogRecord[]
  /** Lets a commit run all its units and then undo them: a connection lost on the way. Call it before `run`. */
  readonly failInside?: (error: FirebreakError) => void
}

/** What stands between the code under test and its ports. */
export interface Around {
  /** Called instead of the port; calls `run` as often as it likes. */
  call<T>(call: PortCall, run: () => Promise<T>): Promise<T>
  /** Told each statement inside and outside of commits. */
  statement?(sql: string): void
}

/** A log whose every asynchronous call goes through `around`. */
export function aroundLog(log: Log, around: Around): Log {
  const via = <T>(method: string, run: () => Promise<T>): Promise<T> => around.call({ port: 'log', method }, run)
  const wrapped: Log = {
    capabilities: log.capabilities,
    ensureTopics: (topics) => via('ensureTopics', () => log.ensureTopics(topics)),
    append: (records) => around.call({ port: 'log', method: 'append', records }, () => log.append(records)),
    open: (group, topics, options) =>
      via('open', async () => aroundCursor(await log.open(group, topics, options), around)),
    inspect: () => log.inspect(),
    close: () => via('close', () => log.close()),
    [Symbol.asyncDispose]: () => wrapped.close(),
  }
  return wrapped
}

function aroundCursor(cursor: Cursor, around: Around): Cursor {
  const via = <T>(method: string, run: () => Promise<T>): Promise<T> => around.call({ port: 'cursor', method }, run)
  return {
    poll: (limit) => via('poll', () => cursor.poll(limit)),
    commit: (next) => via('commit', () => cursor.commit(next)),
    assignment: () => cursor.assignment(),
    pause: (partitions) => cursor.pause(partitions),
    close: () => via('close', () => cursor.close()),
  }
}

/** A database whose every call goes through `around`. */
export function aroundDatabase(database: Database, around: Around): Database {
  const via = <T>(method: string, run: () => Promise<T>): Promise<T> => around.call({ port: 'database', method }, run)
  const told = (sql: Sql): Sql => ({
    query: (text, params) => {
      around.statement?.(text)
      return sql.query(text, params)
    },
    batch: (text, rows) => {
      around.statement?.(text)
      return sql.batch(text, rows)
    },
  })
  const seen = <T>(unit: SqlUnit<T>): SqlUnit<T> =>
    around.statement === undefined
      ? unit
      : (sql, commit) =>
          unit(told(sql), { before: commit.before, require: () => commit.require(), ledger: told(commit.ledger) })
  const wrapped: Database = {
    capabilities: database.capabilities,
    query: (sql, params) => {
      around.statement?.(sql)
      return via('query', () => database.query(sql, params))
    },
    commit: <T>(all: readonly SqlUnit<T>[], options?: CommitOptions) => {
      let inside: FirebreakError | undefined
      const failInside = (error: FirebreakError): void => {
        inside = error
      }
      const run = (): Promise<readonly Verdict<T>[]> => {
        const units = all.map(seen)
        if (inside !== undefined)
          units.push((_, commit) => {
            commit.require()
            return Promise.reject(inside)
          })
        return database.commit(units, options)
      }
      return around.call({ port: 'database', method: 'commit', failInside }, run)
    },
    transaction: (body) => inTransaction(wrapped, body),
    close: () => via('close', () => database.close()),
    [Symbol.asyncDispose]: () => wrapped.close(),
  }
  return wrapped
}
