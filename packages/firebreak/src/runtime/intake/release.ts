import { type Clock, sleep } from '../../contracts/clock.ts'
import type { Sql } from '../../contracts/database.ts'
import { releasePartition } from '../../ledger/partitions.ts'
import { clearSuspects } from '../../ledger/suspects.ts'
import type { Instance } from '../instance/instance.ts'
import type { ClaimedPartition } from '../partition/partition.ts'

/** Waits for what runs in these partitions; whether all of it has ended within `drainMs`. */
export async function hasDrained(clock: Clock, claims: readonly ClaimedPartition[], drainMs: number): Promise<boolean> {
  const untilMs = clock.monotonic() + drainMs
  const busy = (): boolean => claims.some((claimed) => claimed.busy.size > 0 || claimed.lanes.size > 0)
  while (busy() && clock.monotonic() < untilMs) await sleep(clock, 5)
  return !busy()
}

/**
 * Releases partitions in the ledger, also for what still runs: nobody has died, so nobody is suspect. A stop clears all suspicion;
 * a hand-over passes it on. Where the database does not answer, the next holder is suspicious for a while, and nothing worse.
 */
export async function releaseInLedger(
  { database, emit }: Instance,
  claims: readonly ClaimedPartition[],
  isStop: boolean,
): Promise<void> {
  const units = claims.map((claimed) => async (sql: Sql) => {
    const wasOurs = await releasePartition(sql, claimed)
    if (wasOurs && isStop && claimed.suspects.size > 0) await clearSuspects(sql, claimed)
  })
  try {
    await database.commit(units)
  } catch (error) {
    emit({ kind: 'infrastructure-error', where: 'database', error })
  }
}
