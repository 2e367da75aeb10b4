/**
 * Fetches ahead of one reader, from the leaders of its partitions.
 *
 * I1 Two requests per broker at most wait for news, and a third is kept for what is there, as far as the broker has told, each
 *    on a connection of its own: a partition that has more need not wait with those that have nothing new.
 * I2 What is fetched ahead and what may still come of the requests under way is bounded per partition and in all, but for one
 *    batch per request that is larger than what was asked for. A partition that is paused or full is left out of the next
 *    requests; it keeps what it has, but a paused one gives it up where others have no room.
 * I3 A partition that was removed gets nothing of the requests that are still under way.
 * I4 What a partition cannot get over is told by the first `take` that has nothing of it left, before anything of others is
 *    handed out. One that cannot be reached for now is told of now and then; the others go on in between.
 */
import { fetchV13, type Reader } from '@platformatic/kafka'
import type { Timer } from '../../contracts/clock.ts'
import { FirebreakError, isFirebreakError } from '../../contracts/errors.ts'
import type { LogEntry, Partition } from '../../contracts/log.ts'
import type { Cluster } from '../cluster/kafka-cluster.ts'
import { answered } from '../cluster/kafka-connections.ts'
import { asLogError, code, isTransient, nameOf, ProtocolError, refusalOf } from '../cluster/kafka-errors.ts'
import { offsetsAt } from '../cluster/kafka-positions.ts'
import { pauseMs } from '../cluster/retry.ts'
import { type FetchedPartition, type FetchResponse, readFetchResponse } from '../protocol/fetch-response.ts'
import { FetchedRecords } from '../protocol/record-batch-reader.ts'
import { FetchPlace } from './fetch-place.ts'
import type { Start } from './holding.ts'

const slots = 3
// When some partitions of a broker cannot come along, the request must not be away for long.
const shortWaitMs = 100
// Beyond the time that a broker may wait for news.
const answerWithinMs = 5000
const requestBytesMax = 16 * 1024 * 1024
const unavailableAfterMs = 10_000
const goneAfterFailures = 10
const readCommitted = 1

