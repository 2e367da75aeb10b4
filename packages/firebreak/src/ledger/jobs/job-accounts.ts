import type { Sql, SqlRow } from '../../contracts/database.ts'
import type { JobEndKind } from './job-rows.ts'

/**
 * What became of the jobs of a type, at every commit:
 *
 *     enqueued = live + done + failed + cancelled + expired + discarded
 *
 * `live` is counted in the table of jobs, the rest in commits; code that loses a job, or ends one twice, breaks it. `joined`
 * asked for a job that was there already. `failed` has a dead letter: its replay makes it live again.
 */
export interface JobAccounts extends Record<JobEndKind, number> {
  enqueued: number
  joined: number
}

export const noJobAccounts = (): JobAccounts => ({
  enqueued: 0,
  joined: 0,
  done: 0,
  failed: 0,
  cancelled: 0,
  expired: 0,
  discarded: 0,
})

const names = ['enqueued', 'joined', 'done', 'failed', 'cancelled', 'expired', 'discarded'] as const
// Every instance has its own row: a row for all would have them wait for each other's commits.
const add = `INSERT INTO fb_job_accounts (type, instance, ${names.join(', ')})
  VALUES ($1, $2, ${names.map((_, i) => `$${i + 3}`).join(', ')})
  ON CONFLICT (type, instance) DO UPDATE SET ${names.map((name) => `${name} = fb_job_accounts.${name} + excluded.${name}`).join(', ')}`
const read = `SELECT counted.type AS type, ${names.map((name) => `counted.${name} AS ${name}`).join(', ')},
    COALESCE(waiting.live, 0) AS live
  FROM (SELECT type, ${names.map((name) => `CAST(SUM(${name}) AS BIGINT) AS ${name}`).join(', ')}
    FROM fb_job_accounts GROUP BY type) AS counted
  LEFT JOIN (SELECT type, COUNT(*) AS live FROM fb_jobs GROUP BY type) AS waiting ON waiting.type = counted.type`

export async function countJobs(
  ledger: Sql,
  instance: string,
  type: string,
  delta: Partial<JobAccounts>,
): Promise<void> {
  const counts = { ...noJobAccounts(), ...delta }
  await ledger.query(add, [type, instance, ...names.map((name) => counts[name])])
}

/** In the order of the types, in which everybody locks their rows. */
export async function countByType(
  ledger: Sql,
  instance: string,
  counted: Iterable<readonly [type: string, account: keyof JobAccounts]>,
): Promise<void> {
  const byType = new Map<string, JobAccounts>()
  for (const [type, account] of counted) {
    const accounts = byType.get(type) ?? noJobAccounts()
    accounts[account]++
    byType.set(type, accounts)
  }
  for (const type of [...byType.keys()].sort()) await countJobs(ledger, instance, type, byType.get(type) ?? {})
}

/** By type, with the rows that live. All of one moment. */
export async function readJobAccounts(
  sql: Pick<Sql, 'query'>,
): Promise<ReadonlyMap<string, JobAccounts & { readonly live: number }>> {
  const rows = await sql.query<SqlRow>(read)
  return new Map(
    rows.map((row) => {
      const accounts = noJobAccounts()
      for (const name of names) accounts[name] = Number(row[name])
      return [String(row['type']), { ...accounts, live: Number(row['live']) }]
    }),
  )
}

/** Of the accounts that balance, 0. */
export const missingJobs = (a: JobAccounts & { readonly live: number }): number =>
  a.enqueued - (a.live + a.done + a.failed + a.cancelled + a.expired + a.discarded)
