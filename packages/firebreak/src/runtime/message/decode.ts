import type { Clock } from '../../contracts/clock.ts'
import type { Envelope } from '../../contracts/envelope.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import { textOf } from '../../contracts/text/text-of.ts'
import type { Handler } from '../../define/handle.ts'
import type { ServiceDefinition } from '../../define/service.ts'
import type { Delivery } from '../partition/partition.ts'
import { inTime } from '../user-code/in-time.ts'
import type { Accepted } from '../user-code/validated.ts'
import { readPayload } from './contract.ts'
import { envelopeOf, parsePayload } from './envelope-codec.ts'

/** What reading needs of the instance. */
interface Decoding {
  readonly service: ServiceDefinition
  readonly clock: Clock
}

const issuesMax = 500

/**
 * Reads a delivery; never throws. A null handler without `broken` is an event that this service skips. A promise only when
 * the schema validates asynchronously.
 */
export function decode(instance: Decoding, delivery: Delivery): Promise<void> | undefined {
  const { service } = instance
  delivery.handler = null
  delivery.payload = undefined
  delivery.broken = undefined
  let envelope: Envelope
  try {
    envelope = envelopeOf(delivery.entry)
  } catch (broken) {
    delivery.broken = broken
    return undefined
  }
  delivery.envelope = envelope
  const handler = service.handlers.get(envelope.type) ?? null
  if (handler !== null && handler.event.topic === delivery.entry.topic) {
    delivery.handler = handler
    return readInto(instance, delivery, envelope, handler)
  }
  // Skipped, a replay would count as one that succeeded.
  const isReplay = delivery.parked !== null && delivery.parked.letterId !== null
  if (service.unknownEvents === 'skip' && !isReplay) return undefined
  const detail = { type: envelope.type, version: envelope.schemaVersion }
  delivery.broken = new FirebreakError('FB_EVENT_UNKNOWN', detail)
  return undefined
}

function readInto(
  { clock }: Decoding,
  delivery: Delivery,
  envelope: Envelope,
  handler: Handler,
): Promise<void> | undefined {
  // No schema is asked: there is nothing that it could describe.
  if (delivery.entry.value === null && handler.event.tombstone === true) {
    delivery.payload = null
    return undefined
  }
  try {
    const payload = readPayload(handler.event, envelope.schemaVersion, parsePayload(delivery.entry.value))
    if (payload instanceof Promise) {
      // A schema that never answers must not hold its key forever: the time of an attempt is its time too.
      const time = { clock, type: envelope.type, deadlineMs: handler.deadlineMs }
      return readLate(delivery, envelope, inTime(time, payload))
    }
    delivery.payload = payload.value
  } catch (error) {
    delivery.broken = asPermanent(error, envelope)
  }
  return undefined
}

async function readLate(delivery: Delivery, envelope: Envelope, payload: Promise<Accepted>): Promise<void> {
  try {
    delivery.payload = (await payload).value
  } catch (error) {
    delivery.broken = asPermanent(error, envelope)
  }
}

// Reading says by itself what is wrong; what it did not foresee no retry will help either.
function asPermanent(error: unknown, { type, schemaVersion: version }: Envelope): unknown {
  if (error instanceof FirebreakError) return error
  return new FirebreakError('FB_CONTRACT_VIOLATED', { type, version, issues: textOf(error, issuesMax) }, error)
}
