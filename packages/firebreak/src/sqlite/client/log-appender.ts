/**
 * Turns calls of `append` into batches for the owner.
 *
 * I1 One batch of this client is on its way at a time: its seq then says whether it was stored.
 * I2 What arrives meanwhile gathers in the next batch, so the slower a commit, the more it carries.
 * I3 A call is in one batch, whole: all of its records are stored or none.
 * I4 Calls keep their order, also those that wait for room or for a topic to be looked up.
 */
import type { Clock } from '../../contracts/clock.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import type { LogRecord, Position } from '../../contracts/log.ts'
import { copyOfOriginal, encodeOriginal, originalParts, withText } from '../../contracts/original.ts'
import { partitionOfKey } from '../../contracts/partitioner.ts'
import { refuseUnreadable, wellFormed } from '../../node/readable-record.ts'
import type { LogReader, Place } from '../file/log-reader.ts'
import {
  appendHeadBytes,
  frameBytesMax,
  headBytes,
  readOffsets,
  recordHeadBytes,
  seal,
  wire,
} from '../file/log-wire.ts'
import type { OwnerSession } from './owner-session.ts'

export interface Appender {
  append(records: readonly LogRecord[]): Promise<readonly Position[]>
  /** Resolves when nothing is on its way any more. */
  drained(): Promise<void>
}

export interface AppenderOptions {
  readonly session: OwnerSession
  readonly reader: LogReader
  readonly clock: Clock
  /** Identifies this client to the owners; 53 bits. */
  readonly producer: number
  readonly recordBytesMax: number
}

interface Call {
  readonly from: number
  readonly resolve: (positions: readonly Position[]) => void
  readonly reject: (error: unknown) => void
}

interface Batch {
  bytes: Buffer
  at: number
  readonly places: Place[]
  readonly calls: Call[]
}

// A busy thread comes round for the next one late: one has to hold what many calls have brought by then.
const batchBytesMax = 2 * 1024 * 1024
const queuedBytesMax = 32 * 1024 * 1024

export function createAppender(options: AppenderOptions): Appender {
  return new BatchAppender(options)
}

class BatchAppender implements Appender {
  readonly #options: AppenderOptions
  readonly #session: OwnerSession
  readonly #reader: LogReader
  readonly #queue: Batch[] = []
  #sending: Batch | undefined
  #seq = 0
  #queuedBytes = 0
  #spread = 0
  #firstBytes = 1024
  #line: Promise<unknown> = Promise.resolve()
  #inLine = 0
  #onChange: (() => void)[] = []

  constructor(options: AppenderOptions) {
    this.#options = options
    this.#session = options.session
    this.#reader = options.reader
  }

  #placeOf({ topic, key, original, partition }: LogRecord): Place | undefined {
    const places = this.#reader.topic(topic)
    if (partition !== undefined) return places[partition]
    return places[key === null ? this.#spread++ % places.length : partitionOfKey(original?.key ?? key, places.length)]
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => void this.#onChange.push(resolve))
  }

