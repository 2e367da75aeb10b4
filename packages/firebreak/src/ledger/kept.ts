/**
 * How the ledger keeps a record, and how it knows later that a row is what it has written.
 *
 * I1 `msg_key` and `headers` are text that every database takes; `original` has what they leave out, or null.
 * I2 `seal` is a checksum over all other values of its row, made anew by each change. SQLite has no checksums of its
 *    pages, so it is looked at there; PostgreSQL has them, and instances of the version before may still change rows.
 */
import type { DatabaseCapabilities, SqlRow, SqlValue } from '../contracts/database.ts'
import { FirebreakError } from '../contracts/errors.ts'
import type { LogEntry, LogRecord } from '../contracts/log.ts'
import { decodeOriginal, encodeOriginal, type Original } from '../contracts/original.ts'
import { storable } from '../contracts/text/storable.ts'
import { checksum } from '../node/checksum.ts'
import { isBytes } from '../node/sql-values.ts'

type Kept = Pick<LogRecord, 'key' | 'value' | 'headers' | 'original'>

const encoder = new TextEncoder()
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** **Shape** msg_key, headers, value, original: the same again for what `keptRecord` makes of them. */
export function keptColumns({ key, value, headers, original }: Kept): [string | null, string, SqlValue, SqlValue] {
  const text = original?.key === undefined ? key : (textOf(original.key) ?? null)
  // What is text of every database needs no bytes beside it.
  const keyBytes = text === null || text === storable(text) ? undefined : encoder.encode(text)
  const bytes = text === null ? original?.key : keyBytes
  const kept: Original = { ...(bytes && { key: bytes }), ...(original?.headers && { headers: original.headers }) }
  const isMore = kept.key !== undefined || kept.headers !== undefined
  return [storable(text ?? key), JSON.stringify(headers), value, isMore ? encodeOriginal(kept) : null]
}

/** The record of `keptColumns`. */
export function keptRecord(row: SqlRow): Pick<LogEntry, 'key' | 'value' | 'headers' | 'original'> {
  const key = row['msg_key'] as string | null
  const value = row['value'] as Uint8Array | null
  const headers = JSON.parse(String(row['headers'] ?? '{}')) as Record<string, string>
  const bytes = row['original'] as Uint8Array | null
  if (bytes === null) return { key, value, headers }
  const original = decodeOriginal(bytes)
  const text = original.key === undefined ? undefined : textOf(original.key)
  if (text === undefined) return { key, value, headers, original }
  const { key: _, ...rest } = original
  return rest.headers === undefined ? { key: text, value, headers } : { key: text, value, headers, original: rest }
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes)
  } catch {
    return undefined
  }
}

// Longer text is summed up as it is: written into one with the rest, headers took twice the time.
const shortMax = 100

/** A checksum of values in the order of their columns. Text has no character NUL, so none runs into the next. */
export function sealOf(values: readonly unknown[]): number {
  let text = ''
  let long = 0
  for (const value of values) {
    if (isBytes(value) || (typeof value === 'string' && value.length > shortMax)) {
      long = checksum(value, long)
      text += `${isBytes(value) ? 'b' : 's'}${value.length}\0`
    } else text += value === null ? '\0' : `${typeof value === 'string' ? 't' : 'n'}${value}\0`
  }
  return checksum(text, long)
}

/** A table whose rows are sealed; `columns` in the order of the seal. */
export interface Sealed {
  readonly table: string
  readonly columns: readonly string[]
  /** Those that say which row it is. */
  readonly place: readonly string[]
}

/** Null for a partition of which nothing is finished. */
export function sealOfRow({ columns }: Sealed, row: SqlRow): number | null {
  return row['next_position'] === null ? null : sealOf(columns.map((name) => row[name] ?? null))
}

/** **Errors** `FB_LEDGER_CORRUPT` where a row is not what was written. */
export function checkSeals<R extends SqlRow>(
  sealed: Sealed,
  rows: readonly R[],
  { dialect }: Pick<DatabaseCapabilities, 'dialect'>,
): readonly R[] {
  if (dialect === 'sqlite')
    for (const row of rows) if (row['seal'] !== sealOfRow(sealed, row)) throw damaged(sealed, row)
  return rows
}

export function damaged({ table, place }: Sealed, row: SqlRow): FirebreakError {
  const where = place.map((name) => `${name} ${row[name]}`).join(', ')
  return new FirebreakError('FB_LEDGER_CORRUPT', { table, where })
}

export const outboxSeal: Sealed = {
  table: 'fb_outbox',
  columns: ['shard', 'seq', 'topic', 'msg_key', 'headers', 'value', 'original'],
  place: ['shard', 'seq'],
}
/** Of a partition, what is finished; its accounts are checked against that. */
export const progressSeal: Sealed = {
  table: 'fb_partitions',
  columns: ['topic', 'part', 'next_position', 'above'],
  place: ['topic', 'part'],
}
const recordColumns = ['topic', 'part', 'position', 'lane', 'msg_key', 'headers', 'value', 'original', 'log_at_ms']
export const parkedSeal: Sealed = {
  table: 'fb_parked',
  columns: [...recordColumns, 'due_at_ms', 'at_ms', 'attempts', 'first_failed_at_ms', 'letter_id'],
  place: ['topic', 'part', 'position'],
}
export const letterSeal: Sealed = {
  table: 'fb_dead_letters',
  columns: [
    ...['id', 'state', 'reason', 'crash', 'hold', ...recordColumns, 'event_id', 'event_type', 'correlation_id'],
    ...['error_class', 'message', 'fingerprint', 'attempts', 'replays', 'at_ms', 'history'],
  ],
  place: ['id'],
}
/** Those that hold records. */
export const recordSeals: readonly Sealed[] = [outboxSeal, parkedSeal, letterSeal]
export const allSeals: readonly Sealed[] = [progressSeal, ...recordSeals]
