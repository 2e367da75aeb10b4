import type { Sql } from '../contracts/database.ts'

/**
 * The conservation ledger: for every partition, at every commit,
 *
 *     consumed = done + duplicate + skipped + parked + dead + discarded
 *
 * where `consumed` is not counted but follows from the positions that are finished: (next - first - gaps) + |above|.
 * Two sides that are written by different code and must agree: a record acknowledged without an outcome, or an outcome
 * without its record, breaks the identity forever and `firebreak verify` finds it.
 */
export interface Accounts {
  done: number
  duplicate: number
  skipped: number
  parked: number
  dead: number
  discarded: number
}

export const noAccounts = (): Accounts => ({
  done: 0,
  duplicate: 0,
  skipped: 0,
  parked: 0,
  dead: 0,
  discarded: 0,
})

export const totalOf = (a: Accounts): number => a.done + a.duplicate + a.skipped + a.parked + a.dead + a.discarded

const move = `UPDATE fb_partitions SET done = done + $3, duplicate = duplicate + $4, skipped = skipped + $5,
  parked = parked + $6, dead = dead + $7, discarded = discarded + $8 WHERE topic = $1 AND part = $2`

/** Moves counts between accounts of a partition without finishing a position: what replay and discard do. */
export async function moveAccounts(
  sql: Sql,
  at: { topic: string; part: number },
  delta: Partial<Accounts>,
): Promise<void> {
  const d = { ...noAccounts(), ...delta }
  await sql.query(move, [at.topic, at.part, d.done, d.duplicate, d.skipped, d.parked, d.dead, d.discarded])
}
