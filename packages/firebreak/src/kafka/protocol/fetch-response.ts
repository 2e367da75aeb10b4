/**
 * Reads the answer to a fetch without touching the records in it.
 *
 * **Source** fetch response, version 13; the grammar is in the protocol guide of Kafka. Records come as one buffer per
 * partition and are decoded when they are read.
 */
import type { Reader } from '@platformatic/kafka'
import type { AbortedTransaction } from './record-batch-reader.ts'

export interface FetchedPartition {
  readonly topicId: string
  readonly partition: number
  readonly errorCode: number
  /** Where the log parted from what we have read; undefined when it did not. */
  readonly divergedAt: number | undefined
  /** Where what a reader may see ended: the last stable offset, below the high watermark while a transaction is open. */
  readonly stableEnd: number
  readonly aborted: readonly AbortedTransaction[]
  readonly records: Buffer
}

export interface FetchResponse {
  readonly errorCode: number
  readonly partitions: readonly FetchedPartition[]
}

const nothing = Buffer.alloc(0)

export function readFetchResponse(reader: Reader): FetchResponse {
  // One piece: everything after it reads by position.
  const bytes = reader.buffer.slice(reader.position, reader.length) as Buffer
  const at = new Position(bytes)
  at.skip(4)
  const errorCode = at.int16()
  at.skip(4)
  const partitions: FetchedPartition[] = []
  for (let topics = at.length(); topics > 0; topics--) {
    const topicId = at.uuid()
    for (let left = at.length(); left > 0; left--) partitions.push(readPartition(at, topicId))
    at.tags()
  }
  return { errorCode, partitions }
}

function readPartition(at: Position, topicId: string): FetchedPartition {
  const partition = at.int32()
  const errorCode = at.int16()
  // High watermark.
  at.skip(8)
  const stableEnd = at.int64()
  // Start of the log.
  at.skip(8)
  const aborted: AbortedTransaction[] = []
  for (let left = at.length(); left > 0; left--) {
    aborted.push({ producerId: at.bigint64(), firstOffset: at.int64() })
    at.tags()
  }
  at.skip(4)
  const records = at.records()
  let divergedAt: number | undefined
  at.tags((tag, start) => {
    // epoch:int32 end_offset:int64
    if (tag === 0) divergedAt = start.int64At(4)
  })
  return { topicId, partition, errorCode, divergedAt, stableEnd, aborted, records }
}

class Position {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  skip(count: number): void {
    this.#at += count
  }

  int16(): number {
    this.#at += 2
    return this.#bytes.readInt16BE(this.#at - 2)
  }

  int32(): number {
    this.#at += 4
    return this.#bytes.readInt32BE(this.#at - 4)
  }

  int64(): number {
    this.#at += 8
    return this.int64At(-8)
  }

  int64At(offset: number): number {
    const at = this.#at + offset
    return this.#bytes.readInt32BE(at) * 4_294_967_296 + this.#bytes.readUInt32BE(at + 4)
  }

  bigint64(): bigint {
    this.#at += 8
    return this.#bytes.readBigInt64BE(this.#at - 8)
  }

  uuid(): string {
    const hex = this.#bytes.toString('hex', this.#at, this.#at + 16)
    this.#at += 16
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  }

  unsigned(): number {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#bytes.readUInt8(this.#at++)
      value += (byte & 127) * factor
      if (byte < 128) return value
    }
  }

  /** Of a compact array; null counts as empty. */
  length(): number {
    return Math.max(0, this.unsigned() - 1)
  }

  records(): Buffer {
    const size = this.length()
    if (size === 0) return nothing
    this.#at += size
    return this.#bytes.subarray(this.#at - size, this.#at)
  }

  tags(each?: (tag: number, start: Position) => void): void {
    for (let left = this.unsigned(); left > 0; left--) {
      const tag = this.unsigned()
      const size = this.unsigned()
      each?.(tag, this)
      this.#at += size
    }
  }
}
