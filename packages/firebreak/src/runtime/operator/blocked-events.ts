import type { Sql } from '../../contracts/database.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import type { LogRecord } from '../../contracts/log.ts'
import { withHeaders } from '../../contracts/original.ts'
import { inTransaction } from '../../contracts/sql/in-transaction.ts'
import type { ServiceDefinition } from '../../define/service.ts'
import {
  type BlockedAction,
  type BlockedEvent,
  type BlockedPage,
  type BlockedState,
  decideBlocked,
  findBlocked,
  listBlocked,
} from '../../ledger/blocked-events.ts'
import { bumpDecisions } from '../../ledger/change-counters.ts'
import { inLedger } from '../../ledger/ledger-place.ts'
import { blockedFilterOptions, checkedFilter } from '../../ledger/list-options.ts'
import { changeOutbox, removeFromOutbox } from '../../ledger/outbox.ts'
import { editedPayload } from '../message/edited-payload.ts'
import type { Decision, OperatorDeps } from './operator-deps.ts'

/**
 * What a person does about events that the log has refused. Every decision is one commit, safe beside the running service,
 * and the later events of the key leave in order after it.
 */
export interface BlockedEvents {
  /**
   * Oldest first; 100 unless `max` says otherwise. Those that wait, unless `state` says otherwise. The next page is `after` the
   * number of the last event.
   */
  list(page?: BlockedPage): Promise<readonly BlockedEvent[]>
  /** **Errors** `FB_BLOCKED_NOT_FOUND`. */
  get(number: number): Promise<BlockedEvent>
  /** Has it sent once more, now. **Errors** `FB_BLOCKED_NOT_FOUND`, `FB_BLOCKED_STATE` when somebody else decided first. */
  retry(number: number, decision: Decision): Promise<void>
  /**
   * Sends another payload in its place, as a new event that names the old one as its cause. The key stays.
   *
   * **Errors** as retry, and `FB_REPLAY_INVALID` where it does not fit the event, or its key.
   */
  edit(number: number, payload: unknown, decision: Decision): Promise<void>
  /** What `edit` would say to this payload. **Errors** as edit. */
  check(number: number, payload: unknown): Promise<void>
  /** Gives the event up. **Errors** as retry, and `FB_BLOCKED_REASON` when `note`, the reason, is empty. */
  discard(number: number, decision: Decision): Promise<void>
}

type Found = NonNullable<Awaited<ReturnType<typeof findBlocked>>>
type Decided = Exclude<BlockedState, 'blocked'>

export function blockedEvents(given: OperatorDeps): BlockedEvents {
  const deps = { ...given, database: inLedger(given.database) }
  const get = async (number: number): Promise<Found> => {
    const found = await findBlocked(deps.database, number)
    if (found === undefined) throw new FirebreakError('FB_BLOCKED_NOT_FOUND', { number })
    return found
  }
  return {
    list: async (page) =>
      listBlocked(deps.database, { state: 'blocked', ...checkedFilter(blockedFilterOptions, page) }),
    async get(number) {
      const { shard: _, ...event } = await get(number)
      return event
    },
    async check(number, payload) {
      await editedValue(deps, await get(number), payload)
    },
    retry: async (number, by) => act(deps, await get(number), { state: 'retried', by, change: async () => {} }),
    async edit(number, payload, by) {
      const found = await get(number)
      const value = await editedValue(deps, found, payload)
      const id = deps.entropy.uuid()
      const record = withHeaders({ ...recordOf(found), value }, editedHeaders(deps.service, found, id))
      const change = (sql: Sql): Promise<void> => changeOutbox(sql, { shard: found.shard, seq: number, record })
      await act(deps, found, { state: 'edited', by: { ...by, note: `${by.note} (as ${id})`.trim() }, change })
    },
    async discard(number, by) {
      const found = await get(number)
      if (by.note.trim() === '') throw new FirebreakError('FB_BLOCKED_REASON', { number })
      const change = (sql: Sql): Promise<void> => removeFromOutbox(sql, [{ shard: found.shard, seq: number }])
      await act(deps, found, { state: 'discarded', by, change })
    },
  }
}

const encoder = new TextEncoder()

async function act(
  deps: OperatorDeps,
  found: Found,
  { state, by, change }: { state: Decided; by: Decision; change: (sql: Sql) => Promise<void> },
): Promise<void> {
  const refused = (is: string): FirebreakError =>
    new FirebreakError('FB_BLOCKED_STATE', { number: found.number, state: is, action: state })
  if (found.state !== 'blocked') throw refused(found.state)
  const nowMs = deps.clock.now()
  const action: BlockedAction = { atMs: nowMs, action: state, by: by.by, note: by.note }
  await inTransaction(deps.database, async (sql) => {
    if (!(await decideBlocked(sql, found, { state, action, nowMs }))) throw refused('being tried or decided right now')
    await change(sql)
    await bumpDecisions(sql)
  })
  deps.onChange()
}

function recordOf({ topic, key, value, headers, original }: Found): LogRecord {
  return original === undefined ? { topic, key, value, headers } : { topic, key, value, headers, original }
}

function editedHeaders(service: ServiceDefinition, found: Found, id: string): Record<string, string> {
  const headers: Record<string, string> = { ce_id: id }
  const version = eventOf(service, found)?.version
  if (version !== undefined) headers['ce_schemaversion'] = String(version)
  if (found.eventId !== null) headers['ce_causationid'] = found.eventId
  return headers
}

const eventOf = (service: ServiceDefinition, { eventType, topic }: BlockedEvent) =>
  [...service.publishes].find((event) => event.type === eventType && event.topic === topic)

/** What a service still publishes has to fit its definition; of anything else only the form is known. */
async function editedValue(
  { service, clock }: OperatorDeps,
  found: Found,
  payload: unknown,
): Promise<Uint8Array | null> {
  const event = eventOf(service, found)
  if (event !== undefined) return editedPayload(clock, { event, payload, key: found.key })
  return payload === null ? null : encoder.encode(JSON.stringify(payload))
}
