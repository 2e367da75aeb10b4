import type { Database, SqlRow } from '../../contracts/database.ts'
import { errorMessage } from '../../contracts/errors.ts'
import { allSeals, damaged, type Sealed, sealOfRow } from '../kept.ts'

const pageRows = 500
const reportedMax = 20

/**
 * What is damaged in the file of a ledger, in words: rows that are not what was written, and what SQLite says of the
 * structures around them. Reads all of it. Empty on PostgreSQL, which has checksums of its pages.
 */
export async function damagedRows(database: Database): Promise<readonly string[]> {
  if (database.capabilities.dialect !== 'sqlite') return []
  const found: string[] = []
  for (const sealed of allSeals) found.push(...(await badSeals(database, sealed)))
  found.push(...(await numbersBehind(database)))
  const rows = await database.query<{ said: string }>('SELECT integrity_check AS said FROM pragma_integrity_check')
  for (const { said } of rows) if (said !== 'ok') found.push(`SQLite finds: ${said}`)
  return found
}

async function badSeals(database: Database, sealed: Sealed): Promise<readonly string[]> {
  const { table, columns, place } = sealed
  const order = place.join(', ')
  const found: string[] = []
  for (let offset = 0; ; offset += pageRows) {
    const page = `SELECT ${columns.join(', ')}, seal FROM ${table} ORDER BY ${order} LIMIT ${pageRows} OFFSET ${offset}`
    const rows = await database.query<SqlRow>(page)
    for (const row of rows) if (row['seal'] !== sealOfRow(sealed, row)) found.push(errorMessage(damaged(sealed, row)))
    if (rows.length < pageRows) break
  }
  if (found.length <= reportedMax) return found
  return [...found.slice(0, reportedMax), `and ${found.length - reportedMax} more rows of ${table}`]
}

/** A number that is given again would put an event before one that is older. */
async function numbersBehind(database: Database): Promise<readonly string[]> {
  const [row] = await database.query<{ counter: string | null; highest: number | null }>(
    `SELECT (SELECT value FROM fb_meta WHERE name = 'outbox-seq') AS counter, (SELECT max(seq) FROM fb_outbox) AS highest`,
  )
  const counter = /^\d+$/.test(row?.counter ?? '') ? Number(row?.counter) : undefined
  const highest = row?.highest ?? 0
  if (counter !== undefined && counter >= highest) return []
  return [`the counter of the outbox stands at ${row?.counter ?? 'nothing'}, and its highest number is ${highest}`]
}
