import { FirebreakError } from '../../contracts/errors.ts'
import { jobLettersLike } from '../../ledger/jobs/find-jobs.ts'
import type { JobState, JobView } from '../../ledger/jobs/read-jobs.ts'
import { changeOptions } from '../dlq/bulk.ts'
import type { Arguments, OptionSpec } from '../program/args.ts'
import type { Call } from '../program/command.ts'
import { CommandError, exit, usageError } from '../program/exit.ts'
import { counted } from '../program/output.ts'
import { type Identified, pickOne, serviceOption } from '../program/pick-by-id.ts'
import type { ServiceLedger } from '../program/session.ts'
import { didYouMean } from '../program/suggest.ts'

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
  const [type, state] = [args.text('type'), args.text('state') ?? 'all']
  return { ...(type === undefined ? {} : { type }), ...(state === 'all' ? {} : { state: stateOf(state) }) }
}

function stateOf(typed: string): JobState {
  const state = states.find((known) => known === typed)
  if (state !== undefined) return state
  throw usageError(
    `There is no state "${typed}".${didYouMean(typed, [...states, 'all'])}`,
    `Use ${states.join(', ')} or all.`,
  )
}

/** What a list goes through: jobs of these ledgers, newest first. */
export interface JobQuery {
  readonly ledgers: readonly ServiceLedger[]
  readonly filter: JobFilter
  /** Those behind the job with this id. */
  readonly after: string | undefined
  readonly max: number
}

// Jobs have inputs and stacks of their own: so many at a time, however many are asked for.
const pageMax = 100

/** Page by page, so that any number of jobs takes the memory of one page. */
export async function* jobPages({ ledgers, filter, after, max }: JobQuery): AsyncGenerator<readonly JobPick[]> {
  let [behind, left] = [after, max]
  while (left > 0) {
    const size = Math.min(left, pageMax)
    const picks: JobPick[] = []
    for (const ledger of ledgers) {
      const page = { ...filter, max: size, ...(behind === undefined ? {} : { after: behind }) }
      for (const job of await ledger.jobs.list(page)) picks.push({ ledger, job })
    }
    // Ids begin with the time.
    const page = picks.sort(({ job: { id: a } }, { job: { id: b } }) => (a < b ? 1 : a > b ? -1 : 0)).slice(0, size)
    if (page.length > 0) yield page
    if (page.length < size) return
    behind = page.at(-1)?.job.id
    left -= size
  }
}

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
