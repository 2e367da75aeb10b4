import type { Sql } from '../contracts/database.ts'
import type { Partition } from '../contracts/log.ts'
import type { Accounts } from './accounts.ts'

/** What the ledger knows of a partition when a member claims it. */
export interface Claim {
  readonly epoch: number
  /** The next position to finish; null before the first record. */
  readonly next: number | null
  /** Finished positions above `next`; `above.ts` has the grammar. */
  readonly above: string
  /** The member before did not release it: it died, and something that it was handling may have killed it. */
  readonly unclean: boolean
}

interface ClaimRow {
  readonly epoch: number
  readonly holder: string | null
  readonly next_position: number | null
  readonly above: string
}

const insertRow = `INSERT INTO fb_partitions (topic, part, epoch, holder) VALUES ($1, $2, 0, NULL)
  ON CONFLICT (topic, part) DO NOTHING`
// Raising the epoch first locks the row on engines with row locks; the old holder is read behind that lock.
const raiseEpoch =
  'UPDATE fb_partitions SET epoch = epoch + 1 WHERE topic = $1 AND part = $2 RETURNING epoch, holder, next_position, above'
const setHolder = 'UPDATE fb_partitions SET holder = $3 WHERE topic = $1 AND part = $2'
const dropHolder = 'UPDATE fb_partitions SET holder = NULL WHERE topic = $1 AND part = $2 AND epoch = $3'
const lockEpoch = 'UPDATE fb_partitions SET epoch = epoch WHERE topic = $1 AND part = $2 AND epoch = $3'
const finish = `UPDATE fb_partitions SET first_position = COALESCE(first_position, $3), next_position = $4, above = $5, gaps = gaps + $6,
  done = done + $7, duplicate = duplicate + $8, skipped = skipped + $9, parked = parked + $10, dead = dead + $11,
  discarded = discarded + $12 WHERE topic = $1 AND part = $2`

/** Takes a partition over. From here on a commit with an older epoch is fenced. */
export async function claimPartition(sql: Sql, at: Partition, holder: string): Promise<Claim> {
  await sql.query(insertRow, [at.topic, at.partition])
  const [row] = await sql.query<ClaimRow>(raiseEpoch, [at.topic, at.partition])
  await sql.query(setHolder, [at.topic, at.partition, holder])
  return {
    epoch: row?.epoch ?? 1,
    next: row?.next_position ?? null,
    above: row?.above ?? '',
    unclean: (row?.holder ?? null) !== null,
  }
}

/** Lets a partition go cleanly: whoever claims it next need not suspect anything. */
export async function releasePartition(sql: Sql, at: Partition, epoch: number): Promise<void> {
  await sql.query(dropHolder, [at.topic, at.partition, epoch])
}

/** Which claims are outdated; holds the rows of the others until the transaction ends, so that they stay theirs. */
export async function notHeld<C extends Partition & { readonly epoch: number }>(
  sql: Sql,
  claims: readonly C[],
): Promise<readonly C[]> {
  if (claims.length === 0) return claims
  const rowOf = (claim: C): [string, number, number] => [claim.topic, claim.partition, claim.epoch]
  if ((await sql.run(lockEpoch, claims.map(rowOf))) === claims.length) return []
  const lost: C[] = []
  for (const claim of claims) if ((await sql.run(lockEpoch, [rowOf(claim)])) === 0) lost.push(claim)
  return lost
}

export interface Progress {
  readonly at: Partition
  /** First position this service ever saw; only the first call for a partition sets it. */
  readonly first: number
  readonly next: number
  readonly above: string
  /** Positions finished by this commit that hold no record. */
  readonly gaps: number
  readonly delta: Accounts
}

/** Writes both sides of the ledger, partition by partition: which positions are finished, and under which accounts. */
export async function recordProgress(sql: Sql, all: readonly Progress[]): Promise<void> {
  await sql.run(
    finish,
    all.map(({ at, first, next, above, gaps, delta: d }) => {
      const counts = [d.done, d.duplicate, d.skipped, d.parked, d.dead, d.discarded]
      return [at.topic, at.partition, first, next, above, gaps, ...counts]
    }),
  )
}
