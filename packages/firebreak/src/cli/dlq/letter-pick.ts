import { FirebreakError } from '../../contracts/errors.ts'
import {
  countLetters,
  type DeadLetter,
  type DeadLetterFilter,
  type DeadLetterPage,
  type DeadLetterState,
} from '../../ledger/letters.ts'
import { isJobTopic } from '../../runtime/jobs/job-topic.ts'
import type { Arguments, OptionSpec } from '../program/args.ts'
import type { Call } from '../program/command.ts'
import { usageError } from '../program/exit.ts'
import { counted } from '../program/output.ts'
import { type Identified, pickOne, serviceOption } from '../program/pick-by-id.ts'
import type { ServiceLedger } from '../program/session.ts'
import { didYouMean } from '../program/suggest.ts'

/** A dead letter and the service it belongs to. */
export interface Pick {
  readonly ledger: ServiceLedger
  readonly letter: DeadLetter
}

const states: readonly DeadLetterState[] = ['open', 'replaying', 'resolved', 'superseded', 'discarded']

export const filterOptions: Readonly<Record<string, OptionSpec>> = {
  ...serviceOption,
  type: { value: 'event type', help: 'only events of this type' },
  fingerprint: { value: 'F', help: 'only failures of this kind' },
}

export const stateOption: Readonly<Record<string, OptionSpec>> = {
  state: { value: 'state', help: `${states.join(', ')} or all; default open` },
}

/** The filter that the options ask for; open letters unless `--state` says otherwise. */
export function filterOf(args: Arguments): DeadLetterFilter {
  const state = args.text('state') ?? 'open'
  const eventType = args.text('type')
  const fingerprint = args.text('fingerprint')
  return {
    ...(state === 'all' ? {} : { state: stateOf(state) }),
    ...(eventType === undefined ? {} : { eventType }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
  }
}

function stateOf(typed: string): DeadLetterState {
  const state = states.find((known) => known === typed)
  if (state !== undefined) return state
  throw usageError(
    `There is no state "${typed}".${didYouMean(typed, [...states, 'all'])}`,
    `Use ${states.join(', ')} or all.`,
  )
}

export const pageOptions: Readonly<Record<string, OptionSpec>> = {
  after: { value: 'id', help: 'the page behind this letter; "next" of the page before' },
}

/** What a list goes through: letters of these ledgers, newest first. */
export interface LetterQuery {
  readonly ledgers: readonly ServiceLedger[]
  readonly filter: DeadLetterFilter
  /** Those behind the letter with this id. */
  readonly after: string | undefined
  readonly max: number
}

// Letters have bytes and stacks of their own: so many at a time, however many are asked for.
const pageMax = 100

/** Page by page, so that any number of letters takes the memory of one page. */
export async function* letterPages({ ledgers, filter, after, max }: LetterQuery): AsyncGenerator<readonly Pick[]> {
  let [behind, left] = [after, max]
  while (left > 0) {
    const size = Math.min(left, pageMax)
    const page = await newestOf(ledgers, { ...filter, max: size, ...(behind === undefined ? {} : { after: behind }) })
    if (page.length > 0) yield page
    if (page.length < size) return
    behind = page.at(-1)?.letter.id
    left -= size
  }
}

async function newestOf(ledgers: readonly ServiceLedger[], page: DeadLetterPage & { max: number }): Promise<Pick[]> {
  const picks: Pick[] = []
  for (const ledger of ledgers) for (const letter of await ledger.deadLetters.list(page)) picks.push({ ledger, letter })
  // Ids begin with the time.
  return picks.sort(({ letter: { id: a } }, { letter: { id: b } }) => (a < b ? 1 : a > b ? -1 : 0)).slice(0, page.max)
}

/** How many match in all. */
export async function countOf(ledgers: readonly ServiceLedger[], filter: DeadLetterFilter): Promise<number> {
  let total = 0
  for (const { database } of ledgers) total += await countLetters(database, filter)
  return total
}

const byId: Identified<DeadLetter> = {
  ...{ noun: 'dead letter', list: 'firebreak dlq list --state all' },
  ...{ notFound: 'FB_DEAD_LETTER_NOT_FOUND', ambiguous: 'FB_DEAD_LETTER_AMBIGUOUS' },
  get: (ledger, id) => ledger.deadLetters.get(id),
}

/** The letter with this id. **Errors** those of `pickOne`. */
export async function pickById(call: Call, id: string): Promise<Pick> {
  const { ledger, found } = await pickOne(call, id, byId)
  return { ledger, letter: found }
}

/** Whether it is that of a job; otherwise it is that of a record of the log. */
export const isOfJob = ({ entry }: DeadLetter): boolean => isJobTopic(entry.topic)

/** What failed, in a word or two. */
export const subjectOf = (letter: DeadLetter): string =>
  isOfJob(letter) ? `job ${letter.eventType}` : (letter.eventType ?? '?')

/** Throws as the change itself would, for those who only want to know. */
export function refuseUnlessOpen({ id, state }: DeadLetter, action: string): void {
  if (state !== 'open') throw new FirebreakError('FB_DEAD_LETTER_STATE', { id, state, action })
}

export const letters = (n: number): string => counted(n, 'dead letter')
