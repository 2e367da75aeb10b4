import { Reader, type Writer } from '@platformatic/kafka'
import { sleep } from '../../../src/contracts/clock.ts'
import type { LogEntry } from '../../../src/contracts/log.ts'
import { Cluster } from '../../../src/kafka/cluster/kafka-cluster.ts'
import type { Connections } from '../../../src/kafka/cluster/kafka-connections.ts'
import { type KafkaOptions, settingsOf } from '../../../src/kafka/cluster/kafka-options.ts'
import { FetchedRecords } from '../../../src/kafka/protocol/record-batch-reader.ts'
import { texts } from '../../../src/testing/conformance/log-scene.ts'
import { type VirtualClock, virtualClock } from '../../../src/testing/virtual-time/virtual-clock.ts'

export interface SentBatch {
  readonly topic: string
  readonly partition: number
  /** `id/epoch/sequence`, what the broker tells copies by. */
  readonly stamp: string
  readonly texts: readonly string[]
  readonly bytes: Buffer
}

export interface AskedPlace {
  readonly topicId: string
  readonly partition: number
  readonly offset: number
  readonly lastEpoch: number
  readonly bytesMax: number
}

interface Topic {
  id: string
  readonly partitions: number
  /** Which node leads each partition, where it is not node 1. */
  readonly leaders?: readonly number[]
}

/** What a script says to one request: an answer, an `Error` for a connection that ends, or undefined for the usual answer. */
type Says<Request> = (request: Request, node: number) => unknown

const usual: Says<unknown> = () => undefined

const api = { produce: 0, fetch: 1, metadata: 3, versions: 18, producerId: 22, configs: 32 } as const

/**
 * Brokers behind a `Cluster`, without a socket: what a test does not script is answered as Kafka would, and batches are told
 * from copies by producer, epoch and sequence, as Kafka does.
 */
export class ScriptedBrokers {
  readonly clock: VirtualClock = virtualClock()
  readonly cluster: Cluster
  readonly topics: Map<string, Topic> = new Map()
  readonly sent: SentBatch[] = []
  readonly asked: { readonly node: number; readonly bytesMax: number; readonly places: readonly AskedPlace[] }[] = []
  /** Values by `topic/partition`, in the order in which they were stored. */
  readonly stored: Map<string, string[]> = new Map()
  /** Error codes of topics in answers about metadata. */
  readonly topicErrors: Map<string, number> = new Map()
  messageBytesMax = 1_000_000
  onProduce: Says<SentBatch> = usual
  onFetch: Says<readonly AskedPlace[]> = usual
  /** What comes to pass before any request is answered. */
  onAny: Says<number> = usual
  readonly #nodes: readonly number[]
  readonly #copies = new Map<string, number>()
  readonly #producersAt = new Map<string, { epoch: number; next: number }>()
  #producers = 0

  constructor(nodes: number, options: Partial<KafkaOptions> = {}) {
    this.#nodes = Array.from({ length: nodes }, (_, i) => i + 1)
    const brokers = this.#nodes.map((node) => `node:${node}`)
    const settings = settingsOf({ brokers, ...options })
    const get = async ({ port }: { port: number }): Promise<unknown> => ({
      send: (key: number, _version: number, body: () => Writer, ...rest: readonly unknown[]): void => {
        const done = rest.at(-1) as (error: Error | null, answer?: unknown) => void
        this.#answer(key, port, body).then((answer) => (answer instanceof Error ? done(answer) : done(null, answer)))
      },
    })
    const connections = { settings, get, drop: async () => undefined, close: async () => undefined }
    this.cluster = new Cluster(connections as unknown as Connections, this.clock)
  }

  async #answer(key: number, node: number, body: () => Writer): Promise<unknown> {
    const said = await this.onAny(key, node)
    if (said !== undefined) return said
    if (key === api.produce) return this.#produced(readProduce(body(), this), node)
    if (key === api.fetch) return this.#fetched(readFetch(body()), node)
    if (key === api.metadata) return this.#metadata()
    if (key === api.producerId) return { errorCode: 0, producerId: BigInt(++this.#producers) }
    if (key === api.configs) return this.#configs()
    if (key === api.versions)
      return { apiKeys: Array.from({ length: 100 }, (_, apiKey) => ({ apiKey, minVersion: 0, maxVersion: 99 })) }
    throw new Error(`nobody has taught the brokers request ${key}`)
  }

  async #produced(batches: readonly SentBatch[], node: number): Promise<unknown> {
    const responses: unknown[] = []
    for (const batch of batches) {
      this.sent.push(batch)
      const said = await this.onProduce(batch, node)
      if (said instanceof Error) return said
      const answer = typeof said === 'number' ? { errorCode: said, baseOffset: -1n } : this.store(batch)
      responses.push({ name: batch.topic, partitionResponses: [{ index: batch.partition, ...answer }] })
    }
    return { responses }
  }

