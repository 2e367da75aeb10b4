import type { Clock } from '../../contracts/clock.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import type {
  Cursor,
  GroupMember,
  Log,
  LogCapabilities,
  LogEntry,
  LogInspection,
  LogRecord,
  OpenOptions,
  Position,
  TopicInfo,
  TopicSpec,
} from '../../contracts/log.ts'
import { bytes, type OptionTable, optionProblems, other, valueProblems } from '../../contracts/option.ts'
import { refuseTopics } from '../../contracts/topic-options.ts'
import { systemClock } from '../../node/clock.ts'
import { refuseUnreadable } from '../../node/readable-record.ts'
import { MemoryCursor } from './memory-log-cursor.ts'
import { type MemoryLogStore, memoryLogStore } from './memory-log-store.ts'
import { bytesOf, type StoredPartition, StoredTopic } from './memory-log-topic.ts'

export interface MemoryLogOptions {
  readonly clock?: Clock
  /** What several handles share: pass the same one to stand for processes that come and go before one broker. */
  readonly store?: MemoryLogStore
  /** Default 1 MiB. */
  readonly recordBytesMax?: number
  /** Topics that take less than that. */
  readonly topicBytesMax?: Readonly<Record<string, number>>
}

export const memoryLogOptions: OptionTable<MemoryLogOptions> = {
  clock: other,
  store: other,
  recordBytesMax: bytes({ least: 1, default: 1_048_576, meaning: 'largest key + value + headers of one record' }),
  topicBytesMax: other,
}

/**
 * The `Log` port in memory: all of it, and nothing on disk. Woken by appends, never polling, waiting only on its clock,
 * so it runs in virtual time. Readers share the bytes of a record: treat them as read-only.
 */
export function memoryLog(options: MemoryLogOptions = {}): Log {
  const topics = Object.entries(options.topicBytesMax ?? {})
  const problems = [
    ...optionProblems(memoryLogOptions, options, 'memoryLog: '),
    ...topics.flatMap(([topic, most]) =>
      valueProblems(`topicBytesMax.${topic}`, memoryLogOptions.recordBytesMax, most),
    ),
  ]
  if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
  return new MemoryLog(options)
}

class MemoryLog implements Log {
  readonly capabilities: LogCapabilities
  readonly #clock: Clock
  readonly #topicBytesMax: Readonly<Record<string, number>>
  readonly #store: MemoryLogStore
  readonly #cursors = new Set<MemoryCursor>()
  #closed = false

  constructor(options: MemoryLogOptions) {
    this.#clock = options.clock ?? systemClock
    this.#store = options.store ?? memoryLogStore()
    this.#topicBytesMax = options.topicBytesMax ?? {}
    this.capabilities = {
      name: 'memory',
      durable: false,
      multiProcess: false,
      multiMachine: false,
      contiguousOffsets: true,
      atomicAppend: true,
      retention: { byTime: true, bySize: true },
      recordBytesMax: options.recordBytesMax ?? 1_048_576,
    }
  }

  async ensureTopics(topics: readonly TopicSpec[]): Promise<void> {
    this.#open()
    refuseTopics(topics)
    for (const { name: topic, partitions: expected = 0 } of topics) {
      const found = this.#store.topics.get(topic)?.partitions.length
      if (found !== undefined && expected > found) {
        throw new FirebreakError('FB_TOPIC_MISMATCH', {
          topic,
          found,
          expected,
        })
      }
    }
    for (const spec of topics) {
      if (!this.#store.topics.has(spec.name)) this.#store.topics.set(spec.name, new StoredTopic(spec))
    }
  }

  async append(records: readonly LogRecord[]): Promise<readonly Position[]> {
    this.#open()
    const sizes: number[] = []
    const places: StoredPartition[] = []
    for (const record of records) {
      const topic = this.#store.topic(record.topic)
      sizes.push(this.#fitting(record))
      places.push(topic.partitionOf(record))
    }
    const at = { atMs: this.#clock.now(), sinceMs: this.#clock.monotonic() }
    const touched = new Set<StoredPartition>()
    const positions = records.map((record, index) => {
      const place = places[index] as StoredPartition
      touched.add(place)
      const offset = place.append(record, sizes[index] ?? 0, at)
      return { topic: place.topic, partition: place.partition, offset }
    })
    for (const place of touched) {
      const { retentionMs, retentionBytes } = this.#store.topic(place.topic).spec
      place.retain(at.sinceMs, retentionMs, retentionBytes)
      for (const reader of place.readers) reader.wake()
    }
    return positions
  }

  async open(group: string, topics: readonly string[], options: OpenOptions = {}): Promise<Cursor> {
    this.#open()
    const cursor = new MemoryCursor({
      group: this.#store.group(group),
      topics: [...new Set(topics)].map((name) => this.#store.topic(name)),
      clock: this.#clock,
      from: options.from ?? 'earliest',
      ledger: options.ledger ?? null,
      onClose: (closed) => this.#cursors.delete(closed),
    })
    this.#cursors.add(cursor)
    return cursor
  }

  inspect(): LogInspection {
    const store = this.#store
    const clock = this.#clock
    const limitOf = (topic: string): number => this.#limitOf(topic)
    const retained = (topic: StoredTopic): StoredTopic => {
      topic.retain(clock.monotonic())
      return topic
    }
    return {
      async topics(names?: readonly string[]): Promise<readonly TopicInfo[]> {
        const wanted = [...store.topics.values()].filter(({ spec }) => names?.includes(spec.name) ?? true)
        return wanted.map((topic) => ({ ...retained(topic).info(), recordBytesMax: limitOf(topic.spec.name) }))
      },
      async committed(group: string): Promise<readonly Position[]> {
        return [...(store.groups.get(group)?.committed.values() ?? [])]
      },
      async groups(): Promise<readonly string[]> {
        return [...store.groups.keys()]
      },
      async members(group: string): Promise<readonly GroupMember[]> {
        return store.groups.get(group)?.members() ?? []
      },
      async read({ topic, partition, offset }: Position, max: number): Promise<readonly LogEntry[]> {
        return retained(store.topic(topic)).partitions[partition]?.read(offset, max) ?? []
      },
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const cursor of [...this.#cursors]) await cursor.close()
  }

  #open(): void {
    if (this.#closed) throw new FirebreakError('FB_CLOSED', { what: 'log memory' })
  }

  #limitOf(topic: string): number {
    return Math.min(this.#topicBytesMax[topic] ?? Number.POSITIVE_INFINITY, this.capabilities.recordBytesMax)
  }

  #fitting(record: LogRecord): number {
    refuseUnreadable(record)
    const bytes = bytesOf(record)
    const limit = this.#limitOf(record.topic)
    if (bytes <= limit) return bytes
    const type = record.headers.ce_type ?? record.topic
    throw new FirebreakError('FB_RECORD_TOO_LARGE', { type, bytes, limit })
  }
}
