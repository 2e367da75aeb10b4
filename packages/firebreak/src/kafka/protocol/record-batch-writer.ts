/**
 * Encodes records into a batch of Kafka's format 2, each at the call that appends it.
 *
 * ```
 * batch  = firstOffset:int64 length:int32 leaderEpoch:int32 magic:int8 crc32c:uint32 | attributes:int16 lastDelta:int32
 *          firstTime:int64 maxTime:int64 producerId:int64 producerEpoch:int16 firstSequence:int32 count:int32 record*
 * record = length:varint attributes:int8 timeDelta:varint offsetDelta:varint key:bytes value:bytes count:varint header*
 * header = name:bytes value:bytes            bytes = length:varint byte*, length -1 for null; varints are zigzag
 * ```
 *
 * **Source** kafka.apache.org/documentation, "Record Batch". The checksum covers everything after itself.
 */
import { compressionsAlgorithms, crc32c, Writer } from '@platformatic/kafka'
import type { LogRecord } from '../../contracts/log.ts'
import { originalParts } from '../../contracts/original.ts'
import type { Compression } from '../cluster/kafka-options.ts'
import { exactBody } from './exact-record.ts'

export interface ProducerState {
  readonly id: bigint
  readonly epoch: number
  readonly sequence: number
}

export const batchHeaderBytes = 61
const crcAt = 17
const coveredAt = 21
// Lengths and deltas of a record and of each header, at their longest.
const recordOverheadBytes = 32
const headerOverheadBytes = 10

/** Key + value + headers in bytes of UTF-8: what `recordBytesMax` counts. */
export function payloadBytes({ key, value, headers, original }: LogRecord): number {
  const parts = original === undefined ? undefined : originalParts(original)
  let bytes = value === null ? 0 : value.byteLength
  if (key !== null) bytes += parts?.key ?? Buffer.byteLength(key)
  if (parts?.headers !== undefined) return bytes + parts.headers
  for (const name in headers) bytes += Buffer.byteLength(name) + Buffer.byteLength(headers[name] ?? '')
  return bytes
}

/** What a record may add to a batch at most. */
export function encodedBytesMax(record: LogRecord, payload: number): number {
  let bytes = payload + recordOverheadBytes
  const original = record.original?.headers
  if (original !== undefined) return bytes + original.length * headerOverheadBytes
  for (const _ in record.headers) bytes += headerOverheadBytes
  return bytes
}

// More than any event has; a copy of a dead letter has some more than its original.
const headersMax = 32

/** `payloadBytes` that a batch of so many bytes holds as one record, whatever its headers. */
export const payloadBytesMax = (batchBytesMax: number): number =>
  batchBytesMax - batchHeaderBytes - recordOverheadBytes - headersMax * headerOverheadBytes

export class BatchWriter {
  count = 0
  #bytes: Buffer
  #end = batchHeaderBytes
  readonly #firstMs: number
  #maxMs: number
  #sizes: number[] = []

  constructor(atMs: number, sizeBytes: number) {
    this.#firstMs = atMs
    this.#maxMs = atMs
    this.#bytes = Buffer.allocUnsafe(batchHeaderBytes + sizeBytes)
  }

  /** Bytes of the batch before compression. */
  get sizeBytes(): number {
    return this.#end
  }

