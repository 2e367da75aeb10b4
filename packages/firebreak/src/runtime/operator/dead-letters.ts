import type { Clock } from '../../contracts/clock.ts'
import type { Database, Sql } from '../../contracts/database.ts'
import type { Entropy } from '../../contracts/entropy.ts'
import type { Headers } from '../../contracts/envelope.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import type { AnyEvent } from '../../contracts/event.ts'
import type { LogEntry } from '../../contracts/log.ts'
import { withHeaders } from '../../contracts/original.ts'
import { inTransaction } from '../../contracts/sql/in-transaction.ts'
import type { ServiceDefinition } from '../../define/service.ts'
import { moveAccounts } from '../../ledger/accounts.ts'
import { bumpDecisions } from '../../ledger/change-counters.ts'
import { inLedger } from '../../ledger/ledger-place.ts'
import {
  changeLetter,
  type DeadLetter,
  type DeadLetterAction,
  type DeadLetterPage,
  type DeadLetterState,
  findLetter,
  letterIdsLike,
  listLetters,
} from '../../ledger/letters.ts'
import { checkedFilter, letterFilterOptions } from '../../ledger/list-options.ts'
import { park, withdrawReplay } from '../../ledger/parked.ts'
import { fencePartition } from '../../ledger/partitions.ts'
import { editedPayload } from '../message/edited-payload.ts'

/** Who does it and why: kept with the letter. */
export interface Decision {
  readonly by: string
  readonly note: string
}

/** What a person does about dead letters. Every action is one commit, safe beside the running service. */
export interface DeadLetters {
  /**
   * Newest first; 100 unless `max` says otherwise. The next page is `after` the id of the last letter: each letter that is there
   * all the time comes once, while others are added and decided.
   */
  list(page?: DeadLetterPage): Promise<readonly DeadLetter[]>
  /** By id, or by the beginning of one that no other has. **Errors** `FB_DEAD_LETTER_NOT_FOUND`, `FB_DEAD_LETTER_AMBIGUOUS`. */
  get(id: string): Promise<DeadLetter>
  /**
   * Hands the original bytes to the one service that failed, under their old event id; no other consumer sees them again.
   *
   * **Errors** `FB_DEAD_LETTER_NOT_FOUND`, `FB_DEAD_LETTER_AMBIGUOUS`, `FB_DEAD_LETTER_STATE` when somebody else decided first, `FB_REPLAY_INVALID` when the service
   * has no handler for it any more.
   */
  replay(id: string, decision: Decision): Promise<void>
  /** Replays a changed payload as a new event caused by the old one. **Errors** as replay, and `FB_REPLAY_INVALID`, `FB_SCHEMA_TIMEOUT`. */
  edit(id: string, payload: unknown, decision: Decision): Promise<void>
  /**
   * Gives the record up; also one that is being replayed on a topic that the service reads no more.
   *
   * **Errors** as replay, and `FB_DEAD_LETTER_REASON` when `note`, the reason, is empty.
   */
  discard(id: string, decision: Decision): Promise<void>
}

export interface OperatorDeps {
  readonly database: Database
  readonly service: ServiceDefinition
  readonly clock: Clock
  readonly entropy: Entropy
  /** After a change, so that a runtime in this process goes on at once. */
  readonly onChange: () => void
}

export function deadLetters(given: OperatorDeps): DeadLetters {
  const deps = { ...given, database: inLedger(given.database) }
  const get = (id: string): Promise<DeadLetter> => letterNamed(deps.database, id)
  const act = async (
    id: string,
    action: (letter: DeadLetter) => Promise<(sql: Sql) => Promise<void>>,
  ): Promise<void> => {
    const change = await action(await get(id))
    await inTransaction(deps.database, async (sql) => {
      await change(sql)
      await bumpDecisions(sql)
    })
    deps.onChange()
  }
  return {
    list: async (page) => listLetters(deps.database, checkedFilter(letterFilterOptions, page)),
    get,
    replay: (id, by) => act(id, async (letter) => replayed(deps, letter, by)),
    edit: (id, payload, by) => act(id, (letter) => edited(deps, letter, payload, by)),
    discard: (id, by) => act(id, async (letter) => discarded(deps, letter, by)),
  }
}

const candidatesMax = 10

async function letterNamed(database: Database, id: string): Promise<DeadLetter> {
  const letter = await findLetter(database, id, database.capabilities)
  if (letter !== undefined) return letter
  const [only, ...others] = await letterIdsLike(database, id, candidatesMax + 1)
  if (only === undefined) throw new FirebreakError('FB_DEAD_LETTER_NOT_FOUND', { id })
  if (others.length === 0) return letterNamed(database, only)
  const candidates = [only, ...others].slice(0, candidatesMax)
  const more = others.length === candidatesMax ? ' and more' : ''
  throw new FirebreakError('FB_DEAD_LETTER_AMBIGUOUS', { id, candidates, shown: `${candidates.join(', ')}${more}` })
}

