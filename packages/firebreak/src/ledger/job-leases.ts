import type { Database, Sql } from '../contracts/database.ts'
import type { LeaseRow } from './leases.ts'

const named = (holder: string): string => `jobs ${holder}`

const select = "SELECT name, holder, until_ms FROM fb_leases WHERE name >= 'jobs ' AND name < 'jobs!'"
// Only grows, so that others see that its holder lives, whatever the clocks show.
const renew = `INSERT INTO fb_leases (name, holder, until_ms) VALUES ($1, $2, $3)
  ON CONFLICT (name) DO UPDATE SET until_ms =
    CASE WHEN excluded.until_ms > fb_leases.until_ms THEN excluded.until_ms ELSE fb_leases.until_ms + 1 END
  WHERE fb_leases.holder = excluded.holder RETURNING holder`
const drop = 'DELETE FROM fb_leases WHERE name = $1'
const dropStill = 'DELETE FROM fb_leases WHERE name = $1 AND until_ms = $2 RETURNING name'

/** The leases of all instances that run jobs: who does not renew its own is dead. */
export const readJobLeases = (database: Pick<Database, 'query'>): Promise<readonly LeaseRow[]> =>
  database.query<LeaseRow>(select)

/** Before the first claim, and again and again: jobs of a holder without a lease are given to others. */
export async function renewJobLease(sql: Sql, holder: string, untilMs: number): Promise<void> {
  await sql.query(renew, [named(holder), holder, untilMs])
}

export async function dropJobLease(sql: Sql, holder: string): Promise<void> {
  await sql.query(drop, [named(holder)])
}

/** False when its holder has renewed it since it was read. */
export async function dropStillLease(sql: Sql, { name, until_ms: untilMs }: LeaseRow): Promise<boolean> {
  return (await sql.query(dropStill, [name, untilMs])).length > 0
}
