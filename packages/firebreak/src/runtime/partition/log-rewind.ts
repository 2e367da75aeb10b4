import { FirebreakError } from '../../contracts/errors.ts'
import { type Log, type Position, partitionId } from '../../contracts/log.ts'
import type { ClaimedPartition } from './partition.ts'

/**
 * Where the log stands beyond the ledger although only what the ledger has finished is committed to it: the database was put back
 * to an earlier time, and what came since has to be read again.
 *
 * **Errors** `FB_LOG_TRUNCATED` when the ledger has finished what the log does not hold: it belongs to another log, or the
 * log has lost records. What is written there now would count as finished.
 */
export async function positionsToRewind(
  log: Log,
  group: string,
  claims: readonly ClaimedPartition[],
): Promise<readonly Position[]> {
  const known = claims.filter(({ offsets }) => offsets.next !== null)
  if (known.length === 0) return []
  const inspection = log.inspect()
  const committed = new Map(
    (await inspection.committed(group)).map((position) => [partitionId(position), position.offset]),
  )
  const topics = await inspection.topics([...new Set(known.map(({ topic }) => topic))])
  for (const { id, topic, partition, offsets } of known) {
    const ends = topics.find(({ name }) => name === topic)?.ends.find((one) => one.partition === partition)
    const next = offsets.next ?? 0
    if (next <= (ends?.next ?? 0)) continue
    const reason = `the ledger has finished up to ${next - 1}, and the log ends at ${ends?.next ?? 0}`
    throw new FirebreakError('FB_LOG_TRUNCATED', { partition: id, reason })
  }
  return known.flatMap(({ id, topic, partition, offsets }) => {
    const offset = offsets.next ?? 0
    return (committed.get(id) ?? 0) > offset ? [{ topic, partition, offset }] : []
  })
}
