import type { Database, DatabaseCapabilities, Sql } from '../contracts/database.ts'
import { FirebreakError, isFirebreakError } from '../contracts/errors.ts'
import { forgottenMarks, makeDays } from './inbox-tables.ts'
import { inLedger } from './ledger-place.ts'
import { steps } from './migrations.ts'

/**
 * Creates the ledger of a service in its database, brings an older one forward, or checks the one that is there. Safe for
 * many instances at once: one of them does it, the others wait and find it done.
 *
 * **Errors** `FB_CONFIG` when the database belongs to another service or to a newer version: two services in one ledger
 * would take each other's events for duplicates.
 */
export async function openLedger(given: Database, service: string, nowMs: number): Promise<void> {
  const database = inLedger(given)
  const [verdict] = await database.commit([(sql) => migrate(sql, database.capabilities, { service, nowMs })])
  if (verdict?.ok === false) throw verdict.error
  // The sweep of the inbox tries again, and tells.
  await makeDays(database, nowMs).catch(() => undefined)
}

async function migrate(
  sql: Sql,
  { dialect, schema }: DatabaseCapabilities,
  { service, nowMs }: { service: string; nowMs: number },
): Promise<void> {
  // Two instances that create the same table at once would fail; SQLite lets only one of them in here anyway.
  if (dialect === 'postgres') await sql.query(lock, [`firebreak ${schema}.`])
  await sql.query('CREATE TABLE IF NOT EXISTS fb_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)')
  const rows = await sql.query<{ name: string; value: string }>('SELECT name, value FROM fb_meta')
  const meta = new Map(rows.map((row) => [row.name, row.value]))
  const version = Number(meta.get('ledger-version') ?? 0)
  refuseForeign(service, meta.get('service') ?? service, version)
  for (const step of steps.slice(version)) {
    try {
      await step(sql, { dialect, nowMs })
    } catch (error) {
      // On a file that nobody else has, a step fails where the version is not that of the tables.
      if (dialect !== 'sqlite' || isFirebreakError(error)) throw error
      throw new FirebreakError('FB_LEDGER_CORRUPT', { table: 'fb_meta', where: `ledger-version ${version}` }, error)
    }
  }
  // An older ledger has forgotten marks that nobody counted.
  if (version === 0) await sql.batch(upsert, [[forgottenMarks, '0']])
  if (version < steps.length) {
    await sql.batch(upsert, [
      ['service', service],
      ['ledger-version', String(steps.length)],
    ])
  }
}

const lock = 'SELECT 1 AS locked FROM (SELECT pg_advisory_xact_lock(hashtext($1))) AS taken'
const upsert = `INSERT INTO fb_meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`

function refuseForeign(service: string, owner: string, version: number): void {
  const problems: string[] = []
  if (owner !== service)
    problems.push(`this database holds the ledger of "${owner}", not of "${service}"; give each service its own`)
  if (version > steps.length)
    problems.push(`the ledger has version ${version}, this firebreak knows ${steps.length}; use the newer firebreak`)
  if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
}

/** The name of the service whose ledger this is; undefined where there is none. */
export async function ledgerOwner(database: Database): Promise<string | undefined> {
  try {
    const rows = await inLedger(database).query<{ value: string }>("SELECT value FROM fb_meta WHERE name = 'service'")
    return rows[0]?.value
  } catch {
    return undefined
  }
}
