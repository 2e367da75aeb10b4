import type { Database, Sql } from '../database.ts'
import { statementInvalid } from './sql-text.ts'

/** What every `Database.transaction` is: one unit in a commit of its own. **Errors** what `body` throws; those of `commit`. */
export async function inTransaction<T>(database: Pick<Database, 'commit'>, body: (sql: Sql) => Promise<T>): Promise<T> {
  if (typeof body !== 'function') throw statementInvalid('its body is no function', 'database.transaction(body)')
  const [verdict] = await database.commit([(sql) => body(sql)])
  if (verdict === undefined || !verdict.ok) throw verdict?.error
  return verdict.value
}
