import type { Clock } from '../../contracts/clock.ts'
import { FirebreakError, isFirebreakError } from '../../contracts/errors.ts'
import type { AnyEvent } from '../../contracts/event.ts'
import { fieldOf, textOf } from '../../contracts/text/text-of.ts'
import { inTime } from '../user-code/in-time.ts'
import { check, undeclaredTombstone } from './contract.ts'

/** What a person wants sent instead of a payload that failed. */
export interface Edited {
  readonly event: AnyEvent
  readonly payload: unknown
  /** Of the record: it stays, because it decides the place in the order. Null where it has none. */
  readonly key: string | null
}

const reasonMax = 500
/** Nobody has declared how long a person waits. **Units** ms. */
const schemaMaxMs = 30_000

/**
 * Writes an edited payload, and reads it as its handler will: the schema judges what is in the bytes. Null is a tombstone,
 * where the event declares them.
 *
 * **Errors** `FB_REPLAY_INVALID`, `FB_SCHEMA_TIMEOUT`.
 */
export async function editedPayload(clock: Clock, { event, payload, key }: Edited): Promise<Uint8Array | null> {
  const { type, version } = event
  const invalid = (issues: unknown, cause?: unknown): FirebreakError =>
    new FirebreakError('FB_REPLAY_INVALID', { type, version, issues }, cause)
  if (payload === null) {
    if (event.tombstone === true) return null
    throw invalid(undeclaredTombstone)
  }
  const text = written(payload, invalid)
  const raw: unknown = JSON.parse(text)
  // Before the schema, which may change it.
  const itsKey = scalar(fieldOf(raw, event.key))
  let read: unknown
  try {
    const checked = check(event, raw)
    read = (checked instanceof Promise ? await inTime({ clock, type, deadlineMs: schemaMaxMs }, checked) : checked)
      .value
  } catch (error) {
    throw isFirebreakError(error, 'FB_CONTRACT_VIOLATED') ? invalid(error.detail['issues'], error) : error
  }
  if (key !== null && itsKey !== key && scalar(fieldOf(read, event.key)) !== key)
    throw invalid(`${event.key}: must stay "${key}", because it decides the place in the order`)
  return new TextEncoder().encode(text)
}

function written(payload: unknown, invalid: (issues: string, cause?: unknown) => FirebreakError): string {
  let text: string | undefined
  try {
    text = JSON.stringify(payload)
  } catch (error) {
    throw invalid(`it cannot be written as JSON: ${textOf(error, reasonMax)}`, error)
  }
  if (text === undefined) throw invalid(`it cannot be written as JSON: it is ${typeof payload}`)
  return text
}

const scalar = (value: unknown): string | undefined =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : undefined
