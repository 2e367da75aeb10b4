import type { LogEntry, Partition } from '../contracts/log.ts'

interface BatchOrigin {
  readonly partition: Partition
  readonly count: number
  readonly firstOffset: number
  /** Of the first record, or of all. */
  readonly atMs: number
  readonly sameTime: boolean
}

/** A text met before, with where its bytes are: most headers repeat from record to record. */
interface Seen {
  text: string
  start: number
  size: number
}

// What a `Date` holds. A foreign clock may say anything, and what is beyond fits neither a number nor a database.
const timeMaxMs = 8.64e15
const within = (atMs: number): number => Math.min(timeMaxMs, Math.max(-timeMaxMs, atMs))

/**
 * The records of one batch, after decompression, as entries.
 *
 * Foreign records never fail: bytes that are not UTF-8 become replacement characters in keys and headers, a header without
 * a value becomes empty text, and of several headers of one name the last counts. Values stay bytes. **Errors** `RangeError`
 * where a length points outside.
 */
export class RecordDecoder {
  readonly firstOffset: number
  readonly #bytes: Buffer
  readonly #origin: BatchOrigin
  readonly #names: Seen[] = []
  readonly #texts: Seen[] = []
  #at = 0
  #done = 0

  constructor(bytes: Buffer, origin: BatchOrigin) {
    this.#bytes = bytes
    this.#origin = origin
    this.firstOffset = origin.firstOffset
  }

  /** Appends entries from offset `from` on until `into` is `endAt` long; false when the batch is at its end. */
  read(into: LogEntry[], from: number, endAt: number): boolean {
    const { count } = this.#origin
    while (this.#done < count) {
      if (into.length >= endAt) return true
      this.#done++
      const size = this.#varint()
      const next = this.#at + size
      if (size < 0 || next > this.#bytes.length) throw new RangeError('a record is longer than its batch')
      const entry = this.#record(from)
      this.#at = next
      if (entry !== undefined) into.push(entry)
    }
    return false
  }

  #record(from: number): LogEntry | undefined {
    this.#at++
    const { partition, firstOffset, atMs, sameTime } = this.#origin
    const timeDelta = this.#varint()
    const offset = firstOffset + this.#varint()
    if (offset < from) return undefined
    const keySize = this.#varint()
    const key = keySize < 0 ? null : this.#text(keySize)
    const valueSize = this.#varint()
    const value = valueSize < 0 ? null : this.#slice(valueSize)
    const headers: Record<string, string> = {}
    const count = this.#varint()
    for (let i = 0; i < count; i++) {
      const name = this.#known(this.#names, i)
      headers[name] = this.#known(this.#texts, i)
    }
    return {
      topic: partition.topic,
      partition: partition.partition,
      offset,
      key,
      value,
      headers,
      atMs: within(sameTime ? atMs : atMs + timeDelta),
    }
  }

  /** Text that is the same as at this place in the record before is not decoded again. */
  #known(seen: Seen[], index: number): string {
    const size = this.#varint()
    const start = this.#at
    if (size <= 0) return ''
    const before = seen[index]
    if (before !== undefined && before.size === size && this.#same(before.start, start, size)) {
      before.start = start
      this.#at += size
      return before.text
    }
    const text = this.#text(size)
    if (before === undefined) seen[index] = { text, start, size }
    else {
      before.text = text
      before.start = start
      before.size = size
    }
    return text
  }

  #same(a: number, b: number, size: number): boolean {
    const bytes = this.#bytes
    if (b + size > bytes.length) return false
    // From the end: identifiers and times differ there.
    for (let i = size - 1; i >= 0; i--) if (bytes[a + i] !== bytes[b + i]) return false
    return true
  }

  #text(size: number): string {
    if (size === 0) return ''
    const start = this.#at
    this.#at = this.#inside(size)
    return this.#bytes.toString('utf8', start, this.#at)
  }

  #slice(size: number): Buffer {
    const start = this.#at
    this.#at = this.#inside(size)
    return this.#bytes.subarray(start, this.#at)
  }

  #inside(size: number): number {
    const end = this.#at + size
    if (end > this.#bytes.length) throw new RangeError('a field is longer than its batch')
    return end
  }

  #varint(): number {
    const bytes = this.#bytes
    let byte = bytes[this.#at++]
    if (byte === undefined) throw new RangeError('a record ends early')
    if (byte < 128) return (byte >>> 1) ^ -(byte & 1)
    let value = byte & 127
    let factor = 128
    do {
      byte = bytes[this.#at++]
      if (byte === undefined || factor > 2 ** 63) throw new RangeError('a number does not end')
      value += (byte & 127) * factor
      factor *= 128
    } while (byte >= 128)
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }
}
