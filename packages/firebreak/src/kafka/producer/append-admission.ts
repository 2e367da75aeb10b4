import { FirebreakError } from '../../contracts/errors.ts'
import type { LogRecord } from '../../contracts/log.ts'
import { refuseUnreadable } from '../../node/readable-record.ts'
import type { Cluster } from '../cluster/kafka-cluster.ts'
import { topicConfigs } from '../cluster/kafka-configs.ts'
import { retryTransient } from '../cluster/retry.ts'
import { batchHeaderBytes, encodedBytesMax, payloadBytes } from '../protocol/record-batch-writer.ts'

/** What a topic takes as one batch, in bytes. */
export const limitKey = 'max.message.bytes'

/**
 * What must be known before records may wait in line: that their topics exist, and that they are not too large.
 *
 * I1 A call that has to ask the brokers first keeps its place: later calls with one of its topics wait behind it.
 */
export class Admission {
  readonly #cluster: Cluster
  /** `max.message.bytes` of the topics that have been written to. */
  readonly #limits = new Map<string, number>()
  /** The last call per topic that is still asking. */
  readonly #asking = new Map<string, Promise<void>>()

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /** Undefined when nothing has to be waited for. **Errors** `FB_TOPIC_UNKNOWN`, `FB_LOG_UNAVAILABLE`, `FB_LOG_REFUSED`. */
  wait(records: readonly LogRecord[]): Promise<void> | undefined {
    const topics = new Set<string>()
    for (const { topic } of records) topics.add(topic)
    const before: Promise<void>[] = []
    let isKnown = true
    for (const topic of topics) {
      const asking = this.#asking.get(topic)
      if (asking !== undefined) before.push(asking)
      isKnown &&= this.#limits.has(topic) && this.#cluster.topic(topic) !== undefined
    }
    return before.length > 0 || !isKnown ? this.#lineUp([...topics], before) : undefined
  }

  /** Key, value and headers in bytes. **Errors** `FB_RECORD_REFUSED`, `FB_RECORD_TOO_LARGE`. */
  fitting(record: LogRecord): number {
    refuseUnreadable(record)
    const payload = payloadBytes(record)
    const { recordBytesMax } = this.#cluster.settings
    const type = record.headers['ce_type'] ?? record.topic
    if (payload > recordBytesMax)
      throw new FirebreakError('FB_RECORD_TOO_LARGE', { type, bytes: payload, limit: recordBytesMax })
    const encoded = encodedBytesMax(record, payload) + batchHeaderBytes
    const limit = this.batchBytesMax(record.topic)
    if (encoded > limit) {
      // It may have been raised: the next call asks again.
      this.forget(record.topic)
      throw new FirebreakError('FB_RECORD_TOO_LARGE', { type, bytes: encoded, limit })
    }
    return payload
  }

  /** What the topic takes as one batch. */
  batchBytesMax(topic: string): number {
    return this.#limits.get(topic) ?? Number.POSITIVE_INFINITY
  }

  /** The broker has another limit, or another topic, by now. */
  forget(topic: string): void {
    this.#limits.delete(topic)
  }

  async #lineUp(topics: readonly string[], before: readonly Promise<void>[]): Promise<void> {
    const turn = Promise.all(before).then(() => this.#learn(topics))
    const over = turn.catch(() => undefined)
    for (const topic of topics) this.#asking.set(topic, over)
    try {
      await turn
    } finally {
      for (const topic of topics) if (this.#asking.get(topic) === over) this.#asking.delete(topic)
    }
  }

  async #learn(topics: readonly string[]): Promise<void> {
    const unknown = topics.filter((topic) => this.#cluster.topic(topic) === undefined)
    if (unknown.length > 0) await this.#cluster.learn(unknown)
    const unlimited = topics.filter((topic) => !this.#limits.has(topic))
    if (unlimited.length === 0) return
    const found = await retryTransient(this.#cluster.retry, () => topicConfigs(this.#cluster, unlimited, [limitKey]))
    for (const topic of unlimited) {
      // Where we may write but not describe, the broker refuses what is too large instead.
      this.#limits.set(topic, Number(found.get(topic)?.get(limitKey) ?? Number.MAX_SAFE_INTEGER))
    }
  }
}
