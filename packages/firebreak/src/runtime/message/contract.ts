import { FirebreakError } from '../../contracts/errors.ts'
import type { AnyEvent, TombstoneKey } from '../../contracts/event.ts'
import type { AnyMessage } from '../../contracts/message.ts'
import { fieldOf, textOf } from '../../contracts/text/text-of.ts'
import { isThenable, settled } from '../user-code/thenable.ts'
import { type Accepted, type Validated, validated } from '../user-code/validated.ts'
import type { Cause } from './envelope-codec.ts'

const reasonMax = 500

/** What has a key in its payload. */
type Keyed = Pick<AnyEvent, 'type' | 'version' | 'key'>

export const undeclaredTombstone = 'it is null, a tombstone, and the event does not declare tombstone: true'

/**
 * Lifts a payload from the version on the wire to the version of the definition and validates it.
 *
 * **Errors** `FB_UPCASTER_MISSING`, `FB_CONTRACT_VIOLATED`. Synchronous for synchronous schemas: most are.
 */
export function readPayload(event: AnyMessage, version: number, raw: unknown): Accepted | Promise<Accepted> {
  return check(event, upcast(event, version, raw))
}

/**
 * Validates a payload against the current version of its definition; resolves or returns the parsed value.
 *
 * **Errors** `FB_CONTRACT_VIOLATED`, also where the schema itself fails.
 */
export function check(event: AnyMessage, payload: unknown): Accepted | Promise<Accepted> {
  const result = validated(event.schema, payload)
  return result instanceof Promise ? result.then((r) => accepted(event, r)) : accepted(event, result)
}

function accepted(event: AnyMessage, result: Validated): Accepted {
  if ('value' in result) return result
  throw violated(event, result.issues, result.cause)
}

/**
 * The key of a payload, or the one that a tombstone is given.
 *
 * **Errors** `FB_CONTRACT_VIOLATED` where there is none: all such events would share one; and where not every engine keeps it: a
 * database knows no NUL, and a log no half of a pair of surrogates.
 */
export function keyOf(event: Keyed, payload: unknown, at: Partial<TombstoneKey> | undefined): string {
  const given = fieldOf(at, 'key')
  if (payload === null) {
    if (typeof given === 'string') return keptKey(event, given)
    throw violated(event, `a tombstone needs its key, publish(event, null, { key }), not ${textOf(given, reasonMax)}`)
  }
  const key = fieldOf(payload, event.key)
  if (typeof key !== 'string')
    throw violated(event, `${event.key}: is the key, and must be text, not ${textOf(key, reasonMax)}`)
  if (given !== undefined && given !== key)
    throw violated(event, `${event.key}: is the key, and not what is given beside the payload`)
  return keptKey(event, key)
}

function keptKey(event: Keyed, key: string): string {
  if (key.includes('\0')) throw violated(event, `${event.key}: has a character NUL`)
  if (!key.isWellFormed()) throw violated(event, `${event.key}: is the key, and has half a character`)
  return key
}

/** **Errors** `FB_CONTRACT_VIOLATED` for null where the event declares no tombstones. */
export function refuseTombstone(event: AnyEvent): void {
  if (event.tombstone !== true) throw violated(event, undeclaredTombstone)
}

/** What an event inherits, as somebody gives it. **Errors** `FB_CONTRACT_VIOLATED` for what no header can carry. */
export function causeOf(event: AnyMessage, given: Partial<Cause> | undefined): Cause | null {
  if (given?.correlationId === undefined) return null
  const { correlationId, causationId = null, traceparent = null } = given
  for (const [name, value] of Object.entries({ correlationId, causationId, traceparent })) {
    if (typeof value !== 'string' && (value !== null || name === 'correlationId'))
      throw violated(event, `${name} of its cause must be text, not ${textOf(value, reasonMax)}`)
  }
  return { correlationId, causationId, traceparent }
}

export const violated = (
  { type, version }: Pick<AnyMessage, 'type' | 'version'>,
  issues: string,
  cause?: unknown,
): FirebreakError => new FirebreakError('FB_CONTRACT_VIOLATED', { type, version, issues }, cause)

function upcast(event: AnyMessage, version: number, raw: unknown): unknown {
  let payload = raw
  for (let at = version; at !== event.version; at++) {
    const step = at < event.version ? event.upcast[at] : undefined
    if (step === undefined) {
      throw new FirebreakError('FB_UPCASTER_MISSING', {
        type: event.type,
        found: version,
        at,
        expected: event.version,
      })
    }
    payload = lifted(event, at, payload)
  }
  return payload
}

// An upcaster is the service's own code: when it fails, no retry will help.
function lifted(event: AnyMessage, at: number, payload: unknown): unknown {
  const failed = (reason: string, cause?: unknown): FirebreakError =>
    violated(event, `its upcaster from version ${at} ${reason}`, cause)
  let next: unknown
  try {
    next = event.upcast[at]?.(payload as never)
    if (!isThenable(next)) return next
  } catch (error) {
    throw failed(`failed: ${textOf(error, reasonMax)}`, error)
  }
  // What it comes to is nobody's any more: it must not end the process.
  settled(next).catch(() => undefined)
  throw failed('returned a promise: it must return the payload')
}
