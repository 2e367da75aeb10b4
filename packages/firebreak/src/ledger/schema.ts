import type { Database } from '../contracts/database.ts'
import { FirebreakError } from '../contracts/errors.ts'

const ledgerVersion = 1

/**
 * Creates the ledger of a service in its database, or checks the one that is there.
 *
 * **Errors** `FB_CONFIG` when the database belongs to another service or to a newer version: two services in one ledger
 * would take each other's events for duplicates.
 */
export async function openLedger(database: Database, service: string): Promise<void> {
  const [verdict] = await database.commit([
    async (sql) => {
      for (const statement of statements(database.capabilities.dialect)) await sql.query(statement)
      await sql.run('INSERT INTO fb_meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING', [
        ['service', service],
        ['ledger-version', String(ledgerVersion)],
        // The number of the last event that went into the outbox, whether it is still there or not.
        ['outbox-seq', '0'],
      ])
    },
  ])
  if (verdict && !verdict.ok) throw verdict.error
  const rows = await database.query<{ name: string; value: string }>('SELECT name, value FROM fb_meta')
  const meta = new Map(rows.map((row) => [row.name, row.value]))
  const problems: string[] = []
  const owner = meta.get('service')
  if (owner !== service)
    problems.push(`this database holds the ledger of "${owner}", not of "${service}"; give each service its own`)
  const version = meta.get('ledger-version')
  if (version !== String(ledgerVersion))
    problems.push(`the ledger has version ${version}, this firebreak writes ${ledgerVersion}`)
  if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
}

/** The name of the service whose ledger this is; undefined where there is none. */
export async function ledgerOwner(database: Database): Promise<string | undefined> {
  try {
    const rows = await database.query<{ value: string }>("SELECT value FROM fb_meta WHERE name = 'service'")
    return rows[0]?.value
  } catch {
    return undefined
  }
}

function statements(dialect: 'sqlite' | 'postgres'): readonly string[] {
  // The inbox is its primary key and little else: storing it inside the key's tree halves its size and its writes.
  const clustered = dialect === 'sqlite' ? ' WITHOUT ROWID' : ''
  return [
    'CREATE TABLE IF NOT EXISTS fb_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)',
    `CREATE TABLE IF NOT EXISTS fb_partitions (
      topic TEXT NOT NULL, part BIGINT NOT NULL,
      epoch BIGINT NOT NULL, holder TEXT,
      first_position BIGINT, next_position BIGINT, above TEXT NOT NULL DEFAULT '', gaps BIGINT NOT NULL DEFAULT 0,
      done BIGINT NOT NULL DEFAULT 0, duplicate BIGINT NOT NULL DEFAULT 0, skipped BIGINT NOT NULL DEFAULT 0,
      parked BIGINT NOT NULL DEFAULT 0, dead BIGINT NOT NULL DEFAULT 0, discarded BIGINT NOT NULL DEFAULT 0,
      PRIMARY KEY (topic, part))`,
    `CREATE TABLE IF NOT EXISTS fb_inbox (event_id TEXT PRIMARY KEY, at_ms BIGINT NOT NULL, mark BIGINT NOT NULL)${clustered}`,
    `CREATE TABLE IF NOT EXISTS fb_outbox (
      seq BIGINT PRIMARY KEY, topic TEXT NOT NULL, msg_key TEXT, headers TEXT NOT NULL, value BYTEA, at_ms BIGINT NOT NULL)`,
    `CREATE TABLE IF NOT EXISTS fb_parked (
      topic TEXT NOT NULL, part BIGINT NOT NULL, position BIGINT NOT NULL, lane TEXT NOT NULL,
      msg_key TEXT, headers TEXT NOT NULL, value BYTEA, log_at_ms BIGINT NOT NULL,
      due_at_ms BIGINT, attempts TEXT NOT NULL DEFAULT '[]', first_failed_at_ms BIGINT, letter_id TEXT,
      PRIMARY KEY (topic, part, position))`,
    'CREATE INDEX IF NOT EXISTS fb_parked_lane ON fb_parked (topic, part, lane, position)',
    `CREATE TABLE IF NOT EXISTS fb_dead_letters (
      id TEXT PRIMARY KEY, state TEXT NOT NULL, reason TEXT NOT NULL, crash BIGINT NOT NULL DEFAULT 0, hold BIGINT NOT NULL DEFAULT 0,
      topic TEXT NOT NULL, part BIGINT NOT NULL, position BIGINT NOT NULL, lane TEXT NOT NULL,
      event_id TEXT, event_type TEXT, correlation_id TEXT, msg_key TEXT, headers TEXT NOT NULL, value BYTEA, log_at_ms BIGINT NOT NULL,
      error_class TEXT NOT NULL, message TEXT NOT NULL, fingerprint TEXT NOT NULL, attempts TEXT NOT NULL,
      replays BIGINT NOT NULL DEFAULT 0, at_ms BIGINT NOT NULL, history TEXT NOT NULL DEFAULT '[]')`,
    'CREATE INDEX IF NOT EXISTS fb_dead_letters_state ON fb_dead_letters (state, at_ms)',
    `CREATE TABLE IF NOT EXISTS fb_suspects (
      topic TEXT NOT NULL, part BIGINT NOT NULL, position BIGINT NOT NULL, alone BIGINT NOT NULL,
      PRIMARY KEY (topic, part, position))`,
    'CREATE TABLE IF NOT EXISTS fb_leases (name TEXT PRIMARY KEY, holder TEXT NOT NULL, until_ms BIGINT NOT NULL)',
  ]
}