  #pump(): void {
    const batch = this.#queue[0]
    if (this.#sending !== undefined || batch === undefined) return
    this.#queue.shift()
    this.#sending = batch
    this.#firstBytes = Math.min(batchBytesMax, Math.max(1024, batch.at))
    const sent = this.#session.request((id) => {
      const frame = batch.bytes.subarray(0, batch.at)
      frame.writeDoubleLE(this.#options.producer, headBytes)
      frame.writeDoubleLE(this.#seq++, headBytes + 8)
      frame.writeDoubleLE(Math.floor(this.#options.clock.now()), headBytes + 16)
      frame.writeUInt32LE(batch.places.length, headBytes + 24)
      return seal(frame, wire.append, id)
    })
    const settle = (): void => {
      this.#sending = undefined
      this.#queuedBytes -= batch.at
      this.#pump()
      const waiters = this.#onChange
      this.#onChange = []
      for (const resume of waiters) resume()
    }
    sent.then(
      (answer) => {
        settle()
        resolveCalls(batch, readOffsets(answer))
      },
      (error) => {
        settle()
        for (const { reject } of batch.calls) reject(error)
      },
    )
  }

  #gather(bytes: number): Batch {
    const last = this.#queue.at(-1)
    if (last !== undefined && last.at + bytes <= batchBytesMax) return last
    const size = Math.max(this.#firstBytes, headBytes + appendHeadBytes + bytes)
    const batch: Batch = { bytes: Buffer.allocUnsafe(size), at: headBytes + appendHeadBytes, places: [], calls: [] }
    this.#queue.push(batch)
    // What the same turn of the loop appends comes along.
    if (this.#queue.length === 1 && this.#sending === undefined) queueMicrotask(() => this.#pump())
    return batch
  }

  #enqueue(records: readonly LogRecord[]): Promise<readonly Position[]> {
    for (const record of records) refuseUnreadable(record)
    const parts = records.map(partsOf)
    const bytes = checkSizes(records, parts, this.#options.recordBytesMax)
    const batch = this.#gather(bytes)
    const before = batch.at
    const from = batch.places.length
    for (let i = 0; i < records.length; i++) {
      const record = records[i] as LogRecord
      const place = this.#placeOf(record)
      if (place === undefined) throw new FirebreakError('FB_INVARIANT', { claim: 'topics are looked up before' })
      batch.places.push(place)
      writeRecord(batch, place.id, parts[i] as Parts)
    }
    this.#queuedBytes += batch.at - before
    return new Promise((resolve, reject) => void batch.calls.push({ from, resolve, reject }))
  }

  #unknown(records: readonly LogRecord[]): LogRecord | undefined {
    return records.find(({ topic, partition = 0 }) => this.#reader.topic(topic)[partition] === undefined)
  }

  async #prepare(records: readonly LogRecord[]): Promise<void> {
    while (this.#queuedBytes >= queuedBytesMax) await this.#changed()
    if (this.#unknown(records) === undefined) return
    this.#reader.reload()
    const missing = this.#unknown(records)
    if (missing === undefined) return
    const topic = missing.partition === undefined ? missing.topic : `${missing.topic}/${missing.partition}`
    throw new FirebreakError('FB_TOPIC_UNKNOWN', { topic })
  }

  // Both in one go: the next append must not get in between.
  #leaveLine(records: readonly LogRecord[]): Promise<readonly Position[]> {
    this.#inLine--
    return this.#enqueue(records)
  }

  append(records: readonly LogRecord[]): Promise<readonly Position[]> {
    try {
      if (records.length === 0) return Promise.resolve([])
      if (this.#inLine === 0 && this.#queuedBytes < queuedBytesMax && this.#unknown(records) === undefined)
        return this.#enqueue(records)
      return this.#waitInLine(records)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #waitInLine(records: readonly LogRecord[]): Promise<readonly Position[]> {
    for (const record of records) refuseUnreadable(record)
    this.#inLine++
    // The caller may reuse its bytes as soon as this returns.
    const kept = records.map(copyOf)
    const turn = this.#line.then(() => this.#prepare(kept))
    const result = turn.then(
      () => this.#leaveLine(kept),
      (error) => {
        this.#inLine--
        throw error
      },
    )
    this.#line = turn.then(nothing, nothing)
    return result
  }

  async drained(): Promise<void> {
    while (this.#inLine > 0 || this.#sending !== undefined || this.#queue.length > 0)
      await (this.#inLine > 0 ? this.#line : this.#changed())
  }
}

const nothing = (): void => undefined

function copyOf({ value, original, ...record }: LogRecord): LogRecord {
  const copy = { ...record, value: value === null ? null : new Uint8Array(value) }
  return original === undefined ? copy : { ...copy, original: copyOfOriginal(original) }
}

/** A record as it goes into a frame. */
interface Parts {
  readonly key: string | null
  readonly value: Uint8Array | null
  /** JSON, or empty. */
  readonly headers: string
  readonly original: Uint8Array | undefined
  /** Never less than what they take in a frame. */
  readonly bytesMax: number
}

function partsOf(record: LogRecord): Parts {
  const { original } = record
  const { key, value, headers } = original === undefined ? record : withText({ ...record, original })
  const text = jsonOf(headers)
  const kept = original === undefined ? undefined : encodeOriginal(original)
  const bytes = (value?.length ?? 0) + (kept?.length ?? 0)
  return { key, value, headers: text, original: kept, bytesMax: bytes + ((key?.length ?? 0) + text.length) * 3 }
}

function jsonOf(headers: Readonly<Record<string, string>>): string {
  for (const _ in headers) {
    const text = JSON.stringify(headers)
    // JSON could keep half a character, where UTF-8, and so every other log, cannot.
    return text.includes('\\ud') ? JSON.stringify(wellFormed(headers)) : text
  }
  return ''
}

/** An upper bound of what the records take on the wire. */
function checkSizes(records: readonly LogRecord[], parts: readonly Parts[], limit: number): number {
  let total = headBytes + appendHeadBytes
  for (let i = 0; i < records.length; i++) {
    const record = records[i] as LogRecord
    const bound = parts[i]?.bytesMax ?? 0
    const bytes = bound > limit ? payloadBytes(record) : bound
    if (bytes > limit)
      throw new FirebreakError('FB_RECORD_TOO_LARGE', { type: `a record of ${record.topic}`, bytes, limit })
    total += bound + recordHeadBytes
  }
  if (total > frameBytesMax) {
    throw new FirebreakError('FB_RECORD_TOO_LARGE', { type: 'one append', bytes: total, limit: frameBytesMax })
  }
  return total
}

/** What the limit counts: no quotes and escapes of how it is written down. */
function payloadBytes({ key, value, headers, original }: LogRecord): number {
  const parts = original === undefined ? {} : originalParts(original)
  let bytes = (parts.key ?? Buffer.byteLength(key ?? '')) + (value?.length ?? 0)
  if (parts.headers !== undefined) return bytes + parts.headers
  for (const name in headers) bytes += Buffer.byteLength(name) + Buffer.byteLength(headers[name] ?? '')
  return bytes
}

function writeRecord(batch: Batch, place: number, { key, value, headers, original, bytesMax }: Parts): void {
  const bound = recordHeadBytes + bytesMax
  if (batch.at + bound > batch.bytes.length) {
    const larger = Buffer.allocUnsafe(Math.max(batch.bytes.length * 2, batch.at + bound))
    larger.set(batch.bytes.subarray(0, batch.at))
    batch.bytes = larger
  }
  const { bytes, at } = batch
  let end = at + recordHeadBytes
  if (value !== null) bytes.set(value, end)
  end += value?.length ?? 0
  const keyBytes = key === null ? -1 : bytes.write(key, end)
  end += Math.max(keyBytes, 0)
  const headersBytes = headers === '' ? 0 : bytes.write(headers, end)
  end += headersBytes
  if (original !== undefined) bytes.set(original, end)
  bytes.writeUInt32LE(place, at)
  bytes.writeInt32LE(value?.length ?? -1, at + 4)
  bytes.writeInt32LE(keyBytes, at + 8)
  bytes.writeUInt32LE(headersBytes, at + 12)
  bytes.writeUInt32LE(original?.length ?? 0, at + 16)
  batch.at = end + (original?.length ?? 0)
}

function resolveCalls({ places, calls }: Batch, next: Map<number, number>): void {
  for (let i = 0; i < calls.length; i++) {
    const { from, resolve } = calls[i] as Call
    const to = calls[i + 1]?.from ?? places.length
    const positions: Position[] = []
    for (let at = from; at < to; at++) {
      const { id, topic, partition } = places[at] as Place
      const offset = next.get(id) ?? 0
      next.set(id, offset + 1)
      positions.push({ topic, partition, offset })
    }
    resolve(positions)
  }
}
