import type { Sql, SqlRow } from '../../contracts/database.ts'
import { cancelledColumns, endCancelled } from './cancelled-jobs.ts'

const lock = `SELECT ${cancelledColumns} FROM fb_jobs WHERE id = $1 /* FOR UPDATE */`
const ask = 'UPDATE fb_jobs SET state = 3, cancel_at_ms = $2 WHERE id = $1 AND state = 2'
const ended = 'SELECT id FROM fb_job_ends WHERE id = $1'
const hurry = `UPDATE fb_jobs SET due_at_ms = CASE WHEN due_at_ms > $2 THEN $2 ELSE due_at_ms END
  WHERE id = $1 AND state = 0 RETURNING id`

/**
 * One that nobody runs ends at once (`cancelled`); of one that runs its holder is told (`cancelling`), and it may still end
 * otherwise.
 */
export async function cancelJob(
  ledger: Sql,
  id: string,
  nowMs: number,
  instance: string,
): Promise<'cancelled' | 'cancelling' | 'ended' | 'unknown'> {
  const [row] = await ledger.query<SqlRow>(lock, [id])
  if (row === undefined) return (await ledger.query(ended, [id])).length > 0 ? 'ended' : 'unknown'
  if (Number(row['state']) >= 2) {
    await ledger.query(ask, [id, nowMs])
    return 'cancelling'
  }
  await endCancelled(ledger, [row], { nowMs, instance })
  return 'cancelled'
}

/** Makes a waiting job due. False where none waits: it runs, has ended, or is behind another one of its lane. */
export async function runNow(ledger: Sql, id: string, nowMs: number): Promise<boolean> {
  return (await ledger.query(hurry, [id, nowMs])).length > 0
}
