import { FirebreakError, isFirebreakError } from '../../contracts/errors.ts'
import {
  countLetters,
  type DeadLetter,
  type DeadLetterFilter,
  type DeadLetterPage,
  type DeadLetterState,
} from '../../ledger/letters.ts'
import type { Arguments, OptionSpec } from '../program/args.ts'
import type { Call } from '../program/command.ts'
import { CommandError, exit, usageError } from '../program/exit.ts'
import { counted } from '../program/output.ts'
import type { ServiceLedger } from '../program/session.ts'
import { didYouMean } from '../program/suggest.ts'

/** A dead letter and the service it belongs to. */
export interface Pick {
  readonly ledger: ServiceLedger
  readonly letter: DeadLetter
}

const states: readonly DeadLetterState[] = ['open', 'replaying', 'resolved', 'superseded', 'discarded']

export const serviceOption: Readonly<Record<string, OptionSpec>> = {
  service: { value: 'name', help: 'only this service' },
}

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

/**
 * The letter with this id, or with a beginning of it that no other has.
 *
 * **Errors** exit code 3 where there is none, 2 with the candidates where there are several.
 */
export async function pickById(call: Call, id: string): Promise<Pick> {
  if (id === '') throw usageError('An empty id names no dead letter.', 'List them with: firebreak dlq list')
  const found: Pick[] = []
  const meant: Candidate[] = []
  for (const ledger of await ledgersOf(call)) {
    try {
      const letter = await ledger.deadLetters.get(id)
      found.push({ ledger, letter })
      meant.push({ id: letter.id, service: ledger.service.name })
    } catch (error) {
      if (isFirebreakError(error, 'FB_DEAD_LETTER_AMBIGUOUS')) meant.push(...candidatesOf(error, ledger))
      else if (!isFirebreakError(error, 'FB_DEAD_LETTER_NOT_FOUND')) throw error
    }
  }
  const [first] = found
  if (first !== undefined && meant.length === 1) return first
  if (meant.length > 0) throw ambiguous(id, meant)
  throw new CommandError(
    exit.notFound,
    `There is no dead letter ${id}.`,
    'List them with: firebreak dlq list --state all',
  )
}

interface Candidate {
  readonly id: string
  readonly service: string
}

const candidatesOf = ({ detail }: FirebreakError, { service }: ServiceLedger): readonly Candidate[] =>
  (detail['candidates'] as readonly string[]).map((id) => ({ id, service: service.name }))

function ambiguous(id: string, candidates: readonly Candidate[]): CommandError {
  const lines = candidates.map((one) => `  ${one.id}  ${one.service}`)
  const message = [`${id} is the beginning of several dead letters, the first of them:`, ...lines].join('\n')
  return new CommandError(exit.usage, message, 'Type more of the id. Nothing was changed.', candidates)
}

/** The services that have a ledger, or the one of `--service`. */
export async function ledgersOf({ args, session, output }: Call): Promise<readonly ServiceLedger[]> {
  const { awake, asleep } = await session.ledgers(args.text('service'))
  if (asleep.length > 0) output.note(`(${asleep.join(', ')} has never run: no ledger yet)`)
  return awake
}

/** Throws as the change itself would, for those who only want to know. */
export function refuseUnlessOpen({ id, state }: DeadLetter, action: string): void {
  if (state !== 'open') throw new FirebreakError('FB_DEAD_LETTER_STATE', { id, state, action })
}

export const letters = (n: number): string => counted(n, 'dead letter')
