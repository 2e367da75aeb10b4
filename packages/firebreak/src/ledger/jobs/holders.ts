import type { Sql, SqlRow } from '../../contracts/database.ts'
import { cancelledColumns, endCancelled } from './cancelled-jobs.ts'
import { decisionOf, type JobDecision } from './job-decisions.ts'
import type { JobClaim } from './job-rows.ts'
import { queryWide, wideStatement } from './wide-statement.ts'

const all = 'SELECT DISTINCT holder FROM fb_jobs WHERE holder IS NOT NULL'
// What a commit of the holder has locked is about to end; else it is found the next time.
const lock = `SELECT ${cancelledColumns} FROM fb_jobs WHERE holder = $1 ORDER BY id /* FOR UPDATE SKIP LOCKED */`
// The first death may have been somebody else's fault. From the second one on it waits, longer each time.
const release = wideStatement({ fixed: 2, columns: 1 }, (list) => {
  return `UPDATE fb_jobs SET state = 0, holder = NULL, claim = claim + 1, suspects = suspects + 1,
    due_at_ms = CASE WHEN suspects = 0 THEN due_at_ms ELSE CAST($1 AS BIGINT) + suspects * CAST($2 AS BIGINT) END
    WHERE id IN (SELECT listed.column1 FROM ${list})`
})
const askedFor =
  'SELECT id, claim, cancel_at_ms FROM fb_jobs WHERE holder = $1 AND holder IS NOT NULL AND state = 3 ORDER BY id'
const held =
  'SELECT id, type, lane, claim FROM fb_jobs WHERE holder = $1 AND holder IS NOT NULL AND state >= 2 ORDER BY id'
const waitMs = 5000

/** A replay that was cancelled while its holder was dead. */
interface CancelledReplay {
  readonly letterId: string
  readonly decision: JobDecision | null
}

const replayOf = (row: SqlRow): readonly CancelledReplay[] =>
  row['letter_id'] == null ? [] : [{ letterId: String(row['letter_id']), decision: decisionOf(row) }]

/** Those that hold jobs, alive or not. */
export async function holdersOf(sql: Pick<Sql, 'query'>): Promise<readonly string[]> {
  return (await sql.query<{ holder: string }>(all)).map(({ holder }) => holder).sort()
}

/**
 * Takes its jobs away from a holder that is dead. They may run again, under the suspicion that they have killed it; those that
 * were to be cancelled are. Resolves to how many it were.
 *
 * **Guarantee** What it still commits of them is fenced. Safe for several at once.
 *
 * **Shape** `cancelled` gets those that were cancelled and are replays, each with its dead letter.
 */
export async function releaseHolder(
  ledger: Sql,
  holder: string,
  nowMs: number,
  cancelled: (replays: readonly CancelledReplay[]) => Promise<void> = async () => {},
): Promise<number> {
  const rows = await ledger.query<SqlRow>(lock, [holder])
  const [over, again] = [rows.filter(({ state }) => state === 3), rows.filter(({ state }) => state !== 3)]
  await queryWide(ledger, release, { fixed: [nowMs, waitMs], rows: again.map(({ id }) => [String(id)]) })
  await endCancelled(ledger, over, { nowMs, instance: holder })
  await cancelled(over.flatMap((row) => replayOf(row)))
  return rows.length
}

/** What somebody holds, by the table. */
export async function heldBy(sql: Pick<Sql, 'query'>, holder: string): Promise<readonly JobClaim[]> {
  const rows = await sql.query<JobClaim>(held, [holder])
  return rows.map(({ id, type, lane, claim }) => ({ id, type, lane, claim }))
}

/** A job that somebody runs, and that is to be cancelled. */
interface CancelledClaim {
  readonly id: string
  readonly claim: number
  readonly cancelAtMs: number
}

export async function cancelledOf(sql: Pick<Sql, 'query'>, holder: string): Promise<readonly CancelledClaim[]> {
  const rows = await sql.query<{ id: string; claim: number; cancel_at_ms: number }>(askedFor, [holder])
  return rows.map(({ id, claim, cancel_at_ms: cancelAtMs }) => ({ id, claim, cancelAtMs }))
}
