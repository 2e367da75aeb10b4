import type { Clock } from '../contracts/clock.ts'
import { FirebreakError } from '../contracts/errors.ts'
import type {
  Cursor,
  Log,
  LogCapabilities,
  LogInspection,
  LogRecord,
  OpenOptions,
  Position,
  TopicSpec,
} from '../contracts/log.ts'
import { systemClock } from '../node/clock.ts'
import { Cluster } from './cluster/kafka-cluster.ts'
import { Connections } from './cluster/kafka-connections.ts'
import { type KafkaOptions, settingsOf } from './cluster/kafka-options.ts'
import { ensureTopics } from './cluster/kafka-topics.ts'
import { kafkaInspection } from './kafka-inspection.ts'
import { Producer } from './producer/kafka-producer.ts'
import { KafkaCursor } from './reading/kafka-cursor.ts'

/**
 * The `Log` port on Apache Kafka 3.2 or newer. Connects when it is first used.
 *
 * **Errors** `FB_CONFIG` for options that cannot work; from its methods, besides those of the port, `FB_LOG_REFUSED` for
 * credentials and permissions, `FB_RECORD_REFUSED`, and `FB_LOG_TRUNCATED` where a partition lost what was read from it.
 *
 * **Guarantee** What `append` has acknowledged is on all replicas in sync; a key keeps its order under retries. Only
 * committed transactions of foreign producers are read. Values of entries are views into what was fetched: copy what you
 * keep for long.
 *
 * @example
 * ```ts
 * import { kafkaLog } from 'firebreak/kafka'
 *
 * export const log = kafkaLog({ brokers: ['kafka-1:9092', 'kafka-2:9092'], clientId: 'billing', compression: 'zstd' })
 * ```
 */
export function kafkaLog(options: KafkaOptions): Log {
  return createKafkaLog(new Connections(settingsOf(options)))
}

/** On connections of the caller's: who closes them takes the process's death in a test. */
export function createKafkaLog(connections: Connections, clock: Clock = systemClock): Log {
  return new KafkaLog(connections, clock)
}

class KafkaLog implements Log {
  readonly capabilities: LogCapabilities
  readonly #cluster: Cluster
  readonly #producer: Producer
  readonly #cursors = new Set<KafkaCursor>()
  #opened = 0
  #closing: Promise<void> | undefined

  constructor(connections: Connections, clock: Clock) {
    this.#cluster = new Cluster(connections, clock)
    this.#producer = new Producer(this.#cluster)
    this.capabilities = {
      name: 'kafka',
      durable: true,
      multiProcess: true,
      multiMachine: true,
      contiguousOffsets: false,
      atomicAppend: false,
      retention: { byTime: true, bySize: true },
      recordBytesMax: connections.settings.recordBytesMax,
    }
  }

  async ensureTopics(topics: readonly TopicSpec[]): Promise<void> {
    this.#open()
    await ensureTopics(this.#cluster, topics)
  }

  append(records: readonly LogRecord[]): Promise<readonly Position[]> {
    return this.#producer.append(records)
  }

  async open(group: string, topics: readonly string[], options: OpenOptions = {}): Promise<Cursor> {
    this.#open()
    const names = [...new Set(topics)]
    await this.#cluster.learn(names)
    this.#open()
    const cursor = new KafkaCursor({
      cluster: this.#cluster,
      group,
      topics: names,
      from: options.from ?? 'earliest',
      ledger: options.ledger ?? null,
      name: String(this.#opened++),
      onClose: (closed) => this.#cursors.delete(closed),
    })
    this.#cursors.add(cursor)
    try {
      await cursor.start()
    } catch (error) {
      await cursor.close()
      throw error
    }
    return cursor
  }

  inspect(): LogInspection {
    return kafkaInspection(this.#cluster)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await Promise.all([this.#producer.close(), ...[...this.#cursors].map((cursor) => cursor.close())])
    await this.#cluster.connections.close()
  }

  #open(): void {
    if (this.#closing !== undefined) throw new FirebreakError('FB_CLOSED', { what: this.#cluster.settings.path })
  }
}
