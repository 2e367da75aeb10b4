import { isFirebreakError } from '../contracts/errors.ts'
import { type BlockedEvent, type BlockedFilter, type BlockedState, countBlocked } from '../ledger/blocked-events.ts'
import { toRfc3339 } from '../node/clock.ts'
import type { Arguments, OptionSpec } from './args.ts'
import type { Call } from './command.ts'
import { CommandError, exit, usageError } from './exit.ts'
import { counted } from './output.ts'
import { originalFields, payloadFields } from './payload.ts'
import type { ServiceLedger } from './session.ts'
import { didYouMean } from './suggest.ts'

/** A blocked event and the service it belongs to. */
export interface BlockedPick {
  readonly ledger: ServiceLedger
  readonly event: BlockedEvent
}

const states: readonly BlockedState[] = ['blocked', 'retried', 'edited', 'discarded']

export const outboxFilterOptions: Readonly<Record<string, OptionSpec>> = {
  service: { value: 'name', help: 'only this service' },
  topic: { value: 'topic', help: 'only events of this topic' },
  type: { value: 'event type', help: 'only events of this type' },
}

export const outboxStateOption: Readonly<Record<string, OptionSpec>> = {
  state: { value: 'state', help: `${states.join(', ')} or all; default blocked` },
}

export interface BlockedPicks {
  readonly picks: readonly BlockedPick[]
  /** How many match, those above the maximum included. */
  readonly total: number
}

/** Blocked events of all services, or of `--service`, oldest first. */
export async function blockedByFilter(call: Call, max: number): Promise<BlockedPicks> {
  const filter = filterOf(call.args)
  const picks: BlockedPick[] = []
  let total = 0
  for (const ledger of await ledgersOf(call)) {
    total += await countBlocked(ledger.database, filter)
    for (const event of await ledger.outbox.list({ ...filter, max })) picks.push({ ledger, event })
  }
  picks.sort((a, b) => a.event.atMs - b.event.atMs)
  return { picks: picks.slice(0, max), total }
}

function filterOf(args: Arguments): BlockedFilter {
  const [state, topic, eventType] = [args.text('state') ?? 'blocked', args.text('topic'), args.text('type')]
  return {
    state: state === 'all' ? undefined : stateOf(state),
    ...(topic === undefined ? {} : { topic }),
    ...(eventType === undefined ? {} : { eventType }),
  }
}

function stateOf(typed: string): BlockedState {
  const state = states.find((known) => known === typed)
  if (state !== undefined) return state
  throw usageError(
    `There is no state "${typed}".${didYouMean(typed, [...states, 'all'])}`,
    `Use ${states.join(', ')} or all.`,
  )
}

/** **Errors** exit code 3 when no service has it, 2 for what is no number, or when several services have one. */
export async function blockedByNumber(call: Call, typed: string): Promise<BlockedPick> {
  if (!/^\d{1,15}$/.test(typed))
    throw usageError(`"${typed}" is not the number of a blocked event.`, 'List them with: firebreak outbox list')
  const found: BlockedPick[] = []
  for (const ledger of await ledgersOf(call)) {
    try {
      found.push({ ledger, event: await ledger.outbox.get(Number(typed)) })
    } catch (error) {
      if (!isFirebreakError(error, 'FB_BLOCKED_NOT_FOUND')) throw error
    }
  }
  const [first] = found
  if (first === undefined) {
    const hint = 'List them with: firebreak outbox list --state all'
    throw new CommandError(exit.notFound, `There is no blocked event ${typed}.`, hint)
  }
  if (found.length === 1) return first
  const names = found.map(({ ledger }) => ledger.service.name).join(', ')
  throw usageError(`Several services have a blocked event ${typed}: ${names}.`, 'Name one with --service.')
}

async function ledgersOf({ args, session, output }: Call): Promise<readonly ServiceLedger[]> {
  const { awake, asleep } = await session.ledgers(args.text('service'))
  if (asleep.length > 0) output.note(`(${asleep.join(', ')} has never run: no ledger yet)`)
  return awake
}

/** One row of `--json`. */
export function blockedSummary({ ledger, event }: BlockedPick): Readonly<Record<string, unknown>> {
  const { number, state, topic, key, eventId, eventType, errorClass, message, tries } = event
  const about = { number, service: ledger.service.name, state, topic, key, eventId, eventType }
  return { ...about, at: toRfc3339(event.atMs), errorClass, message, tries }
}

/** All that is known of it. */
export function blockedDetail(pick: BlockedPick): Readonly<Record<string, unknown>> {
  const { headers, value, original, history } = pick.event
  return {
    ...blockedSummary(pick),
    headers,
    ...originalFields(original),
    ...payloadFields(value),
    history: history.map((action) => ({ ...action, at: toRfc3339(action.atMs) })),
  }
}

export const blockedEvents = (n: number): string => counted(n, 'blocked event')
