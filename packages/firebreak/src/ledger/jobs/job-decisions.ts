import type { Sql, SqlRow } from '../../contracts/database.ts'

/** What a person wants of a job that has not ended, and why. */
export interface JobDecision {
  readonly atMs: number
  readonly action: 'cancel' | 'run-now'
  readonly by: string
  readonly note: string
}

const write = 'UPDATE fb_jobs SET decision = $2 WHERE id = $1 RETURNING letter_id'
const read = 'SELECT decision FROM fb_jobs WHERE id = $1'

/**
 * Keeps the newest decision with its job, whose row is locked until the transaction ends. Resolves to the dead letter that it is a
 * replay of; undefined where there is no such job.
 */
export async function writeDecision(
  ledger: Sql,
  id: string,
  decision: JobDecision,
): Promise<{ readonly letterId: string | null } | undefined> {
  const [row] = await ledger.query<{ letter_id: string | null }>(write, [id, JSON.stringify(decision)])
  return row && { letterId: row.letter_id }
}

export async function readDecision(ledger: Sql, id: string): Promise<JobDecision | null> {
  const [row] = await ledger.query<SqlRow>(read, [id])
  return row === undefined ? null : decisionOf(row)
}

export const decisionOf = ({ decision }: SqlRow): JobDecision | null =>
  decision == null ? null : (JSON.parse(String(decision)) as JobDecision)

/** Why the letter of a replay is given up that has ended without being done. */
export const lostReplay = (how: 'cancelled' | 'expired', note = ''): string =>
  how === 'expired'
    ? 'its replay came too late for its deadline'
    : `its replay was cancelled${note === '' ? '' : `: ${note}`}`

/** Why a job was cancelled, as it is kept with its end. */
export const cancelWords = (decision: JobDecision | null): string | null =>
  decision?.action !== 'cancel'
    ? null
    : `cancelled by ${decision.by}${decision.note === '' ? '' : `: ${decision.note}`}`
