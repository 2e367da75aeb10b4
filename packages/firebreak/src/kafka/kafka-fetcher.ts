/**
 * Fetches ahead of one reader, from the leaders of its partitions.
 *
 * I1 Two requests per broker at most are under way, each on a connection of its own: a partition that wants records while
 *    the others wait for news need not wait with them.
 * I2 What is fetched ahead is bounded per partition and in all; a partition that is paused or full is left out of the next
 *    requests and keeps what it has.
 * I3 A partition that was removed gets nothing of the requests that are still under way.
 */
import { fetchV13, type Reader } from '@platformatic/kafka'
import type { Timer } from '../contracts/clock.ts'
import { FirebreakError, isFirebreakError } from '../contracts/errors.ts'
import type { LogEntry, Partition } from '../contracts/log.ts'
import { FetchPlace, type Start } from './fetch-place.ts'
import { type FetchedPartition, type FetchResponse, readFetchResponse } from './fetch-response.ts'
import type { Cluster } from './kafka-cluster.ts'
import { answered } from './kafka-connections.ts'
import { asLogError, code, nameOf, ProtocolAnswer, passes, refusalOf } from './kafka-errors.ts'
import { pauseMs } from './kafka-patience.ts'
import { offsetsAt } from './kafka-positions.ts'
import { FetchedRecords } from './record-batch-reader.ts'

