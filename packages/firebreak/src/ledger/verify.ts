import type { Database, Sql } from '../contracts/database.ts'
import { type LogInspection, type Partition, partitionId } from '../contracts/log.ts'
import { countAbove } from './above.ts'
import { type Accounts, totalOf } from './accounts.ts'
import { comparePositions } from './verify-positions.ts'

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
  /** Event ids in the inbox; fewer than are done only once marks beyond the window are forgotten. */
  readonly marks: number
  readonly partitions: readonly PartitionLedger[]
  /** What does not agree, in words; empty when `ok`. */
  readonly problems: readonly string[]
}

interface Row extends Accounts {
  readonly topic: string
  readonly part: number
  readonly first_position: number | null
  readonly next_position: number | null
  readonly above: string
  readonly gaps: number
}

interface Counted {
  readonly topic: string
  readonly part: number
  readonly state: string
  readonly n: number
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
  const found = await snapshot(database)
  const topics = (await log?.inspection.topics()) ?? []
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
  if (found.marks > done) differ(`${found.marks} events marked as handled, ${done} counted as done`, found.marks - done)
  if (log !== undefined) {
    for (const row of found.rows) {
      for (const { what, difference } of await comparePositions(row, log.inspection, topics)) differ(what, difference)
    }
  }
  return { ok: problems.length === 0, imbalance, outbox: found.outbox, marks: found.marks, partitions, problems }
}

interface Snapshot {
  readonly rows: readonly Row[]
  readonly counts: ReadonlyMap<string, number>
  readonly outbox: number
  /** Letters in replay without a parked record. */
  readonly lost: number
  readonly strays: number
  readonly marks: number
}

const countsOf = `SELECT topic, part, 'parked' AS state, COUNT(*) AS n FROM fb_parked GROUP BY topic, part
  UNION ALL SELECT topic, part, state, COUNT(*) AS n FROM fb_dead_letters GROUP BY topic, part, state`
const lostOf = `SELECT COUNT(*) AS n FROM fb_dead_letters l WHERE state = 'replaying'
  AND NOT EXISTS (SELECT 1 FROM fb_parked p WHERE p.letter_id = l.id)`
const noPartition = 'NOT EXISTS (SELECT 1 FROM fb_partitions p WHERE p.topic = x.topic AND p.part = x.part)'
const straysOf = `SELECT (SELECT COUNT(*) FROM fb_parked x WHERE ${noPartition}) + (SELECT COUNT(*) FROM fb_dead_letters x WHERE ${noPartition}) AS n`

async function snapshot(database: Database): Promise<Snapshot> {
  let taken: Snapshot | undefined
  const read = async (sql: Sql): Promise<void> => {
    const rows = await sql.query<Row>('SELECT * FROM fb_partitions ORDER BY topic, part')
    const counts = await sql.query<Counted>(countsOf)
    const [outbox] = await sql.query<{ n: number }>('SELECT COUNT(*) AS n FROM fb_outbox')
    const [lost] = await sql.query<{ n: number }>(lostOf)
    const [strays] = await sql.query<{ n: number }>(straysOf)
    const [marks] = await sql.query<{ n: number }>('SELECT COUNT(*) AS n FROM fb_inbox')
    const byState = new Map(
      counts.map((c) => [`${partitionId({ topic: c.topic, partition: c.part })}:${c.state}`, c.n]),
    )
    taken = {
      rows,
      counts: byState,
      outbox: outbox?.n ?? 0,
      lost: lost?.n ?? 0,
      strays: strays?.n ?? 0,
      marks: marks?.n ?? 0,
    }
  }
  const [verdict] = await database.commit([read])
  if (verdict?.ok === false) throw verdict.error
  return taken as unknown as Snapshot
}
