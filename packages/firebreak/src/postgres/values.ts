import type { SqlRow, SqlValue } from '../contracts/database.ts'

/** A parameter as the protocol carries it: text, or bytes. */
export type WireValue = string | Buffer | null

/** One column of an answer. */
export interface Field {
  readonly name: string
  readonly typeId: number
  readonly read: (text: string) => SqlValue
}

/** Bytes are copied: they may wait, and belong to their caller. */
export function toWire(value: SqlValue): WireValue {
  if (value === null || typeof value === 'string') return value
  return typeof value === 'object' ? copyOf(value) : String(value)
}

// By what the bytes are, and not by what an object says of itself. Small ones share memory, so there is less to collect.
function copyOf(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafe(byteLength.call(bytes))
  copy.set(bytes)
  return copy
}

const { get: byteLength } = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  'byteLength',
) as { readonly get: () => number }

// Object identifiers of the built-in types. **Source** https://www.postgresql.org/docs/current/catalog-pg-type.html
const readers: ReadonlyMap<number, (text: string) => SqlValue> = new Map<number, (text: string) => SqlValue>([
  [16, readBoolean],
  [17, readBytes],
  [20, readInteger],
  [21, Number],
  [23, Number],
  [26, Number],
  [700, Number],
  [701, Number],
])

export function fieldOf(name: string, typeId: number): Field {
  return { name, typeId, read: readers.get(typeId) ?? asText }
}

export function rowOf(fields: readonly Field[], texts: readonly (string | null)[]): SqlRow {
  const row: Record<string, SqlValue> = {}
  for (const [i, field] of fields.entries()) {
    const text = texts[i] ?? null
    row[field.name] = text === null ? null : field.read(text)
  }
  return row
}

function asText(text: string): string {
  return text
}

// As SQLite has it, so that a handler reads the same on both engines.
function readBoolean(text: string): number {
  return text === 't' ? 1 : 0
}

function readInteger(text: string): number | bigint {
  const number = Number(text)
  return Number.isSafeInteger(number) ? number : BigInt(text)
}

// As SQLite has them, and not a view into the memory that small buffers share.
function readBytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.slice(2), 'hex'))
}
