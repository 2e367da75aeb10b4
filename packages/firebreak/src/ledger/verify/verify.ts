import type { Database } from '../../contracts/database.ts'
import { type LogInspection, type Partition, partitionId } from '../../contracts/log.ts'
import { type Accounts, totalOf } from '../accounts.ts'
import { inLedger } from '../ledger-place.ts'
import { countAbove } from './above.ts'
import { type JobLedger, verifyJobs } from './verify-jobs.ts'
import { comparePositions } from './verify-positions.ts'
import { damagedRows } from './verify-rows.ts'
import { ledgerSnapshot } from './verify-snapshot.ts'

/** The ledger of one partition, recomputed. */
export interface PartitionLedger extends Accounts, Partition {
  /** Positions that are finished, by the partition's progress. */
  readonly consumed: number
  /** `consumed` less all accounts: 0 unless a record was acknowledged without an outcome, or the other way round. */
  readonly imbalance: number
}

export interface LedgerReport {
  readonly ok: boolean
  /** Sum of all differences found, without sign. */
  readonly imbalance: number
  readonly outbox: number
  /** Events of the outbox that the log refuses; the later ones of their keys wait behind them. */
  readonly blocked: number
  /** Event ids in the inbox; fewer than are done only once marks beyond the window are forgotten. */
  readonly marks: number
  readonly partitions: readonly PartitionLedger[]
  readonly jobs: readonly JobLedger[]
  /** What does not agree, in words; empty when `ok`. */
  readonly problems: readonly string[]
}

/** The log's view of the group, to compare the ledger with. */
export interface LogView {
  readonly inspection: LogInspection
  /** The service's name. */
  readonly group: string
}

/**
 * Recomputes the conservation ledger of a service from its tables, and compares it with the log where one is given. Reads
 * one snapshot, so it is exact beside a running service.
 */
export async function verifyLedger(database: Database, log?: LogView): Promise<LedgerReport> {
  // Before the snapshot: what the log has been told must be in it, however far the service goes on meanwhile.
  const committed = new Map((await log?.inspection.committed(log.group))?.map((p) => [partitionId(p), p.offset]))
  const found = await ledgerSnapshot(inLedger(database))
  const names = [...new Set(found.rows.map(({ topic }) => topic))]
  const topics = (await log?.inspection.topics(names)) ?? []
  const problems: string[] = []
  let imbalance = 0
  const differ = (what: string, difference: number): void => {
    if (difference === 0) return
    imbalance += Math.abs(difference)
    problems.push(`${what} (${difference > 0 ? '+' : ''}${difference})`)
  }
  const partitions = found.rows.map((row): PartitionLedger => {
    const at = { topic: row.topic, partition: row.part }
    const id = partitionId(at)
    const next = row.next_position ?? 0
    const consumed = next - (row.first_position ?? next) - row.gaps + countAbove(row.above)
    const difference = consumed - totalOf(row)
    differ(`${id}: ${consumed} records consumed, ${totalOf(row)} accounted for`, difference)
    const counted = (state: string): number => found.counts.get(`${id}:${state}`) ?? 0
    differ(`${id}: ${counted('parked')} records parked, the account says ${row.parked}`, counted('parked') - row.parked)
    differ(`${id}: ${counted('open')} dead letters open, the account says ${row.dead}`, counted('open') - row.dead)
    differ(
      `${id}: ${counted('discarded')} discarded, the account says ${row.discarded}`,
      counted('discarded') - row.discarded,
    )
    const ahead = (committed.get(id) ?? 0) - next
    if (ahead > 0) differ(`${id}: the log was told ${ahead} records more than the ledger finished`, ahead)
    const { done, duplicate, skipped, parked, dead, discarded } = row
    return { ...at, consumed, done, duplicate, skipped, parked, dead, discarded, imbalance: difference }
  })
  differ(`${found.lost} dead letters are being replayed, but nothing of them is parked`, found.lost)
  differ(`${found.strays} parked records or dead letters of partitions that were never claimed`, found.strays)
  const done = partitions.reduce((sum, one) => sum + one.done, 0)
  // Where nobody has counted what was forgotten, only too many can be noticed.
  const marks = found.marks + (found.forgotten ?? 0)
  if (found.forgotten !== undefined || marks > done)
    differ(`${marks} events marked as handled, ${done} counted as done`, marks - done)
  if (log !== undefined) {
    for (const row of found.rows) {
      for (const { what, difference } of await comparePositions(row, log.inspection, topics)) differ(what, difference)
    }
  }
  const jobs = await verifyJobs(inLedger(database), differ)
  for (const what of await damagedRows(inLedger(database))) differ(what, 1)
  const { outbox, blocked } = found
  return { ok: problems.length === 0, imbalance, outbox, blocked, marks: found.marks, partitions, jobs, problems }
}