const slots = 2
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
  readonly #lane: string
  readonly #wake: () => void
  readonly #places = new Map<string, FetchPlace>()
  readonly #slotsTaken = new Map<number, Set<number>>()
  #paused: ReadonlySet<string> = new Set()
  #turn = 0
  #timer: Timer | undefined
  #failure: { readonly sinceMs: number; readonly error: unknown } | undefined
  #closed = false

  constructor(cluster: Cluster, lane: string, wake: () => void) {
    this.#cluster = cluster
    this.#lane = lane
    this.#wake = wake
  }

  /** Fetched from the next `fetch` or `take` on, so that partitions that come together are asked for together. */
  add(partition: Partition, start: Start): void {
    const topicId = this.#cluster.topic(partition.topic)?.id ?? ''
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
    const first = this.#turn++ % Math.max(1, all.length)
    const places = [...all.slice(first), ...all.slice(0, first)].filter((place) => place.hasRecords)
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
    for (let slot = 0; slot < slots; slot++) await this.#cluster.connections.drop(`${this.#lane}-${slot}`)
  }

  #throwTrouble(places: readonly FetchPlace[]): void {
    for (const { trouble, hasRecords } of places) if (trouble !== undefined && !hasRecords) throw trouble
    const { clock, settings } = this.#cluster
    const failure = this.#failure
    if (failure === undefined || places.length === 0 || clock.now() - failure.sinceMs < unavailableAfterMs) return
    this.#failure = { sinceMs: clock.now(), error: failure.error }
    throw asLogError(failure.error, settings.path)
  }

  #pump(): void {
    if (this.#closed) return
    const { clock, settings } = this.#cluster
    const nowMs = clock.now()
    let roomBytes = settings.fetch.totalBytes
    for (const place of this.#places.values()) roomBytes -= place.bytes
    if (roomBytes <= 0) return
    const requests = new Map<number, FetchPlace[]>()
    let againAtMs = Number.POSITIVE_INFINITY
    for (const place of this.#places.values()) {
      if (place.underway || place.trouble !== undefined || this.#paused.has(place.id)) continue
      if (place.bytes > settings.fetch.partitionBytes / 2) continue
      if (place.notBeforeMs > nowMs) againAtMs = Math.min(againAtMs, place.notBeforeMs)
      else {
        const leader = this.#cluster.leader(place.partition.topic, place.partition.partition)
        if (leader === undefined) {
          this.#failure ??= { sinceMs: nowMs, error: new ProtocolAnswer(code.leaderNotAvailable) }
          place.notBeforeMs = nowMs + pauseMs(place.failures++)
          againAtMs = Math.min(againAtMs, place.notBeforeMs)
          this.#findTopic(place).catch(() => undefined)
        } else requests.set(leader.node, [...(requests.get(leader.node) ?? []), place])
      }
    }
    for (const [node, places] of requests) this.#start(node, places, roomBytes)
    if (againAtMs < Number.POSITIVE_INFINITY) this.#pumpAt(againAtMs)
  }

  #pumpAt(atMs: number): void {
    const { clock } = this.#cluster
    this.#timer?.cancel()
    this.#timer = clock.schedule(Math.max(1, atMs - clock.now()), () => this.#pump())
  }

  #start(node: number, places: readonly FetchPlace[], roomBytes: number): void {
    const taken = this.#slotsTaken.get(node) ?? new Set<number>()
    this.#slotsTaken.set(node, taken)
    const slot = taken.has(0) ? 1 : 0
    if (taken.size >= slots) return
    taken.add(slot)
    for (const place of places) place.underway = true
    const first = this.#turn++ % places.length
    const order = [...places.slice(first), ...places.slice(0, first)]
    this.#fetch(node, slot, { places: order, roomBytes })
      .then(
        (response) => this.#received(order, response),
        (error: unknown) => this.#failed(order, error),
      )
      .finally(() => {
        taken.delete(slot)
        for (const place of places) place.underway = false
        this.#pump()
      })
  }

  async #fetch(
    node: number,
    slot: number,
    { places, roomBytes }: { places: readonly FetchPlace[]; roomBytes: number },
  ): Promise<FetchResponse> {
    const { connections, settings } = this.#cluster
    const broker = this.#cluster.broker(node)
    if (broker === undefined) throw new ProtocolAnswer(code.brokerNotAvailable)
    const connection = await connections.get(broker, `${this.#lane}-${slot}`, settings.fetch.waitMs + answerWithinMs)
    const isAll = places.length === this.#places.size
    const waitMs = isAll ? settings.fetch.waitMs : Math.min(shortWaitMs, settings.fetch.waitMs)
    const topics = new Map<string, Parameters<typeof fetchV13.createRequest>[6][number]>()
    for (const place of places) {
      const topic = topics.get(place.topicId) ?? { topicId: place.topicId, partitions: [] }
      topics.set(place.topicId, topic)
      const { topic: name, partition } = place.partition
      topic.partitions.push({
        partition,
        currentLeaderEpoch: this.#cluster.leader(name, partition)?.epoch ?? -1,
        fetchOffset: BigInt(place.fetchAt),
        lastFetchedEpoch: place.fetchedEpoch,
        partitionMaxBytes: place.wantBytes,
      })
    }
    const bytesMax = Math.min(requestBytesMax, roomBytes)
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
      this.#failed(places, new ProtocolAnswer(response.errorCode))
      return
    }
    this.#failure = undefined
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
    place.failures = 0
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
    const { clock } = this.#cluster
    const refusal = refusalOf(error)
    this.#failure ??= { sinceMs: clock.now(), error }
    const topics = new Set<string>()
    for (const place of places) {
      topics.add(place.partition.topic)
      if (refusal !== undefined) place.trouble = asLogError(error, this.#cluster.settings.path)
      else place.notBeforeMs = clock.now() + pauseMs(place.failures++)
    }
    if (refusal !== undefined) this.#wake()
    else this.#cluster.refresh([...topics]).catch(() => undefined)
  }

  #refused(place: FetchPlace, { errorCode }: FetchedPartition): void {
    const { clock, settings } = this.#cluster
    place.notBeforeMs = clock.now() + pauseMs(place.failures++)
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
        if (passes(errorCode)) this.#cluster.refresh([topic]).catch(() => undefined)
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
      place.notBeforeMs = this.#cluster.clock.now() + (place.failures > 1 ? pauseMs(place.failures) : 0)
      this.#pump()
    }
  }

  async #findTopic(place: FetchPlace): Promise<void> {
    const { topic } = place.partition
    const found = (await this.#cluster.refresh([topic])).get(topic)
    if (found !== undefined && found.id !== place.topicId)
      this.#cut(place, `topic ${topic} was deleted and created anew`)
    else if (found === undefined && place.failures >= goneAfterFailures) {
      place.trouble = new FirebreakError('FB_TOPIC_UNKNOWN', { topic })
      this.#wake()
    }
  }

  #cut(place: FetchPlace, reason: string): void {
    place.trouble = new FirebreakError('FB_LOG_TRUNCATED', { partition: place.id, reason })
    this.#wake()
  }
}
