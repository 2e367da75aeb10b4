import { FirebreakError } from '../../contracts/errors.ts'
import { countLetters, type DeadLetter, type DeadLetterFilter, type DeadLetterState } from '../../ledger/letters.ts'
import { isJobTopic } from '../../runtime/jobs/job-topic.ts'
import type { Arguments, OptionSpec } from '../program/args.ts'
import type { Call } from '../program/command.ts'
import { counted } from '../program/output.ts'
import { newestPages, type PageQuery } from '../program/pages.ts'
import { type Identified, pickOne, serviceOption } from '../program/pick-by-id.ts'
import type { ServiceLedger } from '../program/session.ts'
import { stateNamed } from '../program/state-option.ts'

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
  const state = stateNamed(args.text('state') ?? 'open', states)
  const eventType = args.text('type')
  const fingerprint = args.text('fingerprint')
  return {
    ...(state === undefined ? {} : { state }),
    ...(eventType === undefined ? {} : { eventType }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
  }
}

export const pageOptions: Readonly<Record<string, OptionSpec>> = {
  after: { value: 'id', help: 'the page behind this letter; "next" of the page before' },
}

/** What a list goes through: letters of these ledgers, newest first, those behind the letter with the id `after`. */
export interface LetterQuery extends PageQuery {
  readonly filter: DeadLetterFilter
}

export const letterId = ({ letter }: Pick): string => letter.id

export const letterPages = (query: LetterQuery): AsyncGenerator<readonly Pick[]> =>
  newestPages(query, {
    idOf: letterId,
    list: async (ledger, page) => {
      const letters = await ledger.deadLetters.list({ ...query.filter, ...page })
      return letters.map((letter) => ({ ledger, letter }))
    },
  })

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
