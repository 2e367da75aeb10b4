import type { Sql } from '../../contracts/database.ts'
import type { Headers } from '../../contracts/envelope.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import type { AnyEvent } from '../../contracts/event.ts'
import type { LogEntry } from '../../contracts/log.ts'
import { withHeaders } from '../../contracts/original.ts'
import type { ServiceDefinition } from '../../define/service.ts'
import { moveAccounts } from '../../ledger/accounts.ts'
import type { DeadLetter } from '../../ledger/letters.ts'
import { park, withdrawReplay } from '../../ledger/parked.ts'
import { fencePartition } from '../../ledger/partitions.ts'
import { isJobTopic } from '../jobs/job-topic.ts'
import { editedPayload } from '../message/edited-payload.ts'
import {
  actionOf,
  editedAction,
  inOtherHands,
  type LedgerChange,
  type LetterActions,
  moveLetter,
  refusedIn,
} from './letter-actions.ts'
import type { Decision, OperatorDeps } from './operator-deps.ts'

/** Letters of records of the log. What is handed back is parked at its old position. */
export function recordLetters(deps: OperatorDeps): LetterActions {
  return {
    replay: (letter, by) => replayed(deps, letter, by),
    edit: (letter, payload, by) => edited(deps, letter, payload, by),
    check: async (letter, payload) => void (await editedValue(deps, letter, payload)),
    discard: (letter, by) => discarded(deps, letter, by),
  }
}

function replayed(deps: OperatorDeps, letter: DeadLetter, by: Decision): LedgerChange {
  refuseUnhandled(deps.service, letter)
  return async (sql) => {
    await moveLetter(sql, letter, { to: 'replaying', action: actionOf(deps, 'replayed', by) })
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

async function edited(deps: OperatorDeps, letter: DeadLetter, payload: unknown, by: Decision): Promise<LedgerChange> {
  const { event, value } = await editedValue(deps, letter, payload)
  const id = deps.entropy.uuid()
  const changes = { ce_id: id, ce_schemaversion: String(event.version), ...causedBy(letter.eventId) }
  return async (sql) => {
    await moveLetter(sql, letter, { to: 'superseded', action: editedAction(deps, by, id) })
    await reenter(deps, sql, letter, withHeaders({ ...letter.entry, value }, changes))
  }
}

async function editedValue(
  { clock, service }: OperatorDeps,
  letter: DeadLetter,
  payload: unknown,
): Promise<{ event: AnyEvent; value: Uint8Array | null }> {
  const event = handledBy(service, letter)
  return { event, value: await editedPayload(clock, { event, payload, key: letter.entry.key }) }
}

const causedBy = (id: string | null): Headers => (id === null ? {} : { ce_causationid: id })

function discarded(deps: OperatorDeps, letter: DeadLetter, by: Decision): LedgerChange {
  const { topic, partition } = letter.entry
  const stranded = isStranded(deps.service, letter)
  return async (sql) => {
    const action = actionOf(deps, 'discarded', by)
    await moveLetter(sql, letter, { from: stranded ? 'replaying' : 'open', to: 'discarded', action })
    if (stranded) {
      // An instance of an older release may have it in its hands.
      await fencePartition(sql, { topic, partition })
      if (!(await withdrawReplay(sql, letter.id))) throw refusedIn(inOtherHands, letter, action)
    }
    const from = stranded ? { parked: -1 } : { dead: -1 }
    await moveAccounts(sql, { topic, part: partition }, { ...from, discarded: 1 })
  }
}

/** It was handed back to a topic that its service reads no more: nobody will ever take it. A job waits in the ledger instead. */
export const isStranded = (service: ServiceDefinition, { state, entry }: DeadLetter): boolean =>
  state === 'replaying' && !isJobTopic(entry.topic) && !service.topics.includes(entry.topic)

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
