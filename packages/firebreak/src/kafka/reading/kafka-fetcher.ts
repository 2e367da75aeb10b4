/**
 * Fetches ahead of one reader, from the leaders of its partitions.
 *
 * I1 Two requests per broker at most wait for news, and a third is kept for what is there, as far as the broker has told, each
 *    on a connection of its own: a partition that has more need not wait with those that have nothing new.
 * I2 What is fetched ahead and what may still come of the requests in flight is bounded per partition and in all, but for one
 *    batch per request that is larger than what was asked for. A partition that is paused or full is left out of the next
 *    requests; it keeps what it has, but a paused one gives it up where others have no room.
 * I3 A partition that was removed gets nothing of the requests that are still in flight.
 * I4 An error that a partition cannot get over is thrown by the first `take` that has nothing of it left, before anything of
 *    others is handed out. An outage is reported now and then; the others go on in between.
 */
import type { Timer } from '../../contracts/clock.ts'
import { FirebreakError, isFirebreakError } from '../../contracts/errors.ts'
import type { LogEntry, Partition } from '../../contracts/log.ts'
import type { Cluster } from '../cluster/kafka-cluster.ts'
import { asLogError, code, nameOf, ProtocolError, refusalOf } from '../cluster/kafka-errors.ts'
import { offsetsAt } from '../cluster/kafka-positions.ts'
import type { FetchedPartition, FetchResponse } from '../protocol/fetch-response.ts'
import { FetchedRecords } from '../protocol/record-batch-reader.ts'
import { type PlannedFetch, planFetches, rotated, slots } from './fetch-plan.ts'
import { sendFetch } from './fetch-request.ts'
import { fetchVerdict, rangeVerdict, topicVerdict } from './fetch-verdict.ts'
import type { Start } from './holding.ts'
import { PartitionReader } from './partition-reader.ts'

// When some partitions of a broker cannot come along, the request must not be away for long.
const shortWaitMs = 100
// Beyond the time that a broker may wait for news.
const answerWithinMs = 5000
const unavailableAfterMs = 10_000

export class Fetcher {
  readonly #cluster: Cluster
  readonly #channel: string
  readonly #wake: () => void
  readonly #readers = new Map<string, PartitionReader>()
  /** By broker that leads something here. */
  readonly #slotsTaken = new Map<number, Set<number>>()
  #paused: ReadonlySet<string> = new Set()
  #turn = 0
  #timer: Timer | undefined
  /** What the requests in flight may bring. */
  #reservedBytes = 0
  /** When it was last reported that a partition cannot be reached. */
  #reportedAtMs = Number.NEGATIVE_INFINITY
  #closed = false

  constructor(cluster: Cluster, channel: string, wake: () => void) {
    this.#cluster = cluster
    this.#channel = channel
    this.#wake = wake
  }

  /** Fetched from the next `fetch` or `take` on, so that partitions that come together are asked for together. */
  add(partition: Partition, start: Start): void {
    const topicId = this.#cluster.topic(partition.topic)?.id
    const { partitionBytes } = this.#cluster.settings.fetch
    const reader = new PartitionReader(partition, { topicId, start, fetchBytesMax: partitionBytes })
    this.#readers.set(reader.id, reader)
  }

  fetch(): void {
    this.#pump()
  }

  remove(id: string): void {
    this.#readers.delete(id)
  }

  pause(ids: ReadonlySet<string>): void {
    this.#paused = ids
    this.#pump()
  }

  /** -1 when unknown. */
  epochBefore(id: string, offset: number): number {
    return this.#readers.get(id)?.epochBefore(offset) ?? -1
  }

