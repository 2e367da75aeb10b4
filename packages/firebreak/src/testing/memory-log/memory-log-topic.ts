/**
 * The records of the memory log.
 *
 * I1  The offset of `entries[i]` is `first + i - dropped`: entries below `dropped` are gone and await compaction.
 * I2  Offsets have no gaps; retention removes from the front only, and never the newest record.
 */
import { FirebreakError } from '../../contracts/errors.ts'
import type { LogEntry, LogRecord, Partition, TopicInfo, TopicSpec } from '../../contracts/log.ts'
import { copyOfOriginal, originalParts, withText } from '../../contracts/original.ts'
import { partitionOfKey } from '../../contracts/partitioner.ts'
import { wellFormed } from '../../node/readable-record.ts'

const weekMs = 7 * 24 * 3_600_000
const encoder = new TextEncoder()

/** Something that waits for records of a partition. */
export interface Reader {
  wake(): void
}

export class StoredPartition implements Partition {
  readonly topic: string
  readonly partition: number
  /** The oldest offset kept. */
  first = 0
  /** One per group that holds this partition. Written by the groups, read by `append`. */
  readonly readers: Set<Reader> = new Set()
  #entries: LogEntry[] = []
  /** When each was appended, on the monotonic scale: an age must not depend on how the wall clock is set. */
  #sinceMs: number[] = []
  #dropped = 0
  #bytes = 0

  constructor(topic: string, partition: number) {
    this.topic = topic
    this.partition = partition
  }

  /** The offset the next record will get. */
  get next(): number {
    return this.first + this.#entries.length - this.#dropped
  }

  append(record: LogRecord, bytes: number, { atMs, sinceMs }: { atMs: number; sinceMs: number }): number {
    const offset = this.next
    // A copy: the log keeps what was appended, whatever the caller does with its buffer. Buffer's pool halves its cost.
    const value = record.value === null ? null : Buffer.from(record.value)
    this.#entries.push({
      topic: this.topic,
      partition: this.partition,
      offset,
      ...partsOf(record),
      value,
      atMs,
    })
    this.#sinceMs.push(sinceMs)
    this.#bytes += bytes
    return offset
  }

  read(from: number, max: number): readonly LogEntry[] {
    const at = Math.max(0, from - this.first) + this.#dropped
    return this.#entries.slice(at, at + max)
  }

  /** The offset of the first record appended at `atMs` or later; the next one where there is none. */
  firstAt(atMs: number): number {
    const found = this.#entries.slice(this.#dropped).find((entry) => entry.atMs >= atMs)
    return found?.offset ?? this.next
  }

  /** `nowMs` is on the monotonic scale. */
  retain(nowMs: number, retentionMs: number, retentionBytes: number): void {
    const last = this.#entries.length - 1
    for (; this.#dropped < last; this.#dropped++, this.first++) {
      const oldest = this.#entries[this.#dropped]
      if (oldest === undefined) break
      if ((this.#sinceMs[this.#dropped] ?? nowMs) >= nowMs - retentionMs && this.#bytes <= retentionBytes) break
      this.#bytes -= bytesOf(oldest)
    }
    if (this.#dropped > 1024 && this.#dropped * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#dropped)
      this.#sinceMs = this.#sinceMs.slice(this.#dropped)
      this.#dropped = 0
    }
  }
}

export class StoredTopic {
  readonly spec: Required<TopicSpec>
  readonly partitions: readonly StoredPartition[]
  #spread = 0

  constructor(spec: TopicSpec) {
    const count = spec.partitions ?? 6
    this.spec = {
      partitions: count,
      retentionMs: weekMs,
      retentionBytes: Number.POSITIVE_INFINITY,
      ...spec,
    }
    this.partitions = Array.from({ length: count }, (_, index) => new StoredPartition(spec.name, index))
  }

  partitionOf(record: LogRecord): StoredPartition {
    const count = this.partitions.length
    const { key, original } = record
    const spread = (): number => (key === null ? this.#spread++ % count : partitionOfKey(original?.key ?? key, count))
    const index = record.partition ?? spread()
    const found = this.partitions[index]
    if (found === undefined) {
      throw new FirebreakError('FB_TOPIC_MISMATCH', {
        topic: this.spec.name,
        found: count,
        expected: index + 1,
      })
    }
    return found
  }

  retain(nowMs: number): void {
    const { retentionMs, retentionBytes } = this.spec
    for (const partition of this.partitions) partition.retain(nowMs, retentionMs, retentionBytes)
  }

  info(): Omit<TopicInfo, 'recordBytesMax'> {
    const ends = this.partitions.map(({ partition, first, next }) => ({
      partition,
      first,
      next,
    }))
    return { ...this.spec, ends }
  }
}

/** Key and headers as a reader gets them; what goes through bytes elsewhere must not be more here. */
function partsOf({ key, headers, original }: LogRecord): Pick<LogEntry, 'key' | 'headers' | 'original'> {
  if (original !== undefined) return withText({ key, headers, original: copyOfOriginal(original) })
  return { key: key?.toWellFormed() ?? null, headers: wellFormed(headers) }
}

/** Key + value + headers, in bytes of UTF-8. */
export function bytesOf(record: Pick<LogRecord, 'key' | 'value' | 'headers' | 'original'>): number {
  const parts = record.original === undefined ? {} : originalParts(record.original)
  let bytes = record.value === null ? 0 : record.value.byteLength
  if (record.key !== null) bytes += parts.key ?? textBytes(record.key)
  if (parts.headers !== undefined) return bytes + parts.headers
  for (const name in record.headers) bytes += textBytes(name) + textBytes(record.headers[name] ?? '')
  return bytes
}

function textBytes(text: string): number {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return encoder.encode(text).length
  return text.length
}
