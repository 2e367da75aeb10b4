import type { Database } from '../../contracts/database.ts'
import { type JobAccounts, missingJobs, noJobAccounts } from '../jobs/job-accounts.ts'

/** The jobs of one type, recomputed: enqueued = live + done + failed + cancelled + expired + discarded. */
export interface JobLedger extends JobAccounts {
  readonly type: string
  /** Rows that have not ended. */
  readonly live: number
  /** What the equation is off by: 0 unless a job was lost, or has ended twice. */
  readonly imbalance: number
}

interface Row {
  readonly kind: 'account' | 'live' | 'letter' | 'lost' | 'impossible'
  readonly type: string
  readonly account: keyof JobAccounts | ''
  readonly n: number
}

const accounts = Object.keys(noJobAccounts()) as (keyof JobAccounts)[]
const count = (kind: Row['kind'], type: string, from: string): string =>
  `SELECT '${kind}' AS kind, ${type} AS type, '' AS account, COUNT(*) AS n FROM ${from}`
const isImpossible = `(j.state >= 2) <> (j.holder IS NOT NULL) OR (j.state = 1 AND NOT EXISTS (
  SELECT 1 FROM fb_jobs head WHERE head.type = j.type AND head.lane = j.lane AND head.lane IS NOT NULL AND head.state <> 1))`
const typeOfLetter = 'SUBSTR(l.topic, 6)'

// One statement sees one instant on every engine.
const everything = [
  ...accounts.map(
    (name) =>
      `SELECT 'account' AS kind, type, '${name}' AS account, CAST(SUM(${name}) AS BIGINT) AS n FROM fb_job_accounts GROUP BY type`,
  ),
  count('live', 'type', 'fb_jobs GROUP BY type'),
  count('letter', typeOfLetter, `fb_dead_letters l WHERE state = 'open' AND topic LIKE 'jobs/%' GROUP BY topic`),
  count(
    'lost',
    typeOfLetter,
    `fb_dead_letters l WHERE state = 'replaying' AND topic LIKE 'jobs/%'
      AND NOT EXISTS (SELECT 1 FROM fb_jobs j WHERE j.letter_id = l.id) GROUP BY topic`,
  ),
  count('impossible', 'j.type', `fb_jobs j WHERE ${isImpossible} GROUP BY j.type`),
].join('\nUNION ALL ')

/** Recomputes the accounts of jobs, and calls `differ` for everything that does not agree. */
export async function verifyJobs(
  database: Database,
  differ: (what: string, difference: number) => void,
): Promise<readonly JobLedger[]> {
  const rows = await database.query<Row>(everything)
  const of = (type: string, kind: Row['kind'], account: Row['account'] = ''): number =>
    rows.find((row) => row.type === type && row.kind === kind && row.account === account)?.n ?? 0
  return [...new Set(rows.map(({ type }) => type))].sort().map((type): JobLedger => {
    const sums = noJobAccounts()
    for (const name of accounts) sums[name] = of(type, 'account', name)
    const live = of(type, 'live')
    const imbalance = missingJobs({ ...sums, live })
    const ended = sums.enqueued - imbalance
    differ(`jobs of ${type}: ${sums.enqueued} enqueued, ${ended} accounted for`, imbalance)
    const letters = of(type, 'letter')
    differ(`jobs of ${type}: ${letters} dead letters open, the account says ${sums.failed}`, letters - sums.failed)
    const lost = of(type, 'lost')
    differ(`jobs of ${type}: ${lost} dead letters are being replayed, but nothing of them lives`, lost)
    const impossible = of(type, 'impossible')
    differ(`jobs of ${type}: ${impossible} rows that can never run, or that nobody holds`, impossible)
    return { type, ...sums, live, imbalance }
  })
}
