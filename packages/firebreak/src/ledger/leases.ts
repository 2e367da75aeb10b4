import type { Sql } from '../contracts/database.ts'

/** Who asks, and for how long. Times are the clocks of the database's users: keep them close. */
export interface LeaseTerms {
  readonly holder: string
  readonly nowMs: number
  readonly forMs: number
}

export interface Held {
  readonly held: readonly number[]
  readonly taken: readonly number[]
}

interface Row {
  readonly name: string
  readonly holder: string
  readonly until_ms: number
}

const select = 'SELECT name, holder, until_ms FROM fb_leases'
const take = `INSERT INTO fb_leases (name, holder, until_ms) VALUES ($1, $2, $3)
  ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_ms = excluded.until_ms
  WHERE fb_leases.holder = excluded.holder OR fb_leases.until_ms <= $4 RETURNING holder`
const drop = 'DELETE FROM fb_leases WHERE name = $1 AND holder = $2'
const dropAll = 'DELETE FROM fb_leases WHERE holder = $1'
const forget = "DELETE FROM fb_leases WHERE name LIKE 'relay %' AND until_ms < $1"
// Long after its lease ended, an instance that never said goodbye is forgotten.
const forgottenAfterMs = 60_000

const shardName = (shard: number): string => `outbox ${shard}`

/**
 * Takes, renews and gives back shards of the outbox, so that instances that ask hold about as many each. Resolves to those
 * held by `terms.holder` until `nowMs + forMs`, and those of them that somebody else may have had since it last asked.
 *
 * **Guarantee** A shard has one holder at most, as far as clocks agree.
 */
export async function leaseShards(sql: Sql, terms: LeaseTerms, shards: number): Promise<Held> {
  const { holder, nowMs } = terms
  const rows = await sql.query<Row>(select)
  const others = rows.filter((row) => row.name.startsWith('relay ') && row.until_ms > nowMs && row.holder !== holder)
  const fair = Math.ceil(shards / (others.length + 1))
  const byName = new Map(rows.map((row) => [row.name, row]))
  const all = Array.from({ length: shards }, (_, shard) => ({ shard, row: byName.get(shardName(shard)) }))
  const mine = all.filter(({ row }) => row?.holder === holder).slice(0, fair)
  const free = all.filter(({ row }) => row === undefined || (row.until_ms <= nowMs && row.holder !== holder))
  const wanted = new Set([...mine, ...free].slice(0, fair))
  const held: number[] = []
  const taken: number[] = []
  await lease(sql, `relay ${holder}`, terms)
  // Upwards, whatever has to be done: two instances that lock rows in one order cannot wait for each other.
  for (const one of all) {
    const name = shardName(one.shard)
    if (wanted.has(one)) {
      if (!(await lease(sql, name, terms))) continue
      held.push(one.shard)
      if (one.row?.holder !== holder) taken.push(one.shard)
    } else if (one.row?.holder === holder) await sql.query(drop, [name, holder])
  }
  await sql.query(forget, [nowMs - forgottenAfterMs])
  return { held, taken }
}

/** Gives everything back: the next to ask need not wait. */
export async function dropLeases(sql: Sql, holder: string): Promise<void> {
  await sql.query(dropAll, [holder])
}

async function lease(sql: Sql, name: string, { holder, nowMs, forMs }: LeaseTerms): Promise<boolean> {
  return (await sql.query(take, [name, holder, nowMs + forMs, nowMs])).length > 0
}
