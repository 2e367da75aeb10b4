import type { Database, DatabaseCapabilities, Sql, SqlRow } from '../contracts/database.ts'
import { FirebreakError } from '../contracts/errors.ts'
import { type Partition, partitionId } from '../contracts/log.ts'
import type { Accounts } from './accounts.ts'
import { checkSeals, progressSeal, sealOf } from './kept.ts'

/** What the ledger knows of a partition when a member claims it. */
export interface Claim {
  /** Raised by every claim, and by every commit of its owner. */
  readonly epoch: number
  readonly holder: string
  /** The next position to finish; null before the first record. */
  readonly next: number | null
  /** Finished positions above `next`; `above.ts` has the grammar. */
  readonly above: string
  /** The member before did not release it: it died, and something that it was handling may have killed it. */
  readonly unclean: boolean
}

interface ClaimRow extends SqlRow {
  readonly epoch: number
  readonly holder: string | null
  readonly next_position: number | null
  readonly above: string
}

const insertRow = `INSERT INTO fb_partitions (topic, part, epoch, holder) VALUES ($1, $2, 0, NULL)
  ON CONFLICT (topic, part) DO NOTHING`
// Raising the epoch first locks the row on engines with row locks; the old holder is read behind that lock.
const raiseEpoch =
  'UPDATE fb_partitions SET epoch = epoch + 1 WHERE topic = $1 AND part = $2 RETURNING topic, part, epoch, holder, next_position, above, seal'
const setHolder = 'UPDATE fb_partitions SET holder = $3 WHERE topic = $1 AND part = $2'
const dropHolder = `UPDATE fb_partitions SET holder = NULL
  WHERE topic = $1 AND part = $2 AND holder = $3 AND epoch BETWEEN $4 AND $5`
const advance =
  'UPDATE fb_partitions SET epoch = epoch + 1 WHERE topic = $1 AND part = $2 AND epoch = $3 AND holder = $4'
const one = 'SELECT epoch, holder FROM fb_partitions WHERE topic = $1 AND part = $2'
const all = 'SELECT topic, part, epoch FROM fb_partitions'
const finish = `UPDATE fb_partitions SET first_position = COALESCE(first_position, $3), next_position = $4, above = $5, gaps = gaps + $6,
  done = done + $7, duplicate = duplicate + $8, skipped = skipped + $9, parked = parked + $10, dead = dead + $11,
  discarded = discarded + $12, seal = $13 WHERE topic = $1 AND part = $2`

/** Takes a partition over. From here on a commit with an older epoch is fenced. **Errors** `FB_LEDGER_CORRUPT`. */
export async function claimPartition(
  sql: Sql,
  at: Partition,
  { holder, kept }: { readonly holder: string; readonly kept: Pick<DatabaseCapabilities, 'dialect'> },
): Promise<Claim> {
  await sql.query(insertRow, [at.topic, at.partition])
  const [row] = checkSeals(progressSeal, await sql.query<ClaimRow>(raiseEpoch, [at.topic, at.partition]), kept)
  await sql.query(setHolder, [at.topic, at.partition, holder])
  return {
    epoch: row?.epoch ?? 1,
    holder,
    next: row?.next_position ?? null,
    above: row?.above ?? '',
    unclean: (row?.holder ?? null) !== null,
  }
}

/**
 * Lets a partition go cleanly: its next owner need not suspect anything. Resolves to whether it was still ours. A
 * commit that was left behind may have raised the epoch once more than we know.
 */
export async function releasePartition(
  sql: Sql,
  { topic, partition, epoch, holder }: Partition & Pick<Claim, 'epoch' | 'holder'>,
): Promise<boolean> {
  return (await sql.batch(dropHolder, [[topic, partition, holder, epoch, epoch + 1]])) > 0
}

/**
 * Raises the epoch of each claim, and holds their rows until the transaction ends, so that they stay ours. Resolves to the
 * claims that somebody else has taken over.
 *
 * **Errors** `FB_DATABASE_BEHIND` where the database knows less of a claim than it has committed.
 */
export async function advanceEpochs<C extends Partition & Pick<Claim, 'epoch' | 'holder'>>(
  sql: Sql,
  claims: readonly C[],
): Promise<readonly C[]> {
  if (claims.length === 0) return claims
  const rows = claims.map(({ topic, partition, epoch, holder }) => [topic, partition, epoch, holder])
  if ((await sql.batch(advance, rows)) === claims.length) return []
  const lost: C[] = []
  for (const claim of claims) {
    const [row] = await sql.query<Pick<ClaimRow, 'epoch' | 'holder'>>(one, [claim.topic, claim.partition])
    if (row?.epoch === claim.epoch + 1 && row.holder === claim.holder) continue
    if ((row?.epoch ?? 0) < claim.epoch) throw behind(partitionId(claim), claim.epoch, row?.epoch ?? 0)
    lost.push(claim)
  }
  return lost
}

/** An instance that still holds a partition that its service reads no more must claim it again before it commits. */
export async function fencePartition(sql: Sql, at: Partition): Promise<void> {
  await sql.query(raiseEpoch, [at.topic, at.partition])
}

/** The epochs of all partitions, by id, as the database has them. */
export async function readEpochs(database: Pick<Database, 'query'>): Promise<ReadonlyMap<string, number>> {
  const rows = await database.query<{ topic: string; part: number; epoch: number }>(all)
  return new Map(rows.map(({ topic, part, epoch }) => [partitionId({ topic, partition: part }), epoch]))
}

/** What was told to be committed is not there: the database was put back, or another took over that had less. */
export const behind = (what: string, committed: number, found: number): FirebreakError =>
  new FirebreakError('FB_DATABASE_BEHIND', { what, committed, found })

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
export async function recordProgress(sql: Sql, progress: readonly Progress[]): Promise<void> {
  await sql.batch(
    finish,
    progress.map(({ at, first, next, above, gaps, delta: d }) => {
      const counts = [d.done, d.duplicate, d.skipped, d.parked, d.dead, d.discarded]
      const seal = sealOf([at.topic, at.partition, next, above])
      return [at.topic, at.partition, first, next, above, gaps, ...counts, seal]
    }),
  )
}
