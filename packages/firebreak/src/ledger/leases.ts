import type { Clock } from '../contracts/clock.ts'
import type { Sql } from '../contracts/database.ts'

/** Who asks, and after what time without a sign of its holder a lease is over. */
export interface LeaseTerms {
  readonly holder: string
  readonly clock: Pick<Clock, 'now' | 'monotonic'>
  readonly forMs: number
  readonly watch: LeaseWatch
}

export interface Held {
  readonly held: readonly number[]
  readonly taken: readonly number[]
}

/** `until_ms` only grows: each renewal moves it, so that others see that the holder lives. No clock is compared with it. */
export interface LeaseRow {
  readonly name: string
  readonly holder: string
  readonly until_ms: number
}

const select = 'SELECT name, holder, until_ms FROM fb_leases'
// As a date it is for people, and for instances of an older version, which go by it.
const take = `INSERT INTO fb_leases (name, holder, until_ms) VALUES ($1, $2, $3)
  ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_ms =
    CASE WHEN excluded.until_ms > fb_leases.until_ms THEN excluded.until_ms ELSE fb_leases.until_ms + 1 END
  WHERE fb_leases.holder = excluded.holder OR (fb_leases.holder = $4 AND fb_leases.until_ms = $5) RETURNING holder`
const drop = 'DELETE FROM fb_leases WHERE name = $1 AND holder = $2'
const dropAll = 'DELETE FROM fb_leases WHERE holder = $1'
const forget = 'DELETE FROM fb_leases WHERE name = $1 AND holder = $2 AND until_ms = $3'
// Long after its lease ended, an instance that never said that it ends is forgotten.
const forgottenAfterMs = 60_000

const shardName = (shard: number): string => `outbox ${shard}`
const isMember = ({ name }: LeaseRow): boolean => name.startsWith('relay ')

/**
 * What one instance has seen of the leases of others. A lease is over when it has not moved for its whole time, as the clock
 * that never goes back counts here: clocks need not agree, and a date from a clock that was ahead holds nobody up.
 *
 * I1 At most one entry for each row of the table at the last look.
 */
export class LeaseWatch {
  #seen: ReadonlyMap<string, { readonly row: LeaseRow; readonly sinceMs: number }> = new Map()

  /** `atMs`: not before the rows were read. */
  look(rows: readonly LeaseRow[], atMs: number): void {
    const seen = rows.map((row) => {
      const known = this.#seen.get(row.name)
      const isStill = known?.row.holder === row.holder && known.row.until_ms === row.until_ms
      return [row.name, isStill ? known : { row, sinceMs: atMs }] as const
    })
    this.#seen = new Map(seen)
  }

  /** For how long it has not moved, as far as this instance has seen. */
  stillMs({ name }: LeaseRow, atMs: number): number {
    return atMs - (this.#seen.get(name)?.sinceMs ?? atMs)
  }
}

/**
 * Takes, renews and gives back shards of the outbox, so that instances that ask hold about as many each. Resolves to those
 * held by `terms.holder` for `forMs` from when it was called, and those of them that somebody else may have had since it last
 * asked.
 *
 * **Guarantee** A shard has one holder at most. No clocks are compared: only their pace has to be the same.
 */
export async function leaseShards(sql: Sql, terms: LeaseTerms, shards: number): Promise<Held> {
  const { holder, forMs, watch } = terms
  const rows = await sql.query<LeaseRow>(select)
  const atMs = terms.clock.monotonic()
  watch.look(rows, atMs)
  const isOver = (row: LeaseRow): boolean => watch.stillMs(row, atMs) >= forMs
  const others = rows.filter((row) => isMember(row) && row.holder !== holder && !isOver(row))
  const fair = Math.ceil(shards / (others.length + 1))
  const byName = new Map(rows.map((row) => [row.name, row]))
  const all = Array.from({ length: shards }, (_, shard) => ({ shard, row: byName.get(shardName(shard)) }))
  const mine = all.filter(({ row }) => row?.holder === holder).slice(0, fair)
  const free = all.filter(({ row }) => row === undefined || (row.holder !== holder && isOver(row)))
  const wanted = new Set([...mine, ...free].slice(0, fair))
  const held: number[] = []
  const taken: number[] = []
  await lease(sql, { name: `relay ${holder}`, row: undefined }, terms)
  // Upwards, whatever has to be done: two instances that lock rows in one order cannot wait for each other.
  for (const one of all) {
    const name = shardName(one.shard)
    if (wanted.has(one)) {
      if (!(await lease(sql, { name, row: one.row }, terms))) continue
      held.push(one.shard)
      if (one.row?.holder !== holder) taken.push(one.shard)
    } else if (one.row?.holder === holder) await sql.query(drop, [name, holder])
  }
  for (const row of rows) {
    if (isMember(row) && row.holder !== holder && watch.stillMs(row, atMs) > forgottenAfterMs)
      await sql.query(forget, [row.name, row.holder, row.until_ms])
  }
  return { held, taken }
}

/** Gives everything back: the next to ask need not wait. */
export async function dropLeases(sql: Sql, holder: string): Promise<void> {
  await sql.query(dropAll, [holder])
}

/** `row`: what was seen of it; who renews it meanwhile keeps it. */
async function lease(
  sql: Sql,
  { name, row }: { name: string; row: LeaseRow | undefined },
  { holder, clock, forMs }: LeaseTerms,
): Promise<boolean> {
  const seen = [row?.holder ?? null, row?.until_ms ?? null]
  return (await sql.query(take, [name, holder, clock.now() + forMs, ...seen])).length > 0
}
