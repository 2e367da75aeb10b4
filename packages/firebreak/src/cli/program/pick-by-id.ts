import type { ErrorCode } from '../../contracts/error-catalogue.ts'
import { type FirebreakError, isFirebreakError } from '../../contracts/errors.ts'
import type { OptionSpec } from './args.ts'
import type { Call } from './command.ts'
import { CommandError, exit, usageError } from './exit.ts'
import type { ServiceLedger } from './session.ts'

export const serviceOption: Readonly<Record<string, OptionSpec>> = {
  service: { value: 'name', help: 'only this service' },
}

/** The services that have a ledger, or the one of `--service`. */
export async function ledgersOf({ args, session, output }: Call): Promise<readonly ServiceLedger[]> {
  const { awake, asleep } = await session.ledgers(args.text('service'))
  if (asleep.length > 0) output.note(`(${asleep.join(', ')} has never run: no ledger yet)`)
  return awake
}

/** What people name by an id. */
export interface Identified<T extends { readonly id: string }> {
  readonly noun: string
  /** Lists all of them. */
  readonly list: string
  readonly notFound: ErrorCode
  readonly ambiguous: ErrorCode
  get(ledger: ServiceLedger, id: string): Promise<T>
}

interface Candidate {
  readonly id: string
  readonly service: string
}

/**
 * The one with this id, or with a beginning of it that no other has, in whichever ledger.
 *
 * **Errors** exit code 3 where there is none, 2 with the candidates where there are several.
 */
export async function pickOne<T extends { readonly id: string }>(
  call: Call,
  id: string,
  kind: Identified<T>,
): Promise<{ readonly ledger: ServiceLedger; readonly found: T }> {
  if (id === '') throw usageError(`An empty id names no ${kind.noun}.`, `List them with: ${kind.list}`)
  const picks: { ledger: ServiceLedger; found: T }[] = []
  const meant: Candidate[] = []
  for (const ledger of await ledgersOf(call)) {
    try {
      const found = await kind.get(ledger, id)
      picks.push({ ledger, found })
      meant.push({ id: found.id, service: ledger.service.name })
    } catch (error) {
      if (isFirebreakError(error, kind.ambiguous)) meant.push(...candidatesOf(error, ledger))
      else if (!isFirebreakError(error, kind.notFound)) throw error
    }
  }
  const [first] = picks
  if (first !== undefined && meant.length === 1) return first
  if (meant.length > 0) throw ambiguous(id, kind.noun, meant)
  throw new CommandError(exit.notFound, `There is no ${kind.noun} ${id}.`, `List them with: ${kind.list}`)
}

const candidatesOf = ({ detail }: FirebreakError, { service }: ServiceLedger): readonly Candidate[] =>
  (detail['candidates'] as readonly string[]).map((id) => ({ id, service: service.name }))

export function ambiguous(id: string, noun: string, candidates: readonly Candidate[]): CommandError {
  const lines = candidates.map((one) => `  ${one.id}  ${one.service}`)
  const message = [`${id} is the beginning of several ${noun}s, the first of them:`, ...lines].join('\n')
  return new CommandError(exit.usage, message, 'Type more of the id. Nothing was changed.', candidates)
}
