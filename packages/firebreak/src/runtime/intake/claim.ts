import { type Partition, placeOf } from '../../contracts/log.ts'
import { inTransaction } from '../../contracts/sql/in-transaction.ts'
import { type Claim, claimPartition } from '../../ledger/partitions.ts'
import { judgeSuspects, readSuspects } from '../../ledger/suspects.ts'
import type { Instance } from '../instance/instance.ts'
import { ClaimedPartition } from '../partition/partition.ts'

/** Takes over a partition in the ledger: its progress, and whom to suspect if the member before died. */
export async function claim(instance: Instance, at: Partition): Promise<ClaimedPartition> {
  const { database } = instance
  const taken = await inTransaction(database, async (sql): Promise<Claim> => {
    const claimed = await claimPartition(sql, at, { holder: instance.name, kept: database.capabilities })
    await judgeSuspects(sql, at, claimed.unclean)
    return claimed
  })
  const suspects = await readSuspects(instance.database, at)
  // Copies of what the holder before us has handled are to be known as such before their handlers run.
  const highestMarked = await instance.committer.inbox.highest()
  instance.emit({ kind: 'claimed', partition: placeOf(at), epoch: taken.epoch, unclean: taken.unclean })
  return new ClaimedPartition(at, taken, {
    window: taken.unclean ? instance.limits.recordsMax : 0,
    suspects,
    highestMarked,
  })
}
