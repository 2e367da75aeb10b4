import { FirebreakError, isFirebreakError } from '../contracts/errors.ts'
import { countLetters, type DeadLetter, type LetterFilter, type LetterState } from '../ledger/letters.ts'
import type { Arguments, OptionSpec } from './args.ts'
import type { Call } from './command.ts'
import { CommandError, exit, usageError } from './exit.ts'
import { counted } from './output.ts'
import type { ServiceLedger } from './session.ts'
import { didYouMean } from './suggest.ts'

/** A dead letter and the service it belongs to. */
export interface Pick {
  readonly ledger: ServiceLedger
  readonly letter: DeadLetter
}

export interface Picks {
  readonly picks: readonly Pick[]
  /** How many match, those above the maximum included. */
  readonly total: number
}

const states: readonly LetterState[] = ['open', 'replaying', 'resolved', 'superseded', 'discarded']

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
export function filterOf(args: Arguments): LetterFilter {
  const state = args.text('state') ?? 'open'
  const eventType = args.text('type')
  const fingerprint = args.text('fingerprint')
  return {
    ...(state === 'all' ? {} : { state: stateOf(state) }),
    ...(eventType === undefined ? {} : { eventType }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
  }
}

function stateOf(typed: string): LetterState {
  const state = states.find((known) => known === typed)
  if (state !== undefined) return state
  throw usageError(
    `There is no state "${typed}".${didYouMean(typed, [...states, 'all'])}`,
    `Use ${states.join(', ')} or all.`,
  )
}

/** Letters of all services, or of `--service`, newest first. */
export async function pickByFilter(call: Call, filter: LetterFilter, max: number): Promise<Picks> {
  const picks: Pick[] = []
  let total = 0
  for (const ledger of await ledgersOf(call)) {
    total += await countLetters(ledger.database, filter)
    for (const letter of await ledger.desk.list({ ...filter, max })) picks.push({ ledger, letter })
  }
  picks.sort((a, b) => b.letter.atMs - a.letter.atMs)
  return { picks: picks.slice(0, max), total }
}

/** The letter with this id or unique beginning of it. **Errors** exit code 3, or 2 when several services have one. */
export async function pickById(call: Call, id: string): Promise<Pick> {
  const found: Pick[] = []
  for (const ledger of await ledgersOf(call)) {
    try {
      found.push({ ledger, letter: await ledger.desk.get(id) })
    } catch (error) {
      if (!isFirebreakError(error, 'FB_LETTER_NOT_FOUND')) throw error
    }
  }
  const [first] = found
  if (first === undefined) {
    throw new CommandError(
      exit.notFound,
      `There is no dead letter ${id}, or several begin like that.`,
      'List them with: firebreak dlq list --state all',
    )
  }
  if (found.length === 1) return first
  const names = found.map(({ ledger }) => ledger.service.name).join(', ')
  throw usageError(`${id} begins letters of several services: ${names}.`, 'Type more of the id, or name a --service.')
}

async function ledgersOf({ args, session, output }: Call): Promise<readonly ServiceLedger[]> {
  const { awake, asleep } = await session.ledgers(args.text('service'))
  if (asleep.length > 0) output.note(`(${asleep.join(', ')} has never run: no ledger yet)`)
  return awake
}

/** Throws as the desk would, for those who only want to know. */
export function refuseUnlessOpen({ id, state }: DeadLetter, action: string): void {
  if (state !== 'open') throw new FirebreakError('FB_LETTER_STATE', { id, state, action })
}

export const letters = (n: number): string => counted(n, 'dead letter')