  /** Up to `max` records, every partition its share. **Errors** of a partition that cannot go on, `FB_LOG_UNAVAILABLE`. */
  take(max: number): readonly LogEntry[] {
    const all = [...this.#readers.values()].filter(({ id }) => !this.#paused.has(id))
    this.#throwErrorOf(all)
    const readers = rotated(all, this.#turn++).filter((reader) => reader.hasRecords)
    const entries: LogEntry[] = []
    for (const [i, reader] of readers.entries())
      reader.drainInto(entries, Math.ceil((max - entries.length) / (readers.length - i)))
    for (const reader of readers) if (entries.length < max) reader.drainInto(entries, max - entries.length)
    this.#pump()
    if (entries.length === 0) this.#throwErrorOf(all)
    return entries
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#readers.clear()
    this.#timer?.cancel()
    for (let slot = 0; slot < slots; slot++) await this.#cluster.connections.drop(`${this.#channel}-${slot}`)
  }

  #throwErrorOf(readers: readonly PartitionReader[]): void {
    const nowMs = this.#cluster.clock.monotonic()
    const longAgoMs = nowMs - unavailableAfterMs
    for (const { stopped, hasRecords, outage } of readers) {
      if (hasRecords) continue
      if (stopped !== undefined) throw stopped
      if (outage === undefined || outage.sinceMs > longAgoMs || this.#reportedAtMs > longAgoMs) continue
      this.#reportedAtMs = nowMs
      throw outage.error
    }
  }

  #pump(): void {
    if (this.#closed) return
    const { clock, settings } = this.#cluster
    const nowMs = clock.monotonic()
    const plan = planFetches<PartitionReader>({
      nowMs,
      partitions: [...this.#readers.values()],
      paused: this.#paused,
      leaderOf: ({ partition: { topic, partition } }) => this.#cluster.leader(topic, partition)?.node,
      slotsTaken: this.#slotsTaken,
      ...settings.fetch,
      reservedBytes: this.#reservedBytes,
      turn: this.#turn,
    })
    let { againAtMs } = plan
    for (const reader of plan.leaderless) {
      reader.failed(this.#unavailable(reader, code.leaderNotAvailable), nowMs)
      againAtMs = Math.min(againAtMs, reader.fetchFromMs)
      this.#findTopic(reader).catch(() => undefined)
    }
    for (const reader of plan.discarded) reader.discard()
    for (const fetch of plan.fetches) this.#start(fetch)
    if (againAtMs < Number.POSITIVE_INFINITY) this.#pumpAt(againAtMs)
  }

  #pumpAt(atMs: number): void {
    const { clock } = this.#cluster
    this.#timer?.cancel()
    this.#timer = clock.schedule(Math.max(1, atMs - clock.monotonic()), () => this.#pump())
  }

  #start(fetch: PlannedFetch<PartitionReader>): void {
    const { node, slot, partitions: readers, reservedBytes } = fetch
    const taken = this.#slotsTaken.get(node) ?? new Set()
    this.#slotsTaken.set(node, taken.add(slot))
    this.#reservedBytes += reservedBytes
    this.#turn++
    for (const reader of readers) reader.fetchBegins()
    this.#send(fetch)
      .then(
        (response) => this.#received(readers, response),
        (error: unknown) => this.#failed(readers, error),
      )
      .finally(() => {
        taken.delete(slot)
        this.#reservedBytes -= reservedBytes
        for (const reader of readers) reader.fetchEnds()
        this.#pump()
      })
  }

  async #send({ node, slot, partitions: readers, bytesMax }: PlannedFetch<PartitionReader>): Promise<FetchResponse> {
    const { connections, settings } = this.#cluster
    const broker = this.#cluster.broker(node)
    if (broker === undefined) throw new ProtocolError(code.brokerNotAvailable)
    const connection = await connections.get(broker, `${this.#channel}-${slot}`, settings.fetch.waitMs + answerWithinMs)
    const isAll = readers.length === this.#readers.size
    const from = readers.map((reader) => {
      const { topic, partition } = reader.partition
      // It is led, so the topic is known.
      reader.nameTopic(this.#cluster.topic(topic)?.id ?? '')
      return {
        topicId: reader.topicId ?? '',
        partition,
        offset: reader.fetchAt,
        leaderEpoch: this.#cluster.leader(topic, partition)?.epoch ?? -1,
        lastFetchedEpoch: reader.fetchedEpoch,
        bytesMax: reader.fetchBytesMax,
      }
    })
    const waitMs = isAll ? settings.fetch.waitMs : Math.min(shortWaitMs, settings.fetch.waitMs)
    return sendFetch(connection, from, { waitMs, bytesMin: 1, bytesMax })
  }

  #received(readers: readonly PartitionReader[], response: FetchResponse): void {
    if (response.errorCode !== 0) {
      this.#failed(readers, new ProtocolError(response.errorCode))
      return
    }
    const waiting = new Map(readers.map((reader) => [`${reader.topicId}/${reader.partition.partition}`, reader]))
    let isNews = false
    for (const answer of response.partitions) {
      const reader = waiting.get(`${answer.topicId}/${answer.partition}`)
      if (reader !== undefined && this.#readers.get(reader.id) === reader && this.#judge(reader, answer)) isNews = true
    }
    if (isNews) this.#wake()
  }

  /** Whether there is something for the owner of the fetcher. */
  #judge(reader: PartitionReader, answer: FetchedPartition): boolean {
    const { errorCode, divergedAt, stableEnd } = answer
    if (errorCode === 0) reader.answered(stableEnd)
    else reader.failed(this.#unavailable(reader, errorCode), this.#cluster.clock.monotonic())
    switch (fetchVerdict(answer)) {
      case 'accept':
        return this.#accept(reader, answer)
      case 'truncated':
        reader.stop(truncated(reader, `its records from offset ${divergedAt} on were replaced by others`))
        return true
      case 'find-range':
        this.#findRange(reader).catch(() => undefined)
        return false
      case 'find-topic':
        this.#findTopic(reader).catch(() => undefined)
        return false
      case 'retry':
        this.#cluster.refresh([reader.partition.topic]).catch(() => undefined)
        return false
      case 'corrupt':
        reader.stop(this.#corrupt(reader))
        return true
      case 'refused':
        reader.stop(this.#refused(reader, errorCode))
        return true
    }
  }

  #accept(reader: PartitionReader, { records: bytes, aborted }: FetchedPartition): boolean {
    if (bytes.length === 0) return false
    const origin = { partition: reader.partition, path: this.#cluster.settings.path }
    try {
      const records = new FetchedRecords(origin, bytes, aborted)
      if (records.sizeBytes > 0) reader.add(records)
      // The size of a batch stands behind its base offset.
      else if (bytes.length >= 12) reader.askForMore(bytes.readInt32BE(8) + 12)
      return records.sizeBytes > 0
    } catch (error) {
      if (!isFirebreakError(error)) throw error
      reader.stop(error)
      return true
    }
  }

  /** There was no answer, or none about single partitions. */
  #failed(readers: readonly PartitionReader[], error: unknown): void {
    if (this.#closed) return
    const { clock, settings } = this.#cluster
    const isFinal = refusalOf(error) !== undefined
    const reported = asLogError(error, settings.path)
    for (const reader of readers) {
      if (isFinal) reader.stop(reported)
      else reader.failed(reported, clock.monotonic())
    }
    const topics = new Set(readers.map(({ partition }) => partition.topic))
    if (isFinal) this.#wake()
    else this.#cluster.refresh([...topics]).catch(() => undefined)
  }

  async #findRange(reader: PartitionReader): Promise<void> {
    const at = reader.fetchAt
    reader.locate()
    try {
      const first = (await offsetsAt(this.#cluster, [reader.partition], 'first')).get(reader.id) ?? 0
      const next = (await offsetsAt(this.#cluster, [reader.partition], 'next')).get(reader.id) ?? 0
      const verdict = rangeVerdict({ at, first, next })
      if (verdict === 'continue-at-first') reader.continueAt(first)
      else if (verdict === 'forget-epoch') reader.forgetEpoch()
      else this.#stop(reader, truncated(reader, `it ends at offset ${next}, below ${at}, which comes next`))
    } finally {
      reader.located(this.#cluster.clock.monotonic())
      this.#pump()
    }
  }

  async #findTopic(reader: PartitionReader): Promise<void> {
    const { topic } = reader.partition
    const found = (await this.#cluster.refresh([topic])).get(topic)
    const verdict = topicVerdict(reader.topicId, found?.id, reader.failures)
    if (verdict === 'same' && found !== undefined) reader.nameTopic(found.id)
    else if (verdict === 'another') this.#stop(reader, truncated(reader, `topic ${topic} was deleted and created anew`))
    else if (verdict === 'gone') this.#stop(reader, new FirebreakError('FB_TOPIC_UNKNOWN', { topic }))
  }

  #stop(reader: PartitionReader, error: FirebreakError): void {
    reader.stop(error)
    this.#wake()
  }

  #unavailable({ id }: PartitionReader, errorCode: number): FirebreakError {
    const reason = `${nameOf(errorCode)} (${id})`
    return new FirebreakError('FB_LOG_UNAVAILABLE', { path: this.#cluster.settings.path, reason })
  }

  #corrupt({ id, partition, fetchAt: offset }: PartitionReader): FirebreakError {
    const reason = `the broker cannot read ${id} at offset ${offset}`
    return new FirebreakError('FB_LOG_CORRUPT', { path: this.#cluster.settings.path, reason, ...partition, offset })
  }

  #refused({ partition: { topic } }: PartitionReader, errorCode: number): FirebreakError {
    const reason = `${nameOf(errorCode)} (topic ${topic})`
    return new FirebreakError('FB_LOG_REFUSED', { path: this.#cluster.settings.path, reason })
  }
}

const truncated = ({ id }: PartitionReader, reason: string): FirebreakError =>
  new FirebreakError('FB_LOG_TRUNCATED', { partition: id, reason })