  /** As Kafka does it: a copy gets the answer of the first, and only what comes next in its epoch is stored. */
  store({ topic, partition, stamp, texts: values }: SentBatch): { errorCode: number; baseOffset: bigint } {
    const id = `${topic}/${partition}`
    const copy = this.#copies.get(`${id} ${stamp}`)
    if (copy !== undefined) return { errorCode: 0, baseOffset: BigInt(copy) }
    const [producer = 0, epoch = 0, sequence = 0] = stamp.split('/').map(Number)
    const last = this.#producersAt.get(`${id} ${producer}`)
    const next = last === undefined ? sequence : last.epoch === epoch ? last.next : 0
    if (last !== undefined && epoch < last.epoch) return { errorCode: 47, baseOffset: -1n }
    if (next !== sequence) return { errorCode: 45, baseOffset: -1n }
    const log = this.stored.get(id) ?? []
    this.stored.set(id, log)
    this.#copies.set(`${id} ${stamp}`, log.length)
    this.#producersAt.set(`${id} ${producer}`, { epoch, next: sequence + values.length })
    return { errorCode: 0, baseOffset: BigInt(log.push(...values) - values.length) }
  }

  async #fetched(request: { bytesMax: number; places: readonly AskedPlace[] }, node: number): Promise<unknown> {
    this.asked.push({ node, ...request })
    const said = await this.onFetch(request.places, node)
    if (said instanceof Error) return said
    // No news.
    if (said === undefined) await sleep(this.clock, this.cluster.settings.fetch.waitMs)
    return { errorCode: 0, partitions: said ?? [] }
  }

  #metadata(): unknown {
    const topics = [...this.topics].map(([name, { id, partitions, leaders = [] }]) => ({
      name,
      topicId: id,
      errorCode: this.topicErrors.get(name) ?? 0,
      isInternal: false,
      partitions: Array.from({ length: partitions }, (_, partitionIndex) => ({
        partitionIndex,
        leaderId: leaders[partitionIndex] ?? 1,
        leaderEpoch: 0,
      })),
    }))
    return { brokers: this.#nodes.map((nodeId) => ({ nodeId, host: 'node', port: nodeId })), topics }
  }

  #configs(): unknown {
    const configs = [{ name: 'max.message.bytes', value: String(this.messageBytesMax) }]
    return { results: [...this.topics.keys()].map((resourceName) => ({ errorCode: 0, resourceName, configs })) }
  }
}

function readProduce(body: Writer, { cluster }: ScriptedBrokers): readonly SentBatch[] {
  const reader = Reader.from(body.buffer)
  reader.readNullableString()
  reader.readInt16()
  reader.readInt32()
  const batches: SentBatch[] = []
  reader.readArray((topics) => {
    const topic = topics.readString()
    topics.readArray((partitions) => {
      const partition = partitions.readInt32()
      const bytes = Buffer.from(partitions.readBytes())
      const at = { partition: { topic, partition }, path: cluster.settings.path }
      const entries: LogEntry[] = []
      new FetchedRecords(at, bytes, []).read(entries, 0, Number.MAX_SAFE_INTEGER)
      const stamp = `${bytes.readBigInt64BE(43)}/${bytes.readInt16BE(51)}/${bytes.readInt32BE(53)}`
      batches.push({ topic, partition, stamp, texts: texts(entries), bytes })
    })
  })
  return batches
}

function readFetch(body: Writer): { bytesMax: number; places: readonly AskedPlace[] } {
  const reader = Reader.from(body.buffer)
  reader.readInt32()
  reader.readInt32()
  reader.readInt32()
  const bytesMax = reader.readInt32()
  reader.readInt8()
  reader.readInt32()
  reader.readInt32()
  const places: AskedPlace[] = []
  reader.readArray((topics) => {
    const topicId = topics.readUUID()
    topics.readArray((partitions) => {
      const partition = partitions.readInt32()
      partitions.readInt32()
      const offset = Number(partitions.readInt64())
      const lastEpoch = partitions.readInt32()
      partitions.readInt64()
      places.push({ topicId, partition, offset, lastEpoch, bytesMax: partitions.readInt32() })
    })
  })
  return { bytesMax, places }
}
