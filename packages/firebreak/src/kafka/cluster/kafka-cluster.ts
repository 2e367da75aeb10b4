/**
 * What is known of the cluster: brokers, topics, leaders, coordinators.
 *
 * I1 What is known may be out of date; a broker's answer shows that, and `refresh` or `forgetCoordinator` follows.
 * I2 Refreshes of the same topics that are in flight together are one request.
 */
import { apiVersionsV3, type Connection, findCoordinatorV4, metadataV12 } from '@platformatic/kafka'
import type { Clock } from '../../contracts/clock.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import { ask, type Broker, type Connections } from './kafka-connections.ts'
import { code, isTransient, ProtocolError, refusalOf } from './kafka-errors.ts'
import type { KafkaSettings } from './kafka-options.ts'
import { type RetryOptions, retryTransient } from './retry.ts'

export interface Leader {
  /** -1 while nobody leads. */
  readonly node: number
  readonly epoch: number
}

export interface TopicMeta {
  readonly name: string
  /** Changes when a topic is deleted and created anew. */
  readonly id: string
  readonly leaders: readonly Leader[]
}

type MetadataResponse = Awaited<ReturnType<typeof metadataV12.api.async>>

// The oldest brokers that speak all of these are those of 3.2; each is spoken by 4.x too.
const spoken: readonly { name: string; key: number; version: number }[] = [
  { name: 'Produce', key: 0, version: 9 },
  { name: 'Fetch', key: 1, version: 13 },
  { name: 'ListOffsets', key: 2, version: 7 },
  { name: 'Metadata', key: 3, version: 12 },
  { name: 'OffsetCommit', key: 8, version: 8 },
  { name: 'OffsetFetch', key: 9, version: 8 },
  { name: 'FindCoordinator', key: 10, version: 4 },
  { name: 'JoinGroup', key: 11, version: 9 },
  { name: 'Heartbeat', key: 12, version: 4 },
  { name: 'LeaveGroup', key: 13, version: 5 },
  { name: 'SyncGroup', key: 14, version: 5 },
  { name: 'DescribeGroups', key: 15, version: 5 },
  { name: 'ListGroups', key: 16, version: 4 },
  { name: 'CreateTopics', key: 19, version: 7 },
  { name: 'InitProducerId', key: 22, version: 4 },
  { name: 'DescribeConfigs', key: 32, version: 4 },
]
// A topic that was created a moment ago is not known to every broker yet.
const unknownGraceMs = 500
const controlChannel = 'control'
const controlTimeoutMs = 5000

export class Cluster {
  readonly connections: Connections
  readonly settings: KafkaSettings
  readonly clock: Clock
  #brokers = new Map<number, Broker>()
  readonly #topics = new Map<string, TopicMeta>()
  readonly #coordinators = new Map<string, Broker>()
  readonly #refreshing = new Map<string, Promise<MetadataResponse>>()
  #versionsChecked = false
  /** Where `any` begins: another one when it did not answer, or not as it should. */
  #first: Broker | undefined

  constructor(connections: Connections, clock: Clock) {
    this.connections = connections
    this.settings = connections.settings
    this.clock = clock
  }

  get retry(): RetryOptions {
    return { clock: this.clock, path: this.settings.path, withinMs: this.settings.appendTimeoutMs }
  }

  topic(name: string): TopicMeta | undefined {
    return this.#topics.get(name)
  }

  broker(node: number): Broker | undefined {
    return this.#brokers.get(node)
  }

  get brokers(): ReadonlyMap<number, Broker> {
    return this.#brokers
  }

  leader(topic: string, partition: number): Leader | undefined {
    const leader = this.#topics.get(topic)?.leaders[partition]
    return leader === undefined || leader.node < 0 || !this.#brokers.has(leader.node) ? undefined : leader
  }

  /**
   * Runs a request that any broker can answer. Where that fails, be it for time or for the answer, the next one goes
   * to another broker: this one may be cut off, or not the controller.
   */
  async withAny<T>(run: (connection: Connection) => Promise<T>): Promise<T> {
    const { connection, broker } = await this.#pick()
    try {
      return await run(connection)
    } catch (error) {
      this.#moveOn(broker)
      throw error
    }
  }

  async #pick(): Promise<{ connection: Connection; broker: Broker }> {
    let failure: unknown
    for (const broker of this.#inTurn()) {
      try {
        const connection = await this.connections.get(broker, controlChannel, controlTimeoutMs)
        if (!this.#versionsChecked) await this.#checkVersions(connection)
        return { connection, broker }
      } catch (error) {
        if (refusalOf(error) !== undefined) throw error
        failure = error
        this.#moveOn(broker)
      }
    }
    throw failure
  }

