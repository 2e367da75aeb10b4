import type { Database } from '../../contracts/database.ts'
import { partitionId } from '../../contracts/log.ts'
import type { Accounts } from '../accounts.ts'
import { forgottenMarks } from '../inbox-tables.ts'
import type { KeptProgress } from './verify-positions.ts'

export interface LedgerRow extends Accounts, KeptProgress {}

/** A ledger's tables at one instant. */
export interface LedgerSnapshot {
  readonly rows: readonly LedgerRow[]
  /** `topic/partition:state` -> rows of it. */
  readonly counts: ReadonlyMap<string, number>
  readonly outbox: number
  readonly blocked: number
  /** Letters in replay without a parked record. */
  readonly lost: number
  readonly strays: number
  readonly marks: number
  /** Marks that were taken away when their window was over; undefined where nobody has counted from the start. */
  readonly forgotten: number | undefined
}

interface Row extends LedgerRow {
  readonly kind: 'partition' | 'state' | 'outbox' | 'blocked' | 'lost' | 'stray' | 'mark' | 'forgotten'
  readonly state: string
}

const zeros = '0 AS done, 0 AS duplicate, 0 AS skipped, 0 AS parked, 0 AS dead, 0 AS discarded'
const counted = (kind: Row['kind'], from: string): string =>
  `SELECT '${kind}' AS kind, '' AS topic, 0 AS part, '' AS state, NULL AS first_position, COUNT(*) AS next_position, '' AS above, 0 AS gaps, ${zeros} ${from}`
const byState = (state: string, from: string): string =>
  `SELECT 'state' AS kind, topic, part, ${state}, NULL AS first_position, COUNT(*) AS next_position, '' AS above, 0 AS gaps, ${zeros} ${from}`
const unclaimed = 'NOT EXISTS (SELECT 1 FROM fb_partitions p WHERE p.topic = x.topic AND p.part = x.part)'
// Letters of jobs are counted with the jobs.
const ofRecord = "topic NOT LIKE 'jobs/%'"

// One statement sees one instant on every engine; several in a transaction do so only on some.
const everything = [
  `SELECT 'partition' AS kind, topic, part, '' AS state, first_position, next_position, above, gaps,
   done, duplicate, skipped, parked, dead, discarded FROM fb_partitions`,
  byState("'parked' AS state", 'FROM fb_parked GROUP BY topic, part'),
  byState('state', `FROM fb_dead_letters WHERE ${ofRecord} GROUP BY topic, part, state`),
  counted('outbox', 'FROM fb_outbox'),
  counted('blocked', "FROM fb_blocked_events WHERE state = 'blocked'"),
  counted(
    'lost',
    `FROM fb_dead_letters l WHERE state = 'replaying' AND ${ofRecord} AND NOT EXISTS (SELECT 1 FROM fb_parked p WHERE p.letter_id = l.id)`,
  ),
  counted('stray', `FROM fb_parked x WHERE ${unclaimed}`),
  counted('stray', `FROM fb_dead_letters x WHERE ${ofRecord} AND ${unclaimed}`),
  counted('mark', 'FROM fb_inbox'),
  `SELECT 'forgotten' AS kind, '' AS topic, 0 AS part, '' AS state, NULL AS first_position,
   CAST(value AS BIGINT) AS next_position, '' AS above, 0 AS gaps, ${zeros} FROM fb_meta WHERE name = '${forgottenMarks}'`,
].join('\nUNION ALL ')

export async function ledgerSnapshot(database: Database): Promise<LedgerSnapshot> {
  const found = await database.query<Row>(everything)
  const sum = (kind: Row['kind']): number =>
    found.reduce((total, row) => total + (row.kind === kind ? (row.next_position ?? 0) : 0), 0)
  const states = found.filter(({ kind }) => kind === 'state')
  const idOf = (row: Row): string => `${partitionId({ topic: row.topic, partition: row.part })}:${row.state}`
  return {
    rows: found
      .filter(({ kind }) => kind === 'partition')
      .sort((a, b) => (a.topic === b.topic ? a.part - b.part : a.topic < b.topic ? -1 : 1)),
    counts: new Map(states.map((row) => [idOf(row), row.next_position ?? 0])),
    outbox: sum('outbox'),
    blocked: sum('blocked'),
    lost: sum('lost'),
    strays: sum('stray'),
    marks: sum('mark'),
    forgotten: found.some(({ kind }) => kind === 'forgotten') ? sum('forgotten') : undefined,
  }
}
