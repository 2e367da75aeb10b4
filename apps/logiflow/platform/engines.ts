import { join } from 'node:path'
import { type Database, type Log, type Sql, sqliteDatabase, sqliteLog } from 'firebreak'

/** The one place that names engines: everything else sees the ports. */
export const openLog = (dataDir: string): Log => sqliteLog({ path: join(dataDir, 'log') })

export const openDatabase = (dataDir: string, service: string): Database =>
  sqliteDatabase({ path: join(dataDir, `${service}.db`) })

export const pdfDirOf = (dataDir: string): string => join(dataDir, 'pdf')

/** One unit of work outside a runtime; throws what the unit threw. */
export const inTransaction = async <T>(database: Database, body: (sql: Sql) => Promise<T>): Promise<T> => {
  const results: T[] = []
  const [verdict] = await database.commit([async (sql) => void results.push(await body(sql))])
  if (verdict?.ok === false) throw verdict.error
  return results[0] as T
}

export const createTables = (database: Database, statements: readonly string[]): Promise<void> =>
  inTransaction(database, async (sql) => {
    for (const statement of statements) await sql.query(statement)
  })
