import type { Database } from '../contracts/database.ts'
import { invariant } from '../contracts/errors.ts'

const keep = `INSERT INTO fb_meta (name, value) VALUES ('ledger-id', $1) ON CONFLICT (name) DO NOTHING`
const select = "SELECT value FROM fb_meta WHERE name = 'ledger-id'"

/** What tells this ledger from every other one; `fresh` makes it where it has none yet. All instances of a service read the same. */
export async function ledgerId(database: Database, fresh: () => string): Promise<string> {
  const [known] = await database.query<{ value: string }>(select)
  if (known !== undefined) return known.value
  const [verdict] = await database.commit([async (sql) => void (await sql.query(keep, [fresh()]))])
  if (verdict?.ok === false) throw verdict.error
  const [kept] = await database.query<{ value: string }>(select)
  invariant(kept !== undefined, 'a ledger has an identity')
  return kept.value
}
