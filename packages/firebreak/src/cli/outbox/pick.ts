import { isFirebreakError } from '../../contracts/errors.ts'
import { type BlockedEvent, type BlockedFilter, type BlockedState, countBlocked } from '../../ledger/blocked-events.ts'
import { toRfc3339 } from '../../node/clock.ts'
import type { Arguments, OptionSpec } from '../program/args.ts'
import type { Call } from '../program/command.ts'
import { CommandError, exit, usageError } from '../program/exit.ts'
import { counted } from '../program/output.ts'
import { type PageQuery, pageMax } from '../program/pages.ts'
import { originalFields, payloadFields } from '../program/payload.ts'
import { ledgersOf } from '../program/pick-by-id.ts'
import type { ServiceLedger } from '../program/session.ts'
import { stateNamed } from '../program/state-option.ts'

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

export const outboxPageOptions: Readonly<Record<string, OptionSpec>> = {
  after: { value: 'service:number', help: 'the page behind this event; "next" of the page before' },
}

/** What a list goes through: blocked events, service by service, the oldest of each first. `after` is as `placeOf` says. */
export interface BlockedQuery extends PageQuery {
  readonly filter: BlockedFilter
}

/** Page by page, so that any number of events takes the memory of one page. **Errors** a usage error for `after`. */
export async function* blockedPages({
  ledgers,
  filter,
  after,
  max,
}: BlockedQuery): AsyncGenerator<readonly BlockedPick[]> {
  const from = after === undefined ? undefined : readPlace(after, ledgers)
  let left = max
  for (const ledger of ledgers.slice(from?.at ?? 0)) {
    let behind = ledger === ledgers[from?.at ?? -1] ? from?.number : undefined
    while (left > 0) {
      const page = { ...filter, max: Math.min(left, pageMax), ...(behind === undefined ? {} : { after: behind }) }
      const events = await ledger.outbox.list(page)
      if (events.length > 0) yield events.map((event) => ({ ledger, event }))
      left -= events.length
      behind = events.at(-1)?.number
      if (events.length < page.max) break
    }
  }
}

/** Where an event stands in the list: its number alone is that of one service. */
export const placeOf = ({ ledger, event }: BlockedPick): string => `${ledger.service.name}:${event.number}`

function readPlace(typed: string, ledgers: readonly ServiceLedger[]): { at: number; number: number } {
  const [, name, number] = /^(.+):(\d{1,15})$/.exec(typed) ?? []
  const at = ledgers.findIndex(({ service }) => service.name === name)
  if (at >= 0) return { at, number: Number(number) }
  throw usageError(`--after takes a service and a number, as in invoicing:4711, not "${typed}".`)
}

/** How many match in all. */
export async function countOfBlocked(ledgers: readonly ServiceLedger[], filter: BlockedFilter): Promise<number> {
  let total = 0
  for (const { database } of ledgers) total += await countBlocked(database, filter)
  return total
}

/** The filter that the options ask for; blocked events unless `--state` says otherwise. */
export function blockedFilterOf(args: Arguments): BlockedFilter {
  const [topic, eventType] = [args.text('topic'), args.text('type')]
  return {
    state: stateNamed(args.text('state') ?? 'blocked', states),
    ...(topic === undefined ? {} : { topic }),
    ...(eventType === undefined ? {} : { eventType }),
  }
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
  const candidates = found.map(({ ledger }) => ({ number: first.event.number, service: ledger.service.name }))
  const names = candidates.map(({ service }) => service).join(', ')
  const message = `Several services have a blocked event ${typed}: ${names}.`
  throw new CommandError(exit.usage, message, 'Name one with --service. Nothing was changed.', candidates)
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
