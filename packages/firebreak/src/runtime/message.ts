import type { Attempt } from '../contracts/disposition.ts'
import type { Envelope } from '../contracts/envelope.ts'
import { FirebreakError } from '../contracts/errors.ts'
import type { LogEntry } from '../contracts/log.ts'
import type { Handler } from '../define/handle.ts'
import type { ServiceDefinition } from '../define/service.ts'
import type { ParkedRow } from '../ledger/parked.ts'
import { readPayload } from './contract.ts'
import { envelopeOf, inboxId, parsePayload } from './envelope-codec.ts'
import type { ClaimedPartition } from './partition.ts'

/** One record offered to its service: from the log, or from the parked table. */
export interface Delivery {
  readonly partition: ClaimedPartition
  readonly entry: LogEntry
  readonly lane: string
  readonly handled: boolean | 'ask'
  readonly parked: ParkedRow | null
}

/** A delivery and what could be read of it: always as much as possible, so that a dead letter says what it was. */
export interface Message {
  readonly delivery: Delivery
  readonly envelope: Envelope | null
  readonly inboxId: string | null
  readonly handler: Handler | null
  readonly payload: unknown
  /** Why it cannot be handled at all. */
  readonly broken: unknown
  readonly attempts: readonly Attempt[]
  readonly firstFailedAtMs: number | null
}

/** A delivery that nobody has looked into yet. */
export function unread(delivery: Delivery): Message {
  const past = { attempts: delivery.parked?.attempts ?? [], firstFailedAtMs: delivery.parked?.firstFailedAtMs ?? null }
  return { delivery, envelope: null, inboxId: null, handler: null, payload: null, broken: undefined, ...past }
}

/** Reads a delivery; never throws. A null handler without `broken` is an event that this service skips. */
export async function decode(service: ServiceDefinition, delivery: Delivery): Promise<Message> {
  const past = {
    attempts: delivery.parked?.attempts ?? [],
    firstFailedAtMs: delivery.parked?.firstFailedAtMs ?? null,
  }
  const nothing = {
    delivery,
    envelope: null,
    inboxId: null,
    handler: null,
    payload: null,
    broken: undefined,
    ...past,
  }
  let envelope: Envelope
  try {
    envelope = envelopeOf(delivery.entry)
  } catch (broken) {
    return { ...nothing, broken }
  }
  const known = { ...nothing, envelope, inboxId: inboxId(envelope) }
  const handler = service.handlers.get(envelope.type)
  if (handler === undefined || handler.event.topic !== delivery.entry.topic) {
    if (service.unknownEvents === 'skip') return known
    return {
      ...known,
      broken: new FirebreakError('FB_EVENT_UNKNOWN', {
        type: envelope.type,
        version: envelope.schemaVersion,
      }),
    }
  }
  try {
    const payload = readPayload(handler.event, envelope.schemaVersion, parsePayload(delivery.entry.value))
    return {
      ...known,
      handler,
      payload: payload instanceof Promise ? await payload : payload,
    }
  } catch (error) {
    return { ...known, handler, broken: asPermanent(error, envelope) }
  }
}

// An upcaster is the service's own code: when it throws, no retry will help.
function asPermanent(error: unknown, envelope: Envelope): unknown {
  if (error instanceof FirebreakError) return error
  const detail = {
    type: envelope.type,
    version: envelope.schemaVersion,
    issues: `upcaster failed: ${String(error)}`,
  }
  return new FirebreakError('FB_CONTRACT_VIOLATED', detail, error)
}
