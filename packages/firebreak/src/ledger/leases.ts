import type { Sql } from '../contracts/database.ts'

const take = `INSERT INTO fb_leases (name, holder, until_ms) VALUES ($1, $2, $3)
  ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_ms = excluded.until_ms
  WHERE fb_leases.holder = excluded.holder OR fb_leases.until_ms <= $4 RETURNING holder`
const drop = 'DELETE FROM fb_leases WHERE name = $1 AND holder = $2'

/** Takes or renews a lease; false while somebody else holds it. Times are the database's users' clocks: keep them close. */
export async function takeLease(
  sql: Sql,
  lease: { name: string; holder: string; nowMs: number; forMs: number },
): Promise<boolean> {
  const rows = await sql.query(take, [lease.name, lease.holder, lease.nowMs + lease.forMs, lease.nowMs])
  return rows.length > 0
}

export async function dropLease(sql: Sql, name: string, holder: string): Promise<void> {
  await sql.query(drop, [name, holder])
}
