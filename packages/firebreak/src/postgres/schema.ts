import { FirebreakError } from '../contracts/errors.ts'
import type { ConnectionSettings } from './connection-settings.ts'
import type { Link } from './link.ts'
import { isForbidden } from './postgres-errors.ts'
import type { Step } from './round-trip.ts'

const exists = 'SELECT 1 FROM pg_namespace WHERE nspname = $1'
// Creating a schema "if it does not exist" still fails when two try at once: they take turns.
const takeTurn = "SELECT pg_advisory_xact_lock(hashtextextended('firebreak schema ' || $1, 0))"

/** Creates the ledger's schema unless it is there; safe when many instances start at once. */
export async function ensureSchema(link: Link, settings: ConnectionSettings): Promise<void> {
  const { schema, path } = settings
  const [found] = await link.answers([{ text: exists, values: [schema] }])
  if ((found?.rows.length ?? 0) > 0) return
  const step = (text: string, ...values: string[]): Step => ({ text, values })
  try {
    await link.answers([
      step('BEGIN'),
      step(takeTurn, schema),
      step(`CREATE SCHEMA IF NOT EXISTS "${schema}"`),
      step('COMMIT'),
    ])
  } catch (error) {
    if (link.broken === undefined) await link.answers([step('ROLLBACK')])
    if (!isForbidden(error)) throw error
    const reason = `schema "${schema}" is missing, and this user may not create it`
    throw new FirebreakError('FB_DATABASE_REFUSED', { path, reason }, error)
  }
}
