import type { LogEntry, Partition } from '../../contracts/log.ts'
import type { Original, OriginalHeader } from '../../contracts/original.ts'

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
  /** Text does not say all of it. */
  isOdd: boolean
}

// What a `Date` holds. A foreign clock may say anything, and what is beyond fits neither a number nor a database.
const timeMaxMs = 8.64e15
const within = (atMs: number): number => Math.min(timeMaxMs, Math.max(-timeMaxMs, atMs))

/**
 * The records of one batch, after decompression, as entries.
 *
 * Foreign records never fail. What text leaves out of their keys and headers is in `original`: bytes that are no UTF-8, a
 * header without a value, several of one name, an order that objects do not keep. Values stay bytes. **Errors** `RangeError`
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
  /** Something of the record at hand is more than text. */
  #isOdd = false
  /** How many headers the record before had, and whether two of them had one name. */
  #headersBefore = 0
  #repeatedBefore = false

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
    const keyAt = this.#at
    const key = keySize < 0 ? null : this.#text(keySize)
    const isOddKey = this.#takeOdd()
    const valueSize = this.#varint()
    const value = valueSize < 0 ? null : this.#slice(valueSize)
    const headersAt = this.#at
    const headers = this.#headers()
    const areOddHeaders = this.#takeOdd()
    const entry = {
      topic: partition.topic,
      partition: partition.partition,
      offset,
      key,
      value,
      headers,
      atMs: within(sameTime ? atMs : atMs + timeDelta),
    }
    if (!isOddKey && !areOddHeaders) return entry
    const original: Original = {
      ...(isOddKey && { key: this.#bytes.subarray(keyAt, keyAt + keySize) }),
      ...(areOddHeaders && { headers: this.#exactHeaders(headersAt) }),
    }
    return { ...entry, original }
  }

  #takeOdd(): boolean {
    const was = this.#isOdd
    this.#isOdd = false
    return was
  }

  #headers(): Record<string, string> {
    const headers: Record<string, string> = {}
    const count = this.#varint()
    let isSame = count === this.#headersBefore
    for (let i = 0; i < count; i++) {
      const before = this.#names[i]?.text
      const name = this.#known(this.#names, i)
      if (name !== before) isSame = false
      const text = this.#known(this.#texts, i)
      // Assigned, it would be the prototype of the object.
      if (name === '__proto__') Object.defineProperty(headers, name, { value: text, enumerable: true })
      else headers[name] = text
    }
    // Records of one producer have the same names, so they are seldom counted.
    if (!isSame) {
      this.#headersBefore = count
      this.#repeatedBefore = Object.keys(headers).length < count
    }
    if (this.#repeatedBefore) this.#isOdd = true
    return headers
  }

  #exactHeaders(start: number): OriginalHeader[] {
    const end = this.#at
    this.#at = start
    const count = this.#varint()
    const headers: OriginalHeader[] = []
    for (let i = 0; i < count; i++) {
      const name = this.#slice(Math.max(0, this.#varint()))
      const size = this.#varint()
      headers.push({ name, value: size < 0 ? null : this.#slice(size) })
    }
    this.#at = end
    return headers
  }

  /** Text that is the same as at this place in the record before is not decoded again. */
  #known(seen: Seen[], index: number): string {
    const size = this.#varint()
    const start = this.#at
    const before = seen[index]
    if (before !== undefined && before.size === size && this.#same(before.start, start, size)) {
      before.start = start
      this.#at += Math.max(0, size)
      if (before.isOdd) this.#isOdd = true
      return before.text
    }
    const wasOdd = this.#isOdd
    this.#isOdd = size < 0
    const text = this.#text(Math.max(0, size))
    // Names that are numbers come first in an object, wherever they were.
    if (seen === this.#names && startsWithDigit(text)) this.#isOdd = true
    const isOdd = this.#isOdd
    this.#isOdd ||= wasOdd
    if (before === undefined) seen[index] = { text, start, size, isOdd }
    else {
      before.text = text
      before.start = start
      before.size = size
      before.isOdd = isOdd
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
    const text = this.#bytes.toString('utf8', start, this.#at)
    // Bytes that are no UTF-8 have become this one; where it was there before, keeping the bytes does no harm.
    if (text.includes('\ufffd')) this.#isOdd = true
    return text
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

const startsWithDigit = (text: string): boolean => text.charCodeAt(0) >= 48 && text.charCodeAt(0) <= 57
