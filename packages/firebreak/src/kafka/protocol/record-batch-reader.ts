/**
 * Decodes what a fetch has brought, a batch at a time and only as far as it is asked for.
 *
 * I1 `#at` is the start of the next batch that was not begun; the record cursor stands within the one before.
 * I2 A batch is checked against its checksum before a record of it is handed out.
 * I3 Records of aborted transactions and control records are never handed out. The list of aborted transactions that came
 *    with the same answer is complete for its batches.
 *
 * The grammar is in `record-batch-writer.ts`. Values are views into what was fetched: a record that is kept keeps all of
 * its fetch in memory.
 */
import { compressionsAlgorithmsByBitmask } from '@platformatic/kafka'
import { errorMessage, FirebreakError } from '../../contracts/errors.ts'
import type { LogEntry, Partition } from '../../contracts/log.ts'
import { batchHeaderBytes, checksum } from './record-batch-writer.ts'
import { RecordDecoder } from './record-decoder.ts'

export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: number
}

const compressed = 0b111
const logAppendTime = 1 << 3
const transactional = 1 << 4
const control = 1 << 5
const lengthAt = 8
const headBytes = 12

export class FetchedRecords {
  /** The offset after the last whole batch, and that batch's leader epoch; what to fetch next. */
  readonly nextOffset: number
  readonly leaderEpoch: number
  /** Bytes of whole batches; 0 when not even one fits. */
  readonly sizeBytes: number
  readonly #partition: Partition
  readonly #path: string
  readonly #bytes: Buffer
  readonly #aborted: AbortedTransaction[]
  readonly #aborting = new Set<bigint>()
  #at = 0
  #records: RecordDecoder | undefined

  constructor(origin: { partition: Partition; path: string }, bytes: Buffer, aborted: readonly AbortedTransaction[]) {
    this.#partition = origin.partition
    this.#path = origin.path
    this.#bytes = bytes
    this.#aborted = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset)
    let end = 0
    let next = -1
    let epoch = -1
    // The last batch may be cut off: it comes whole with the next fetch.
    while (end + batchHeaderBytes <= bytes.length) {
      const size = headBytes + bytes.readInt32BE(end + lengthAt)
      if (size < batchHeaderBytes) throw this.#corrupt(readOffset(bytes, end), `its length is ${size}`)
      if (end + size > bytes.length) break
      next = readOffset(bytes, end) + bytes.readInt32BE(end + 23) + 1
      epoch = bytes.readInt32BE(end + 12)
      end += size
    }
    this.nextOffset = next
    this.leaderEpoch = epoch
    this.sizeBytes = end
  }

  /** Appends up to `max` records from `from` on; false when there are no more. **Errors** `FB_LOG_CORRUPT`. */
  read(into: LogEntry[], from: number, max: number): boolean {
    const endAt = into.length + max
    while (into.length < endAt) {
      this.#records ??= this.#nextBatch(from)
      if (this.#records === undefined) return false
      try {
        if (this.#records.read(into, from, endAt)) continue
      } catch (error) {
        throw this.#corrupt(this.#records.firstOffset, errorMessage(error))
      }
      this.#records = undefined
    }
    return true
  }

  #nextBatch(from: number): RecordDecoder | undefined {
    const bytes = this.#bytes
    while (this.#at < this.sizeBytes) {
      const start = this.#at
      const end = start + headBytes + bytes.readInt32BE(start + lengthAt)
      this.#at = end
      const firstOffset = readOffset(bytes, start)
      const lastOffset = firstOffset + bytes.readInt32BE(start + 23)
      const attributes = bytes.readInt16BE(start + 21)
      if (bytes[start + 16] !== 2) throw this.#corrupt(firstOffset, `its format is ${bytes[start + 16]}, not 2`)
      if (bytes.readUInt32BE(start + 17) !== checksum(bytes.subarray(start + 21, end)))
        throw this.#corrupt(firstOffset, 'its checksum does not match')
      if (this.#isHidden(start, attributes, lastOffset) || lastOffset < from) continue
      return this.#decoder({ start, end, firstOffset, attributes })
    }
    return undefined
  }

  /** The rule of Kafka's own consumer. **Source** KIP-98, "Reader changes" */
  #isHidden(start: number, attributes: number, lastOffset: number): boolean {
    for (let next = this.#aborted[0]; next !== undefined && next.firstOffset <= lastOffset; next = this.#aborted[0]) {
      this.#aborting.add(next.producerId)
      this.#aborted.shift()
    }
    if ((attributes & transactional) === 0) return (attributes & control) !== 0
    const producerId = this.#bytes.readBigInt64BE(start + 43)
    if ((attributes & control) === 0) return this.#aborting.has(producerId)
    if (this.#isAbortMarker(start)) this.#aborting.delete(producerId)
    return true
  }

  /**
   * The key of a control record is version:int16 type:int16; type 0 is abort. Lengths before it are one byte each. Of a marker
   * whose record compaction has removed Kafka may keep the empty batch: it says nothing.
   */
  #isAbortMarker(start: number): boolean {
    return this.#bytes.readInt32BE(start + 57) > 0 && this.#bytes.readInt16BE(start + batchHeaderBytes + 5 + 2) === 0
  }

  #decoder(batch: { start: number; end: number; firstOffset: number; attributes: number }): RecordDecoder {
    const { start, end, firstOffset, attributes } = batch
    const bytes = this.#bytes
    const count = bytes.readInt32BE(start + 57)
    let records = bytes.subarray(start + batchHeaderBytes, end)
    const kind = attributes & compressed
    if (kind !== 0) {
      const algorithm = compressionsAlgorithmsByBitmask[kind]
      if (algorithm === undefined) throw this.#corrupt(firstOffset, `its compression ${kind} is unknown`)
      try {
        records = algorithm.decompressSync(records)
      } catch (error) {
        throw this.#corrupt(firstOffset, `it cannot be decompressed: ${errorMessage(error)}`)
      }
    }
    const stampedByBroker = (attributes & logAppendTime) !== 0
    return new RecordDecoder(records, {
      partition: this.#partition,
      count,
      firstOffset,
      atMs: readOffset(bytes, start + (stampedByBroker ? 35 : 27)),
      sameTime: stampedByBroker,
    })
  }

  #corrupt(offset: number, reason: string): FirebreakError {
    const { topic, partition } = this.#partition
    return new FirebreakError('FB_LOG_CORRUPT', {
      path: this.#path,
      reason: `the batch at offset ${offset} of ${topic}/${partition} cannot be read: ${reason}`,
      topic,
      partition,
      offset,
    })
  }
}

const readOffset = (bytes: Buffer, at: number): number =>
  bytes.readInt32BE(at) * 4_294_967_296 + bytes.readUInt32BE(at + 4)
