import { FirebreakError } from '../../contracts/errors.ts'
import type { AnyMessage } from '../../contracts/message.ts'
import { payloadDifference } from '../../contracts/text/payload-difference.ts'
import { isKeptJson, isSameJson } from '../../contracts/text/same-json.ts'
import { textOf } from '../../contracts/text/text-of.ts'
import { describeWire } from '../../define/wire-schema.ts'
import { type Validated, validated } from '../user-code/validated.ts'
import { violated } from './contract.ts'

const reasonMax = 500

/** A payload on its way out. */
export interface Outgoing {
  readonly message: AnyMessage
  /** What the publisher passed. */
  readonly given: unknown
  /** What the schema made of it: this is written. */
  readonly made: unknown
}

/** The text of a payload, and what is known of it. */
export interface Written {
  readonly text: string
  /** The schema changed no value that it was given, and JSON carries all that it returned as it is. */
  readonly isKept: boolean
}

/**
 * Writes a payload. What is larger than its limit is refused before it is written, as far as that can be seen: a list of four
 * billion holes is small until then.
 *
 * **Errors** `FB_CONTRACT_VIOLATED` for what JSON cannot say, such as a bigint or a cycle; `FB_RECORD_TOO_LARGE`.
 */
export function writtenPayload({ message, given, made }: Outgoing, bytesMax: number): Written {
  const isKept = isKeptJson(given, made, bytesMax)
  const isBounded = isKept || (given !== made && isKeptJson(made, made, bytesMax))
  const room = { left: bytesMax }
  let text: string | undefined
  try {
    text = isBounded ? JSON.stringify(made) : JSON.stringify(made, (_, value: unknown) => within(room, value))
  } catch (error) {
    const bytes = `more than ${bytesMax}`
    if (room.left < 0) throw new FirebreakError('FB_RECORD_TOO_LARGE', { type: message.type, bytes, limit: bytesMax })
    throw violated(message, `it cannot be written as JSON: ${textOf(error, reasonMax)}`, error)
  }
  if (text === undefined) throw violated(message, `it cannot be written as JSON: it is ${typeof made}`)
  return { text, isKept }
}

/** Each value is looked at before its parts are written: none takes fewer bytes than it has parts. */
function within(room: { left: number }, value: unknown): unknown {
  if (typeof value === 'string' || Array.isArray(value)) room.left -= value.length
  else if (ArrayBuffer.isView(value)) room.left -= value.byteLength / 8
  room.left -= 1
  if (room.left < 0) throw new RangeError('too large')
  return value
}

/**
 * Reads a payload as every reader will, and refuses it where that comes to another value.
 *
 * **Errors** `FB_CONTRACT_VIOLATED`. A promise only when the schema validates asynchronously.
 */
export function readBack(message: AnyMessage, made: unknown, text: string): void | Promise<void> {
  const result = validated(message.schema, JSON.parse(text))
  if (result instanceof Promise) return result.then((late) => refuseOther(message, made, late))
  refuseOther(message, made, result)
}

function refuseOther(message: AnyMessage, made: unknown, read: Validated): void {
  // Nearly all are the same JSON, which is seen at once.
  if ('value' in read && isSameJson(made, read.value, Number.POSITIVE_INFINITY)) return
  const reason = 'value' in read ? payloadDifference(made, read.value) : read.issues
  if (reason !== undefined)
    throw violated(
      message,
      `it cannot read what it writes: ${reason}. ${describeWire}`,
      'value' in read ? undefined : read.cause,
    )
}
