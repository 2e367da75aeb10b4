/**
 * What a record's producer wrote and text cannot say. Records of other programs have keys of any bytes, and headers that
 * come twice, have no value or are no UTF-8; a dead letter, a mirror and a replay must give them back as they were.
 *
 * As bytes, in the embedded log and the ledger; numbers are int32, big-endian, and a length of -1 means none:
 *
 *     original = key:bytes count header*        count -1: the text of the headers says all
 *     header   = name:bytes value:bytes         bytes = length byte*
 */
import type { Headers } from './envelope.ts'

/** One header as it was written. Names may come again, and both may be bytes that are no text. */
export interface OriginalHeader {
  readonly name: Uint8Array
  readonly value: Uint8Array | null
}

/** A part is there only where it says more than the record's `key` or `headers`, and then it counts instead of them. */
export interface Original {
  readonly key?: Uint8Array
  /** All of them, in their order. */
  readonly headers?: readonly OriginalHeader[]
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const lengthBytes = 4

interface Readable {
  readonly key: string | null
  readonly headers: Headers
  readonly original: Original
}

/** With the text of what is kept beside it: other bytes than UTF-8 become replacement characters. */
export function withText<R extends Readable>(record: R): R {
  const { key, headers } = record.original
  return {
    ...record,
    key: key === undefined ? record.key : decoder.decode(key),
    // Not by assignment: a name may be one that objects have a meaning for.
    headers: headers === undefined ? record.headers : Object.fromEntries(headers.map(textHeader)),
  }
}

const textHeader = ({ name, value }: OriginalHeader): [string, string] => [
  decoder.decode(name),
  value === null ? '' : decoder.decode(value),
]

/** Sets headers by their names, in the text and in what is kept beside it. */
export function withHeaders<R extends { readonly headers: Headers; readonly original?: Original }>(
  record: R,
  changes: Headers,
): R {
  const headers = { ...record.headers, ...changes }
  if (record.original?.headers === undefined) return { ...record, headers }
  const kept = record.original.headers.filter(({ name }) => !Object.hasOwn(changes, decoder.decode(name)))
  const set = Object.entries(changes).map(([name, value]) => ({
    name: encoder.encode(name),
    value: encoder.encode(value),
  }))
  return { ...record, headers, original: { ...record.original, headers: [...kept, ...set] } }
}

/** Bytes of the key and the headers, without their lengths. */
export function originalParts({ key, headers }: Original): { readonly key?: number; readonly headers?: number } {
  const sum = headers?.reduce((bytes, { name, value }) => bytes + name.length + (value?.length ?? 0), 0)
  return { ...(key && { key: key.length }), ...(sum !== undefined && { headers: sum }) }
}

export function encodeOriginal({ key, headers }: Original): Uint8Array {
  const parts: (Uint8Array | null)[] = []
  for (const { name, value } of headers ?? []) parts.push(name, value)
  const all = [key ?? null, ...parts]
  const size = all.reduce((bytes, part) => bytes + lengthBytes + (part?.length ?? 0), lengthBytes)
  const bytes = new Uint8Array(size)
  const view = new DataView(bytes.buffer)
  let at = 0
  const put = (part: Uint8Array | null): void => {
    view.setInt32(at, part?.length ?? -1)
    at += lengthBytes
    if (part === null) return
    bytes.set(part, at)
    at += part.length
  }
  put(key ?? null)
  view.setInt32(at, headers?.length ?? -1)
  at += lengthBytes
  for (const part of parts) put(part)
  return bytes
}

/** **Errors** `RangeError` where the bytes are none of `encodeOriginal`. */
export function decodeOriginal(bytes: Uint8Array): Original {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let at = 0
  const number = (): number => {
    at += lengthBytes
    return view.getInt32(at - lengthBytes)
  }
  const part = (): Uint8Array | null => {
    const size = number()
    if (size < 0) return null
    if (at + size > bytes.length) throw new RangeError('a part is longer than the whole')
    at += size
    return bytes.subarray(at - size, at)
  }
  const key = part()
  const count = number()
  const headers: OriginalHeader[] = []
  for (let i = 0; i < count; i++) headers.push({ name: part() ?? empty, value: part() })
  return { ...(key !== null && { key }), ...(count >= 0 && { headers }) }
}

const empty = new Uint8Array()

/** With bytes of its own. */
export const copyOfOriginal = (original: Original): Original => decodeOriginal(encodeOriginal(original))
