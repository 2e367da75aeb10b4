import { FirebreakError } from '../../contracts/errors.ts'
import { inTransaction } from '../../contracts/sql/in-transaction.ts'
import { cancelJob, runNow } from '../../ledger/jobs/change-job.ts'
import { type JobPage, jobIdsLike } from '../../ledger/jobs/find-jobs.ts'
import { type JobDecision, lostReplay, writeDecision } from '../../ledger/jobs/job-decisions.ts'
import { type JobView, listJobs, readJob } from '../../ledger/jobs/read-jobs.ts'
import { inLedger } from '../../ledger/ledger-place.ts'
import { endReplay } from '../../ledger/letters.ts'
import { checkedFilter, jobFilterOptions } from '../../ledger/list-options.ts'
import { named } from './named.ts'
import { accountOfPeople, type Decision, type OperatorDeps } from './operator-deps.ts'

/** What a person does about jobs. Every action is one commit, safe beside the running service. */
export interface Jobs {
  /**
   * Newest first, those that have ended too, as long as their ends are kept; 100 unless `max` says otherwise. The next page is `after`
   * the id of the last job.
   */
  list(page?: JobPage): Promise<readonly JobView[]>
  /** By id, or by the beginning of one that no other has. **Errors** `FB_JOB_NOT_FOUND`, `FB_JOB_AMBIGUOUS`. */
  get(id: string): Promise<JobView>
  /**
   * Ends a job that nobody runs, at once: `cancelled`. The handler of one that runs is told by its signal, within a second, and has ten
   * more to follow it: `cancelling`. What it commits before is committed, and then it has ended as usual.
   *
   * **Errors** `FB_JOB_NOT_FOUND`, `FB_JOB_AMBIGUOUS`, `FB_JOB_STATE` when it has ended.
   */
  cancel(id: string, decision: Decision): Promise<'cancelled' | 'cancelling'>
  /**
   * Makes a job due that waits for its date, or for its next attempt.
   *
   * **Errors** `FB_JOB_NOT_FOUND`, `FB_JOB_AMBIGUOUS`, `FB_JOB_STATE` when it does not wait: it runs, has ended, or is behind another one
   * of its key.
   */
  runNow(id: string, decision: Decision): Promise<void>
}

const listMax = 100

export function jobs(given: OperatorDeps): Jobs {
  const deps = { ...given, database: inLedger(given.database) }
  const { database, clock } = deps
  const get = (id: string): Promise<JobView> =>
    named(id, {
      find: (exact) => readJob(database, exact, clock.now()),
      like: (start, max) => jobIdsLike(database, start, max),
      ...{ notFound: 'FB_JOB_NOT_FOUND', ambiguous: 'FB_JOB_AMBIGUOUS' },
    })
  return {
    get,
    async list(page) {
      const { max: limit = listMax, ...filter } = checkedFilter(jobFilterOptions, page) ?? {}
      return listJobs(database, { ...filter, limit, nowMs: clock.now() })
    },
    cancel: async (id, by) => cancel(deps, await get(id), by),
    runNow: async (id, by) => start(deps, await get(id), by),
  }
}

async function cancel(deps: OperatorDeps, job: JobView, by: Decision): Promise<'cancelled' | 'cancelling'> {
  const { database, onChange } = deps
  const decision = decisionOf(deps, 'cancel', by)
  const { atMs } = decision
  const how = await inTransaction(database, async (sql) => {
    const replay = await writeDecision(sql, job.id, decision)
    const end = await cancelJob(sql, job.id, atMs, accountOfPeople)
    if (end === 'cancelled' && replay?.letterId) {
      const note = lostReplay('cancelled', by.note)
      await endReplay(sql, database.capabilities, replay.letterId, { to: 'discarded', atMs, by: by.by, note })
    }
    return end
  })
  if (how === 'ended' || how === 'unknown') throw await refused(deps, job, 'cancelled')
  onChange()
  return how
}

async function start(deps: OperatorDeps, job: JobView, by: Decision): Promise<void> {
  const { database, onChange } = deps
  const decision = decisionOf(deps, 'run-now', by)
  const isDue = await inTransaction(database, async (sql) => {
    if (!(await runNow(sql, job.id, decision.atMs))) return false
    await writeDecision(sql, job.id, decision)
    return true
  })
  if (!isDue) throw await refused(deps, job, 'started now')
  onChange()
}

/** With the state in which it was found, as that may be another one by now than it was looked at in. */
async function refused({ database, clock }: OperatorDeps, { id }: JobView, action: string): Promise<FirebreakError> {
  const job = await readJob(database, id, clock.now())
  if (job === undefined) return new FirebreakError('FB_JOB_NOT_FOUND', { id })
  return new FirebreakError('FB_JOB_STATE', { id, state: job.state, action })
}

const decisionOf = (deps: OperatorDeps, action: JobDecision['action'], { by, note }: Decision): JobDecision => ({
  ...{ atMs: deps.clock.now(), action, by, note },
})
