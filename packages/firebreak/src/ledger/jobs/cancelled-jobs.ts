import type { Sql, SqlRow } from '../../contracts/database.ts'
import { cancelWords, decisionOf } from './job-decisions.ts'
import { recordEnds } from './job-ends.ts'
import { attemptsOf, type JobEnd, textOf, unfinishedKeptMs } from './job-rows.ts'
import { queryWide, wideStatement } from './wide-statement.ts'

const remove = wideStatement(
  { fixed: 0, columns: 1 },
  (list) => `DELETE FROM fb_jobs WHERE id IN (SELECT listed.column1 FROM ${list})`,
)

/** The columns that `endCancelled` reads. */
export const cancelledColumns = 'id, type, lane, state, claim, attempts, enqueued_at_ms, letter_id, decision'

/** Ends jobs whose rows are locked, and which nobody runs any more. */
export async function endCancelled(
  ledger: Sql,
  rows: readonly SqlRow[],
  { nowMs, instance }: { readonly nowMs: number; readonly instance: string },
): Promise<void> {
  await queryWide(ledger, remove, { fixed: [], rows: rows.map(({ id }) => [String(id)]) })
  const ends = rows.map((row): JobEnd => {
    // Nobody waits for one that is blocked.
    const lane = row['state'] === 1 ? null : textOf(row['lane'])
    return {
      job: {
        ...{ id: String(row['id']), type: String(row['type']), lane, claim: Number(row['claim']) },
        ...{ enqueuedAtMs: Number(row['enqueued_at_ms']), attempts: attemptsOf(row) },
      },
      ...{ how: 'cancelled', result: null, error: cancelWords(decisionOf(row)), letterId: textOf(row['letter_id']) },
      ...{ keepMs: unfinishedKeptMs, endedAtMs: nowMs },
    }
  })
  await recordEnds(ledger, ends, instance)
}
