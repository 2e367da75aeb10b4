import type { Clock } from '../../contracts/clock.ts'
import type { Attempt } from '../../contracts/disposition.ts'
import type { Envelope } from '../../contracts/envelope.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import type { LogEntry } from '../../contracts/log.ts'
import { textOf } from '../../contracts/text/text-of.ts'
import type { Handler } from '../../define/handle.ts'
import type { ServiceDefinition } from '../../define/service.ts'
import type { ParkedRow } from '../../ledger/parked.ts'
import type { ClaimedPartition } from '../partition/partition.ts'
import { inTime } from '../user-code/in-time.ts'
import type { Accepted } from '../user-code/validated.ts'
import { readPayload } from './contract.ts'
import { envelopeOf, parsePayload } from './envelope-codec.ts'

/** One record offered to its service: from the log, or from the parked table. */
export interface Delivery {
  readonly partition: ClaimedPartition
  readonly entry: LogEntry
  readonly lane: string
  readonly inboxId: string | null
  readonly handled: boolean | 'ask'
  readonly parked: Parked | null
}

/** A record from the parked table. */
export interface Parked extends ParkedRow {
  /** When its date had come, on the monotonic scale of this process. */
  readonly owedAtMs: number
}

/** A delivery and what could be read of it: always as much as possible, so that a dead letter says what it was. */
export interface Message {
  readonly delivery: Delivery
  readonly envelope: Envelope | null
  readonly handler: Handler | null
  readonly payload: unknown
  /** Why it cannot be handled at all. */
  readonly broken: unknown
  readonly attempts: readonly Attempt[]
}

/** What reading needs of the instance. */
interface Decoding {
  readonly service: ServiceDefinition
  readonly clock: Clock
}

interface Handled {
  readonly envelope: Envelope
  readonly handler: Handler
}

interface Read {
  readonly envelope: Envelope | null
  readonly handler: Handler | null
  readonly payload?: unknown
  readonly broken?: unknown
}

function messageOf(delivery: Delivery, read: Read): Message {
  const { parked } = delivery
  return {
    delivery,
    envelope: read.envelope,
    handler: read.handler,
    payload: read.payload,
    broken: read.broken,
    attempts: parked === null ? none : parked.attempts,
  }
}

const none: readonly never[] = []
const issuesMax = 500

/** A delivery that nobody has looked into yet. */
export const unread = (delivery: Delivery): Message => messageOf(delivery, { envelope: null, handler: null })

/**
 * Reads a delivery; never throws. A null handler without `broken` is an event that this service skips. A promise only when
 * the schema validates asynchronously.
 */
export function decode(engine: Decoding, delivery: Delivery): Message | Promise<Message> {
  const { service } = engine
  let envelope: Envelope
  try {
    envelope = envelopeOf(delivery.entry)
  } catch (broken) {
    return messageOf(delivery, { envelope: null, handler: null, broken })
  }
  const handler = service.handlers.get(envelope.type) ?? null
  if (handler === null || handler.event.topic !== delivery.entry.topic) {
    // Skipped, a replay would count as one that succeeded.
    const isReplay = delivery.parked !== null && delivery.parked.letterId !== null
    if (service.unknownEvents === 'skip' && !isReplay) return messageOf(delivery, { envelope, handler: null })
    const detail = { type: envelope.type, version: envelope.schemaVersion }
    return messageOf(delivery, { envelope, handler: null, broken: new FirebreakError('FB_EVENT_UNKNOWN', detail) })
  }
  return withPayload(engine, delivery, { envelope, handler })
}

function withPayload({ clock }: Decoding, delivery: Delivery, read: Handled): Message | Promise<Message> {
  const { envelope, handler } = read
  // No schema is asked: there is nothing that it could describe.
  if (delivery.entry.value === null && handler.event.tombstone === true)
    return messageOf(delivery, { ...read, payload: null })
  try {
    const payload = readPayload(handler.event, envelope.schemaVersion, parsePayload(delivery.entry.value))
    if (!(payload instanceof Promise)) return messageOf(delivery, { ...read, payload: payload.value })
    // A schema that never answers must not hold its key forever: the time of an attempt is its time too.
    const time = { clock, type: envelope.type, deadlineMs: handler.deadlineMs }
    return withLatePayload(delivery, read, inTime(time, payload))
  } catch (error) {
    return messageOf(delivery, { ...read, broken: asPermanent(error, envelope) })
  }
}

async function withLatePayload(delivery: Delivery, read: Handled, payload: Promise<Accepted>): Promise<Message> {
  try {
    return messageOf(delivery, { ...read, payload: (await payload).value })
  } catch (error) {
    return messageOf(delivery, { ...read, broken: asPermanent(error, read.envelope) })
  }
}

// Reading says by itself what is wrong; what it did not foresee no retry will help either.
function asPermanent(error: unknown, { type, schemaVersion: version }: Envelope): unknown {
  if (error instanceof FirebreakError) return error
  return new FirebreakError('FB_CONTRACT_VIOLATED', { type, version, issues: textOf(error, issuesMax) }, error)
}
