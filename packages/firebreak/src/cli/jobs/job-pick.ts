import { FirebreakError } from '../../contracts/errors.ts'
import { jobLettersLike } from '../../ledger/jobs/find-jobs.ts'
import type { JobState, JobView } from '../../ledger/jobs/read-jobs.ts'
import { changeOptions } from '../dlq/bulk.ts'
import type { Arguments, OptionSpec } from '../program/args.ts'
import type { Call } from '../program/command.ts'
import { CommandError, exit } from '../program/exit.ts'
import { counted } from '../program/output.ts'
import { newestPages, type PageQuery } from '../program/pages.ts'
import { type Identified, pickOne, serviceOption } from '../program/pick-by-id.ts'
import type { ServiceLedger } from '../program/session.ts'
import { stateNamed } from '../program/state-option.ts'

/** A job and the service that runs it. */
export interface JobPick {
  readonly ledger: ServiceLedger
  readonly job: JobView
}

const liveStates: readonly JobState[] = ['waiting', 'ready', 'blocked', 'running', 'cancelling']
const states: readonly JobState[] = [...liveStates, 'done', 'failed', 'cancelled', 'expired', 'discarded']

/** Whether it has not ended. */
export const isLive = ({ state }: JobView): boolean => liveStates.includes(state)

export const jobFilterOptions: Readonly<Record<string, OptionSpec>> = {
  ...serviceOption,
  type: { value: 'type', help: 'only jobs of this type' },
  state: { value: 'state', help: `${states.join(', ')} or all; default all` },
}

/** Of a command that changes one job. */
export const jobChangeOptions: Readonly<Record<string, OptionSpec>> = { ...serviceOption, ...changeOptions }

export interface JobFilter {
  readonly type?: string
  readonly state?: JobState
}

/** The filter that the options ask for. */
export function filterOf(args: Arguments): JobFilter {
  const type = args.text('type')
  const state = stateNamed(args.text('state') ?? 'all', states)
  return { ...(type === undefined ? {} : { type }), ...(state === undefined ? {} : { state }) }
}

/** What a list goes through: jobs of these ledgers, newest first, those behind the job with the id `after`. */
export interface JobQuery extends PageQuery {
  readonly filter: JobFilter
}

export const jobId = ({ job }: JobPick): string => job.id

export const jobPages = (query: JobQuery): AsyncGenerator<readonly JobPick[]> =>
  newestPages(query, {
    idOf: jobId,
    list: async (ledger, page) => {
      const jobs = await ledger.jobs.list({ ...query.filter, ...page })
      return jobs.map((job) => ({ ledger, job }))
    },
  })

const byId: Identified<JobView> = {
  ...{ noun: 'job', list: 'firebreak jobs list', notFound: 'FB_JOB_NOT_FOUND', ambiguous: 'FB_JOB_AMBIGUOUS' },
  get: (ledger, id) => ledger.jobs.get(id),
}

/** The job with this id. **Errors** those of `pickOne`. */
export async function jobById(call: Call, id: string): Promise<JobPick> {
  try {
    const { ledger, found } = await pickOne(call, id, byId)
    return { ledger, job: found }
  } catch (error) {
    if (error instanceof CommandError && error.exit === exit.notFound) await tellOfLetter(call, id)
    throw error
  }
}

/** Of a job that failed the letter is kept, and the end is not for so long. */
async function tellOfLetter({ args, session }: Call, id: string): Promise<void> {
  for (const { database } of (await session.ledgers(args.text('service'))).awake) {
    const [letter] = await jobLettersLike(database, id, 1)
    if (letter === undefined) continue
    const message = `The end of the job ${letter.jobId} is not kept any more.`
    throw new CommandError(exit.notFound, message, `It failed: firebreak dlq show ${letter.id}`)
  }
}

/** Throws as the change itself would, for those who only want to know. */
export function refuseIn({ id, state }: JobView, action: string): never {
  throw new FirebreakError('FB_JOB_STATE', { id, state, action })
}

export const jobsCounted = (n: number): string => counted(n, 'job')
