/**
 * The rows of the tables `records_N`: how they get in, and how a reader knows that they are what went in.
 *
 * I1 SQLite notices damage of its own structures, not of what they hold. So each row has a checksum over its partition, its
 *    offset, its time and all its bytes; a row without one is older than the partition's `checked_from`.
 * I2 Offsets of a partition have no gaps but below the oldest record: a row that is not where it must be is lost.
 */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { FirebreakError } from '../../contracts/errors.ts'
import type { LogEntry, Partition } from '../../contracts/log.ts'
import { decodeOriginal } from '../../contracts/original.ts'
import { checksum } from '../../node/checksum.ts'
import { readableHeaders } from '../../node/readable-record.ts'
import { recordHeadBytes } from './log-wire.ts'

const rowSql = '(?, ?, CAST(? AS TEXT), ?, CAST(? AS TEXT), ?, ?)'
export const rowValues = 7
/** Half the time per row of one at a time. */
export const rowsPerInsert = 16

const columns = 'offset, at_ms, key, value, headers, original, crc'

// Keys and headers go through as the bytes that came in: decoding them to strings here would cost more than the insert.
export const prepareInsert = (db: DatabaseSync, partition: number, rows: number): StatementSync =>
  db.prepare(`INSERT INTO records_${partition} (${columns}) VALUES ${Array(rows).fill(rowSql).join()}`)

/** Where a record gets to. */
export interface RowPlace {
  /** The id of the partition. */
  readonly partition: number
  readonly offset: number
  readonly atMs: number
}

/** Adds the values of the record at `at` of a frame to `rows`; returns where the next record starts. */
export function pushRow(rows: SQLInputValue[], frame: Buffer, at: number, place: RowPlace): number {
  const valueBytes = frame.readInt32LE(at + 4)
  const keyBytes = frame.readInt32LE(at + 8)
  const headersBytes = frame.readUInt32LE(at + 12)
  const originalBytes = frame.readUInt32LE(at + 16)
  const valueAt = at + recordHeadBytes
  const keyAt = valueAt + Math.max(valueBytes, 0)
  const headersAt = keyAt + Math.max(keyBytes, 0)
  const originalAt = headersAt + headersBytes
  const end = originalAt + originalBytes
  const seed = seedOf(place, { hasKey: keyBytes >= 0, valueBytes, hasHeaders: headersBytes > 0 })
  rows.push(
    place.offset,
    place.atMs,
    keyBytes < 0 ? null : slice(frame, keyAt, keyBytes),
    valueBytes < 0 ? null : slice(frame, valueAt, valueBytes),
    headersBytes === 0 ? null : slice(frame, headersAt, headersBytes),
    originalBytes === 0 ? null : slice(frame, originalAt, originalBytes),
    checksum(slice(frame, valueAt, end - valueAt), seed),
  )
  return end
}

// Plain views are made twice as fast as slices of a Buffer.
const slice = (frame: Buffer, at: number, length: number): Uint8Array =>
  new Uint8Array(frame.buffer, frame.byteOffset + at, length)

/** What the bytes of a row do not say: each change of one of them changes the checksum. */
function seedOf(
  { partition, offset, atMs }: RowPlace,
  { hasKey, valueBytes, hasHeaders }: { hasKey: boolean; valueBytes: number; hasHeaders: boolean },
): number {
  const where = Math.imul(partition, 0x85ebca6b) ^ offset ^ Math.imul(Math.floor(offset / 2 ** 32), 0x9e3779b1)
  const when = Math.imul(atMs | 0, 0xc2b2ae35) ^ Math.imul(Math.floor(atMs / 2 ** 32), 0x27d4eb2f)
  const shape = Math.imul(valueBytes + 1, 0x165667b1) ^ (hasKey ? 0x2545f491 : 0) ^ (hasHeaders ? 0x5bd1e995 : 0)
  return where ^ when ^ shape
}

type Row = [
  offset: number,
  atMs: number,
  key: string | null,
  value: Uint8Array | null,
  headers: string | null,
  original: Uint8Array | null,
  crc: number | null,
]

export interface ReadPlace extends Partition {
  readonly id: number
  /** Rows before this one have no checksum. */
  readonly checkedFrom: number
}

/** Reads the rows of one partition. **Errors** `FB_LOG_CORRUPT` where they are not what was written. */
export class RowReader {
  readonly #place: ReadPlace
  readonly #path: string
  readonly #range: StatementSync
  readonly #oldest: StatementSync

  constructor(db: DatabaseSync, path: string, place: ReadPlace) {
    this.#place = place
    this.#path = path
    // Of a file that no owner has brought forward yet.
    const found =
      place.checkedFrom === Number.POSITIVE_INFINITY ? 'offset, at_ms, key, value, headers, NULL, NULL' : columns
    this.#range = db.prepare(`SELECT ${found} FROM records_${place.id} WHERE offset >= ? ORDER BY offset LIMIT ?`)
    this.#range.setReturnArrays(true)
    this.#oldest = db.prepare(`SELECT min(offset) AS oldest FROM records_${place.id}`)
  }

  read(from: number, max: number): LogEntry[] {
    const found: readonly unknown[] = this.#range.all(from, max)
    const rows = found as readonly Row[]
    const first = rows[0]?.[0] ?? from
    if (first > from) this.#refuseHole(from)
    let expected = first
    return rows.map((row) => {
      if (row[0] !== expected) throw this.#corrupt(expected, 'it is missing')
      expected++
      return this.#entryOf(row)
    })
  }

  /** Below the oldest record retention has been; asked after the read, it may only have gone further. */
  #refuseHole(from: number): void {
    const oldest = this.#oldest.get()?.['oldest']
    if (typeof oldest === 'number' && oldest < from) throw this.#corrupt(from, 'it is missing')
  }

  #entryOf(row: Row): LogEntry {
    const [offset, atMs, key, value, headers, original, crc] = row
    const { topic, partition, checkedFrom } = this.#place
    if (crc === null) {
      if (offset >= checkedFrom) throw this.#corrupt(offset, 'its checksum is missing')
      const text = readableHeaders(headers === null ? null : JSON.parse(headers))
      return { topic, partition, offset, key, value, headers: text, atMs }
    }
    if (crc !== this.#checksumOf(row)) throw this.#corrupt(offset, 'its checksum does not match')
    const entry = { topic, partition, offset, key, value, headers: headers === null ? {} : JSON.parse(headers), atMs }
    return original === null ? entry : { ...entry, original: decodeOriginal(original) }
  }

  #checksumOf([offset, atMs, key, value, headers, original]: Row): number {
    const shape = { hasKey: key !== null, valueBytes: value?.length ?? -1, hasHeaders: headers !== null }
    const seed = seedOf({ partition: this.#place.id, offset, atMs }, shape)
    const first = value === null ? seed : checksum(value, seed)
    // In one piece: a call costs more than the bytes.
    const texts = checksum((key ?? '') + (headers ?? ''), first)
    return original === null ? texts : checksum(original, texts)
  }

  #corrupt(offset: number, problem: string): FirebreakError {
    const { topic, partition } = this.#place
    const reason = `the record at offset ${offset} of ${topic}/${partition} is not what was written: ${problem}`
    return new FirebreakError('FB_LOG_CORRUPT', { path: this.#path, reason, topic, partition, offset })
  }
}