export class Fetcher {
  readonly #cluster: Cluster
  readonly #channel: string
  readonly #wake: () => void
  readonly #places = new Map<string, FetchPlace>()
  /** By broker that leads something here. */
  readonly #slotsTaken = new Map<number, Set<number>>()
  #paused: ReadonlySet<string> = new Set()
  #turn = 0
  #timer: Timer | undefined
  /** What the requests under way may bring. */
  #reservedBytes = 0
  /** When somebody was last told that a partition cannot be reached. */
  #toldAtMs = Number.NEGATIVE_INFINITY
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
    const place = new FetchPlace(partition, { topicId, start, wantBytes: partitionBytes })
    this.#places.set(place.id, place)
  }

  fetch(): void {
    this.#pump()
  }

  remove(id: string): void {
    this.#places.delete(id)
  }

  pause(ids: ReadonlySet<string>): void {
    this.#paused = ids
    this.#pump()
  }

  /** -1 when unknown. */
  epochBefore(id: string, offset: number): number {
    return this.#places.get(id)?.epochBefore(offset) ?? -1
  }

  /** Up to `max` records, every partition its share. **Errors** of a partition that cannot go on, `FB_LOG_UNAVAILABLE`. */
  take(max: number): readonly LogEntry[] {
    const all = [...this.#places.values()].filter(({ id }) => !this.#paused.has(id))
    this.#throwTrouble(all)
    const places = rotated(all, this.#turn++).filter((place) => place.hasRecords)
    const entries: LogEntry[] = []
    for (const [i, place] of places.entries())
      place.take(entries, Math.ceil((max - entries.length) / (places.length - i)))
    for (const place of places) if (entries.length < max) place.take(entries, max - entries.length)
    this.#pump()
    if (entries.length === 0) this.#throwTrouble(all)
    return entries
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#places.clear()
    this.#timer?.cancel()
    for (let slot = 0; slot < slots; slot++) await this.#cluster.connections.drop(`${this.#channel}-${slot}`)
  }

  #throwTrouble(places: readonly FetchPlace[]): void {
    const longAgoMs = this.#cluster.clock.monotonic() - unavailableAfterMs
    for (const { trouble, hasRecords, failing } of places) {
      if (hasRecords) continue
      if (trouble !== undefined) throw trouble
      if (failing === undefined || failing.sinceMs > longAgoMs || this.#toldAtMs > longAgoMs) continue
      this.#toldAtMs = this.#cluster.clock.monotonic()
      throw failing.error
    }
  }

  #pump(): void {
    if (this.#closed) return
    const { clock, settings } = this.#cluster
    const nowMs = clock.monotonic()
    const requests = new Map<number, FetchPlace[]>()
    let againAtMs = Number.POSITIVE_INFINITY
    for (const place of this.#places.values()) {
      if (place.underway || place.trouble !== undefined || this.#paused.has(place.id)) continue
      if (place.bytes > settings.fetch.partitionBytes / 2) continue
      if (place.notBeforeMs > nowMs) againAtMs = Math.min(againAtMs, place.notBeforeMs)
      else {
        const leader = this.#cluster.leader(place.partition.topic, place.partition.partition)
        if (leader === undefined) {
          place.failed(this.#unavailable(place, code.leaderNotAvailable), nowMs)
          againAtMs = Math.min(againAtMs, place.notBeforeMs)
          this.#findTopic(place).catch(() => undefined)
        } else requests.set(leader.node, [...(requests.get(leader.node) ?? []), place])
      }
    }
    for (const node of requests.keys()) if (!this.#slotsTaken.has(node)) this.#slotsTaken.set(node, new Set())
    for (const [node, places] of rotated([...requests], this.#turn)) this.#start(node, places)
    if (againAtMs < Number.POSITIVE_INFINITY) this.#pumpAt(againAtMs)
  }

  #pumpAt(atMs: number): void {
    const { clock } = this.#cluster
    this.#timer?.cancel()
    this.#timer = clock.schedule(Math.max(1, atMs - clock.monotonic()), () => this.#pump())
  }

  /** Bytes that may be asked for now. What is fetched ahead of paused partitions goes before others get nothing. */
  #makeRoom(): number {
    const { totalBytes, partitionBytes } = this.#cluster.settings.fetch
    let roomBytes = totalBytes - this.#reservedBytes
    for (const { bytes } of this.#places.values()) roomBytes -= bytes
    if (roomBytes >= partitionBytes) return roomBytes
    for (const id of this.#paused) {
      const place = this.#places.get(id)
      if (place === undefined || place.underway || place.trouble !== undefined) continue
      roomBytes += place.bytes
      place.forget()
      if (roomBytes >= partitionBytes) break
    }
    return roomBytes
  }

  #start(node: number, places: readonly FetchPlace[]): void {
    const taken = this.#slotsTaken.get(node)
    if (taken === undefined) return
    const hasMore = places.some((place) => place.hasMore)
    const slot = freeSlot(taken, hasMore)
    if (slot === undefined) return
    // No more than its share: requests that wait for news must not take the room of all the others.
    const shareBytes = Math.ceil(this.#cluster.settings.fetch.totalBytes / (slots * this.#slotsTaken.size))
    const bytesMax = Math.min(requestBytesMax, shareBytes, this.#makeRoom())
    if (bytesMax <= 0) return
    taken.add(slot)
    let wantedBytes = 0
    for (const place of places) {
      place.underway = true
      wantedBytes += place.wantBytes
    }
    const reservedBytes = Math.min(bytesMax, wantedBytes)
    this.#reservedBytes += reservedBytes
    const order = rotated(places, this.#turn++)
    this.#fetch(node, slot, { places: order, bytesMax })
      .then(
        (response) => this.#received(order, response),
        (error: unknown) => this.#failed(order, error),
      )
      .finally(() => {
        taken.delete(slot)
        this.#reservedBytes -= reservedBytes
        for (const place of places) place.underway = false
        this.#pump()
      })
  }

  async #fetch(
    node: number,
    slot: number,
    { places, bytesMax }: { places: readonly FetchPlace[]; bytesMax: number },
  ): Promise<FetchResponse> {
    const { connections, settings } = this.#cluster
    const broker = this.#cluster.broker(node)
    if (broker === undefined) throw new ProtocolError(code.brokerNotAvailable)
    const connection = await connections.get(broker, `${this.#channel}-${slot}`, settings.fetch.waitMs + answerWithinMs)
    const isAll = places.length === this.#places.size
    const waitMs = isAll ? settings.fetch.waitMs : Math.min(shortWaitMs, settings.fetch.waitMs)
    const topics = new Map<string, Parameters<typeof fetchV13.createRequest>[6][number]>()
    for (const place of places) {
      const { topic: name, partition } = place.partition
      // It is led, so the topic is known.
      place.topicId ??= this.#cluster.topic(name)?.id ?? ''
      const topic = topics.get(place.topicId) ?? { topicId: place.topicId, partitions: [] }
      topics.set(place.topicId, topic)
      topic.partitions.push({
        partition,
        currentLeaderEpoch: this.#cluster.leader(name, partition)?.epoch ?? -1,
        fetchOffset: BigInt(place.fetchAt),
        lastFetchedEpoch: place.fetchedEpoch,
        partitionMaxBytes: place.wantBytes,
      })
    }
    const request = (): ReturnType<typeof fetchV13.createRequest> =>
      fetchV13.createRequest(waitMs, 1, bytesMax, readCommitted, 0, -1, [...topics.values()], [], '')
    const parse = (_id: number, _key: number, _version: number, reader: Reader): FetchResponse =>
      readFetchResponse(reader)
    return new Promise((resolve, reject) => {
      connection.send(1, 13, request, parse, true, true, answered(resolve, reject))
    })
  }

  #received(places: readonly FetchPlace[], response: FetchResponse): void {
    if (response.errorCode !== 0) {
      this.#failed(places, new ProtocolError(response.errorCode))
      return
    }
    const waiting = new Map(places.map((place) => [`${place.topicId}/${place.partition.partition}`, place]))
    let isNews = false
    for (const answer of response.partitions) {
      const place = waiting.get(`${answer.topicId}/${answer.partition}`)
      if (place === undefined || this.#places.get(place.id) !== place) continue
      if (answer.errorCode !== 0) this.#refused(place, answer)
      else if (this.#keep(place, answer)) isNews = true
    }
    if (isNews) this.#wake()
  }

  /** Whether there is something for the reader. */
  #keep(place: FetchPlace, answer: FetchedPartition): boolean {
    place.answered(answer.stableEnd)
    if (answer.divergedAt !== undefined) {
      this.#cut(place, `its records from offset ${answer.divergedAt} on were replaced by others`)
      return true
    }
    if (answer.records.length === 0) return false
    const origin = { partition: place.partition, path: this.#cluster.settings.path }
    try {
      const records = new FetchedRecords(origin, answer.records, answer.aborted)
      if (records.sizeBytes > 0) {
        place.wantBytes = this.#cluster.settings.fetch.partitionBytes
        place.add(records)
      } else if (answer.records.length >= 12) place.wantBytes = answer.records.readInt32BE(8) + 12
      return records.sizeBytes > 0
    } catch (error) {
      if (!isFirebreakError(error)) throw error
      place.trouble = error
      return true
    }
  }

  #failed(places: readonly FetchPlace[], error: unknown): void {
    if (this.#closed) return
    const { clock, settings } = this.#cluster
    const isFinal = refusalOf(error) !== undefined
    const told = asLogError(error, settings.path)
    const topics = new Set<string>()
    for (const place of places) {
      topics.add(place.partition.topic)
      if (isFinal) place.trouble = told
      else place.failed(told, clock.monotonic())
    }
    if (isFinal) this.#wake()
    else this.#cluster.refresh([...topics]).catch(() => undefined)
  }

  #refused(place: FetchPlace, { errorCode }: FetchedPartition): void {
    const { clock, settings } = this.#cluster
    place.failed(this.#unavailable(place, errorCode), clock.monotonic())
    const { topic } = place.partition
    switch (errorCode) {
      case code.offsetOutOfRange:
        this.#findRange(place).catch(() => undefined)
        return
      case code.unknownTopicOrPartition:
      case code.unknownTopicId:
      case code.inconsistentTopicId:
        this.#findTopic(place).catch(() => undefined)
        return
      case code.corruptMessage:
        place.trouble = new FirebreakError('FB_LOG_CORRUPT', {
          path: settings.path,
          reason: `the broker cannot read ${place.id} at offset ${place.fetchAt}`,
          ...place.partition,
          offset: place.fetchAt,
        })
        this.#wake()
        return
      default:
        if (isTransient(errorCode)) this.#cluster.refresh([topic]).catch(() => undefined)
        else {
          const reason = `${nameOf(errorCode)} (topic ${topic})`
          place.trouble = new FirebreakError('FB_LOG_REFUSED', { path: settings.path, reason })
          this.#wake()
        }
    }
  }

  /** Below the oldest record the reader goes on there; beyond the end something was lost. */
  async #findRange(place: FetchPlace): Promise<void> {
    const at = place.fetchAt
    place.notBeforeMs = Number.MAX_SAFE_INTEGER
    try {
      const first = (await offsetsAt(this.#cluster, [place.partition], 'first')).get(place.id) ?? 0
      const next = (await offsetsAt(this.#cluster, [place.partition], 'next')).get(place.id) ?? 0
      if (at < first) {
        place.fetchAt = first
        place.fetchedEpoch = -1
      } else if (at > next) this.#cut(place, `it ends at offset ${next}, below ${at}, which comes next`)
      // Within the range: the broker no longer knows the epoch that we came from.
      else place.fetchedEpoch = -1
    } finally {
      place.notBeforeMs = this.#cluster.clock.monotonic() + (place.failures > 1 ? pauseMs(place.failures) : 0)
      this.#pump()
    }
  }

  async #findTopic(place: FetchPlace): Promise<void> {
    const { topic } = place.partition
    const found = (await this.#cluster.refresh([topic])).get(topic)
    if (found !== undefined) place.topicId ??= found.id
    if (found !== undefined && found.id !== place.topicId)
      this.#cut(place, `topic ${topic} was deleted and created anew`)
    else if (found === undefined && place.failures >= goneAfterFailures) {
      place.trouble = new FirebreakError('FB_TOPIC_UNKNOWN', { topic })
      this.#wake()
    }
  }

  #unavailable(place: FetchPlace, errorCode: number): FirebreakError {
    const reason = `${nameOf(errorCode)} (${place.id})`
    return new FirebreakError('FB_LOG_UNAVAILABLE', { path: this.#cluster.settings.path, reason })
  }

  #cut(place: FetchPlace, reason: string): void {
    place.trouble = new FirebreakError('FB_LOG_TRUNCATED', { partition: place.id, reason })
    this.#wake()
  }
}

/** The last one is for partitions that have more (I1). */
function freeSlot(taken: ReadonlySet<number>, hasMore: boolean): number | undefined {
  for (let slot = 0; slot < (hasMore ? slots : slots - 1); slot++) if (!taken.has(slot)) return slot
  return undefined
}

/** Nobody is first always. */
function rotated<T>(list: readonly T[], by: number): readonly T[] {
  const first = by % Math.max(1, list.length)
  return [...list.slice(first), ...list.slice(0, first)]
}