  #inTurn(): readonly Broker[] {
    const all = [...this.#brokers.values(), ...this.settings.brokers]
    const first = Math.max(
      0,
      all.findIndex((broker) => isSame(broker, this.#first)),
    )
    return [...all.slice(first), ...all.slice(0, first)]
  }

  #moveOn(from: Broker): void {
    const brokers = this.#inTurn()
    // Another request may have moved on already.
    if (isSame(from, brokers[0])) this.#first = brokers.find((broker) => !isSame(broker, from))
  }

  /**
   * Known topics out of `names`, from the brokers; what is missing in the answer does not exist. `null`: all topics, but those
   * that nothing is known of now.
   */
  async refresh(names: readonly string[] | null): Promise<ReadonlyMap<string, TopicMeta>> {
    const response = await this.#metadata(names)
    this.#brokers = new Map(response.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]))
    const found = new Map<string, TopicMeta>()
    let failure: number | undefined
    for (const { name, topicId, errorCode, partitions, isInternal } of response.topics) {
      if (name === null || name === undefined) continue
      if (errorCode === code.unknownTopicOrPartition) this.#topics.delete(name)
      else if (errorCode !== 0 && !isTransient(errorCode)) throw new ProtocolError(errorCode)
      else if (errorCode !== 0) {
        const known = this.#topics.get(name)
        if (known !== undefined) found.set(name, known)
        else if (names !== null) failure = errorCode
      } else if (!(isInternal && names === null)) {
        const leaders: Leader[] = []
        for (const { partitionIndex, leaderId, leaderEpoch } of partitions)
          leaders[partitionIndex] = { node: leaderId, epoch: leaderEpoch }
        const topic = { name, id: topicId, leaders }
        found.set(name, topic)
        this.#topics.set(name, topic)
      }
    }
    if (failure !== undefined) throw new ProtocolError(failure)
    return found
  }

  /** **Errors** `FB_TOPIC_UNKNOWN` naming all that do not exist, `FB_LOG_UNAVAILABLE`, `FB_LOG_REFUSED`. */
  async learn(names: readonly string[]): Promise<void> {
    const giveUpAtMs = this.clock.monotonic() + unknownGraceMs
    await retryTransient(this.retry, async () => {
      const found = await this.refresh(names)
      const missing = names.filter((name) => !found.has(name))
      if (missing.length === 0) return
      if (this.clock.monotonic() < giveUpAtMs) throw new ProtocolError(code.unknownTopicOrPartition)
      throw new FirebreakError('FB_TOPIC_UNKNOWN', { topic: missing.join(', ') })
    })
  }

  async coordinator(group: string): Promise<Broker> {
    const known = this.#coordinators.get(group)
    if (known !== undefined) return known
    const broker = await this.withAny(async (connection) => {
      const { coordinators } = await ask(connection, findCoordinatorV4.api, 0, [group])
      const found = coordinators[0]
      if (found === undefined || found.errorCode !== 0) throw new ProtocolError(found?.errorCode ?? -1)
      return { host: found.host, port: found.port }
    })
    this.#coordinators.set(group, broker)
    return broker
  }

  forgetCoordinator(group: string): void {
    this.#coordinators.delete(group)
  }

  #metadata(names: readonly string[] | null): Promise<MetadataResponse> {
    const key = names === null ? '*' : [...names].sort().join(' ')
    const known = this.#refreshing.get(key)
    if (known !== undefined) return known
    const topics = names === null ? null : [...names]
    const asking = this.withAny((connection) => ask(connection, metadataV12.api, topics, false, false)).finally(() =>
      this.#refreshing.delete(key),
    )
    this.#refreshing.set(key, asking)
    return asking
  }

  async #checkVersions(connection: Connection): Promise<void> {
    const { apiKeys } = await ask(connection, apiVersionsV3.api, 'firebreak', '0')
    const missing = spoken.filter(({ key, version }) => {
      const range = apiKeys.find(({ apiKey }) => apiKey === key)
      return range === undefined || range.minVersion > version || range.maxVersion < version
    })
    if (missing.length > 0) {
      const list = missing.map(({ name, version }) => `${name} v${version}`).join(', ')
      throw new FirebreakError('FB_LOG_REFUSED', {
        path: this.settings.path,
        reason: `the brokers do not speak ${list}; Kafka 3.2 or newer is needed`,
      })
    }
    this.#versionsChecked = true
  }
}

const isSame = (a: Broker, b: Broker | undefined): boolean => a.host === b?.host && a.port === b.port