function replayed(deps: OperatorDeps, letter: DeadLetter, by: Decision): (sql: Sql) => Promise<void> {
  refuseUnhandled(deps.service, letter)
  return async (sql) => {
    await change(sql, letter, { to: 'replaying', action: actionOf(deps, 'replayed', by) })
    await reenter(deps, sql, letter, letter.entry)
  }
}

/** Nobody would take it: it would be on its way forever, or be skipped. */
function refuseUnhandled(service: ServiceDefinition, { entry, eventType }: DeadLetter): void {
  const handlers = [...service.handlers.values()].filter(({ event }) => event.topic === entry.topic)
  // What could not be read has no type: a reader of its topic may be able to by now.
  const isHandled = eventType === null ? handlers.length > 0 : handlers.some(({ event }) => event.type === eventType)
  if (isHandled) return
  const issues = `${service.name} has no handler for it on topic ${entry.topic}`
  const version = entry.headers['ce_schemaversion'] ?? '1'
  throw new FirebreakError('FB_REPLAY_INVALID', { type: eventType ?? 'unknown', version, issues })
}

async function edited(
  deps: OperatorDeps,
  letter: DeadLetter,
  payload: unknown,
  by: Decision,
): Promise<(sql: Sql) => Promise<void>> {
  const event = handledBy(deps.service, letter)
  const value = await editedPayload(deps.clock, { event, payload, key: letter.entry.key })
  const id = deps.entropy.uuid()
  const changes = { ce_id: id, ce_schemaversion: String(event.version), ...causedBy(letter.eventId) }
  return async (sql) => {
    await change(sql, letter, {
      to: 'superseded',
      action: actionOf(deps, 'edited', { ...by, note: `${by.note} (as ${id})` }),
    })
    await reenter(deps, sql, letter, withHeaders({ ...letter.entry, value }, changes))
  }
}

const causedBy = (id: string | null): Headers => (id === null ? {} : { ce_causationid: id })

function discarded(deps: OperatorDeps, letter: DeadLetter, by: Decision): (sql: Sql) => Promise<void> {
  if (by.note.trim() === '') throw new FirebreakError('FB_DEAD_LETTER_REASON', { id: letter.id })
  const { topic, partition } = letter.entry
  const stranded = isStranded(deps.service, letter)
  return async (sql) => {
    const action = actionOf(deps, 'discarded', by)
    await change(sql, letter, { from: stranded ? 'replaying' : 'open', to: 'discarded', action })
    if (stranded) {
      // An instance of an older release may have it in its hands.
      await fencePartition(sql, { topic, partition })
      if (!(await withdrawReplay(sql, letter.id))) throw refusedIn('being handled by somebody else', letter, action)
    }
    const from = stranded ? { parked: -1 } : { dead: -1 }
    await moveAccounts(sql, { topic, part: partition }, { ...from, discarded: 1 })
  }
}

/** It was handed back to a topic that its service reads no more: nobody will ever take it. */
export const isStranded = (service: ServiceDefinition, { state, entry }: DeadLetter): boolean =>
  state === 'replaying' && !service.topics.includes(entry.topic)

async function change(
  sql: Sql,
  letter: DeadLetter,
  to: { from?: DeadLetterState; to: 'replaying' | 'superseded' | 'discarded'; action: DeadLetterAction },
): Promise<void> {
  const { from = 'open' } = to
  if (letter.state !== from) throw refusedIn(letter.state, letter, to.action)
  if (!(await changeLetter(sql, letter, { ...to, from })))
    throw refusedIn('being handled by somebody else', letter, to.action)
}

const refusedIn = (state: string, { id }: DeadLetter, { action }: DeadLetterAction): FirebreakError =>
  new FirebreakError('FB_DEAD_LETTER_STATE', { id, state, action })

// At its old position: before everything of its key that came later and still waits.
async function reenter(deps: OperatorDeps, sql: Sql, letter: DeadLetter, entry: LogEntry): Promise<void> {
  const isCopy = entry !== letter.entry
  const letterId = isCopy ? null : letter.id
  const atMs = deps.clock.now()
  await park(sql, { entry, lane: letter.lane, dueAtMs: atMs, atMs, attempts: [], firstFailedAtMs: null, letterId })
  await moveAccounts(sql, { topic: entry.topic, part: entry.partition }, { dead: -1, parked: 1 })
}

function handledBy(service: ServiceDefinition, { eventType }: DeadLetter): AnyEvent {
  const handler = service.handlers.get(eventType ?? '')
  if (handler !== undefined) return handler.event
  const issues = `${service.name} has no handler for it`
  throw new FirebreakError('FB_REPLAY_INVALID', { type: eventType ?? 'unknown', version: '?', issues })
}

const actionOf = (deps: OperatorDeps, action: DeadLetterAction['action'], by: Decision): DeadLetterAction => ({
  atMs: deps.clock.now(),
  action,
  by: by.by,
  note: by.note,
})