  append(record: LogRecord, atMs: number, encodedMax: number): void {
    if (record.original !== undefined) {
      this.#copy(exactBody(record, record.original), atMs - this.#firstMs)
      return
    }
    this.#room(encodedMax)
    const { key, value, headers } = record
    const sizes = this.#sizes
    let count = 0
    let bytes = 1 + varintBytes(atMs - this.#firstMs) + varintBytes(this.count)
    const keyBytes = key === null ? -1 : Buffer.byteLength(key)
    bytes += varintBytes(keyBytes) + Math.max(0, keyBytes)
    const valueBytes = value === null ? -1 : value.byteLength
    bytes += varintBytes(valueBytes) + Math.max(0, valueBytes)
    for (const name in headers) {
      const nameSize = Buffer.byteLength(name)
      const textSize = Buffer.byteLength(headers[name] ?? '')
      sizes[count++] = nameSize
      sizes[count++] = textSize
      bytes += varintBytes(nameSize) + nameSize + varintBytes(textSize) + textSize
    }
    bytes += varintBytes(count / 2)
    this.#varint(bytes)
    this.#bytes[this.#end++] = 0
    this.#varint(atMs - this.#firstMs)
    this.#varint(this.count)
    this.#varint(keyBytes)
    if (key !== null) this.#text(key, keyBytes)
    this.#varint(valueBytes)
    if (value !== null) {
      this.#bytes.set(value, this.#end)
      this.#end += valueBytes
    }
    this.#varint(count / 2)
    let at = 0
    for (const name in headers) {
      this.#sizedText(name, sizes[at++] ?? 0)
      this.#sizedText(headers[name] ?? '', sizes[at++] ?? 0)
    }
    this.#maxMs = Math.max(this.#maxMs, atMs)
    this.count++
  }

  /** A batch of those records alone for whose place `isKept` holds; they keep their times. */
  only(isKept: (index: number) => boolean): BatchWriter {
    const picked = new BatchWriter(this.#firstMs, this.#end)
    for (let i = 0, at = batchHeaderBytes; i < this.count; i++) {
      const start = varintEnd(this.#bytes, at)
      const end = start + varintAt(this.#bytes, at)
      // Attributes, the time, and the place, which is another one now.
      const timeMs = varintAt(this.#bytes, start + 1)
      const body = varintEnd(this.#bytes, varintEnd(this.#bytes, start + 1))
      if (isKept(i)) picked.#copy(this.#bytes.subarray(body, end), timeMs)
      at = end
    }
    return picked
  }

  /** The finished batch. Called again with another state it is stamped anew. */
  finish(producer: ProducerState, compression: Compression): Buffer {
    const batch = this.#end > batchHeaderBytes && compression !== 'none' ? this.#compressed(compression) : this.#plain()
    batch.writeBigInt64BE(0n, 0)
    batch.writeInt32BE(batch.length - 12, 8)
    batch.writeInt32BE(-1, 12)
    batch[16] = 2
    batch.writeInt16BE(compressionsAlgorithms[compression].bitmask, 21)
    batch.writeInt32BE(this.count - 1, 23)
    batch.writeBigInt64BE(BigInt(this.#firstMs), 27)
    batch.writeBigInt64BE(BigInt(this.#maxMs), 35)
    batch.writeBigInt64BE(producer.id, 43)
    batch.writeInt16BE(producer.epoch, 51)
    batch.writeInt32BE(producer.sequence, 53)
    batch.writeInt32BE(this.count, 57)
    batch.writeUInt32BE(checksum(batch.subarray(coveredAt)), crcAt)
    return batch
  }

  #copy(body: Buffer, timeMs: number): void {
    this.#room(recordOverheadBytes + body.length)
    this.#varint(1 + varintBytes(timeMs) + varintBytes(this.count) + body.length)
    this.#bytes[this.#end++] = 0
    this.#varint(timeMs)
    this.#varint(this.count)
    this.#bytes.set(body, this.#end)
    this.#end += body.length
    this.#maxMs = Math.max(this.#maxMs, this.#firstMs + timeMs)
    this.count++
  }

  #plain(): Buffer {
    return this.#bytes.subarray(0, this.#end)
  }

  #compressed(compression: Compression): Buffer {
    const records = compressionsAlgorithms[compression].compressSync(this.#bytes.subarray(batchHeaderBytes, this.#end))
    return Buffer.concat([Buffer.allocUnsafe(batchHeaderBytes), records])
  }

  #room(bytes: number): void {
    if (this.#end + bytes <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#end + bytes, this.#bytes.length * 2))
    this.#bytes.copy(larger, 0, 0, this.#end)
    this.#bytes = larger
  }

  #sizedText(text: string, size: number): void {
    this.#varint(size)
    this.#text(text, size)
  }

  #text(text: string, size: number): void {
    if (size === 0) return
    // As many bytes as characters: it is ASCII, and plain copying will do.
    this.#bytes.write(text, this.#end, size === text.length ? 'latin1' : 'utf8')
    this.#end += size
  }

  #varint(value: number): void {
    const bytes = this.#bytes
    if (value >= -1_073_741_824 && value < 1_073_741_824) {
      let left = (value << 1) ^ (value >> 31)
      for (; left > 127; left >>>= 7) bytes[this.#end++] = (left & 127) | 128
      bytes[this.#end++] = left
      return
    }
    let left = value < 0 ? -value * 2 - 1 : value * 2
    for (; left > 127; left = Math.floor(left / 128)) bytes[this.#end++] = (left % 128) | 128
    bytes[this.#end++] = left
  }
}

function varintBytes(value: number): number {
  let left = value < 0 ? -value * 2 - 1 : value * 2
  let bytes = 1
  for (; left > 127; left = Math.floor(left / 128)) bytes++
  return bytes
}

/** Of what this file has written itself: it is whole. */
function varintAt(bytes: Buffer, at: number): number {
  let value = 0
  for (let i = at, factor = 1; ; i++, factor *= 128) {
    const byte = bytes[i] ?? 0
    value += (byte & 127) * factor
    if (byte < 128) return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }
}

function varintEnd(bytes: Buffer, at: number): number {
  let end = at
  while ((bytes[end] ?? 0) > 127) end++
  return end + 1
}

/** CRC-32C. Handed over as the client's own buffer type, which it does not copy. */
export const checksum = (bytes: Buffer): number => crc32c(Writer.create().append(bytes).dynamicBuffer)
