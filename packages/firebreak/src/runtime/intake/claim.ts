import { invariant } from '../../contracts/errors.ts'
import { type Partition, placeOf } from '../../contracts/log.ts'
import { type Claim, claimPartition } from '../../ledger/partitions.ts'
import { judgeSuspects, readSuspects } from '../../ledger/suspects.ts'
import type { Engine } from '../instance/engine.ts'
import { ClaimedPartition } from '../partition/partition.ts'

/** Takes over a partition in the ledger: its progress, and whom to suspect if the member before died. */
export async function claim(engine: Engine, at: Partition): Promise<ClaimedPartition> {
  let taken: Claim | undefined
  const [verdict] = await engine.database.commit([
    async (sql) => {
      taken = await claimPartition(sql, at, { holder: engine.instance, kept: engine.database.capabilities })
      await judgeSuspects(sql, at, taken.unclean)
    },
  ])
  if (verdict?.ok === false) throw verdict.error
  invariant(taken !== undefined, 'a claim that was committed has a result')
  const suspects = await readSuspects(engine.database, at)
  // Copies of what the holder before us has handled are to be known as such before their handlers run.
  const highestMarked = await engine.committer.inbox.highest()
  engine.tell?.({ kind: 'claimed', partition: placeOf(at), epoch: taken.epoch, unclean: taken.unclean })
  return new ClaimedPartition(at, taken, {
    window: taken.unclean ? engine.limits.recordsMax : 0,
    suspects,
    highestMarked,
  })
}
