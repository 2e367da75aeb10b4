import { type FirebreakError, isFirebreakError } from '../../contracts/errors.ts'
import type { LogEntry, Partition } from '../../contracts/log.ts'
import { partitionId } from '../../contracts/log.ts'
import { pauseMs } from '../cluster/retry.ts'
import type { FetchedRecords } from '../protocol/record-batch-reader.ts'
import type { Start } from './holding.ts'

type Fetching =
  | { readonly state: 'ready' }
  | { readonly state: 'in-flight' }
  | { readonly state: 'waiting'; readonly untilMs: number }
  /** It is being found out where the partition goes on. */
  | { readonly state: 'locating' }
  /** Nothing more comes; the poll that finds nothing fetched before it throws the error. */
  | { readonly state: 'stopped'; readonly error: FirebreakError }

const ready: Fetching = { state: 'ready' }

/**
 * Where a reader stands in one partition, and what was fetched ahead of it.
 *
 * I1 Everything below `#next` was handed out or is not for readers; `#fetchAt` is where the next fetch begins.
 * I2 One fetch of a partition is in flight at a time.
 */
export class PartitionReader {
  readonly partition: Partition
  readonly id: string
  /** What one fetch asks for unless a batch turned out to be larger. */
  readonly #usualBytes: number
  #fetching: Fetching = ready
  /** Undefined until it is known; another one later is another topic of this name. */
  #topicId: string | undefined
  #fetchAt: number
  #fetchedEpoch: number
  #fetchBytesMax: number
  #failures = 0
  /** Nothing has come since then, and why not; it may pass. */
  #outage: { readonly sinceMs: number; readonly error: FirebreakError } | undefined
  /** Where the partition ended when the broker last spoke of it; infinite before. */
  #end = Number.POSITIVE_INFINITY
  #next: number
  #epoch: number
  #bytes = 0
  /** With the offset that was asked for: a batch may begin before it. */
  readonly #fetched: { readonly records: FetchedRecords; readonly from: number }[] = []

  constructor(partition: Partition, from: { topicId: string | undefined; start: Start; fetchBytesMax: number }) {
    this.partition = partition
    this.id = partitionId(partition)
    this.#topicId = from.topicId
    this.#usualBytes = from.fetchBytesMax
    this.#fetchBytesMax = from.fetchBytesMax
    this.#next = from.start.offset
    this.#epoch = from.start.leaderEpoch
    this.#fetchAt = from.start.offset
    this.#fetchedEpoch = from.start.leaderEpoch
  }

  /** Bytes fetched and not handed out yet. */
  get bytes(): number {
    return this.#bytes
  }

  get hasRecords(): boolean {
    return this.#fetched.length > 0
  }

  /** A fetch would be answered at once, as far as is known. */
  get hasMore(): boolean {
    return this.#fetchAt < this.#end
  }

  /** What one fetch may bring. */
  get fetchBytesMax(): number {
    return this.#fetchBytesMax
  }

  get fetchAt(): number {
    return this.#fetchAt
  }

  get fetchedEpoch(): number {
    return this.#fetchedEpoch
  }

  get topicId(): string | undefined {
    return this.#topicId
  }

  /** How many fetches in a row have failed. */
  get failures(): number {
    return this.#failures
  }

  get outage(): { readonly sinceMs: number; readonly error: FirebreakError } | undefined {
    return this.#outage
  }

  /** Why nothing comes any more. */
  get stopped(): FirebreakError | undefined {
    return this.#fetching.state === 'stopped' ? this.#fetching.error : undefined
  }

  /** When the next fetch may begin; infinite while that is not known, and when there will be none. */
  get fetchFromMs(): number {
    if (this.#fetching.state === 'ready') return Number.NEGATIVE_INFINITY
    return this.#fetching.state === 'waiting' ? this.#fetching.untilMs : Number.POSITIVE_INFINITY
  }

  get inFlight(): boolean {
    return this.#fetching.state === 'in-flight'
  }

  /**
   * Leader epoch of the record before `offset`, for a commit; -1 when it is not known. It is known behind what was handed out
   * last, and nowhere else: a wrong one would later be taken for records that were lost.
   */
  epochBefore(offset: number): number {
    return offset === this.#next ? this.#epoch : -1
  }

  /** The topic is known by now; what was known before stays. */
  nameTopic(id: string): void {
    this.#topicId ??= id
  }

  fetchBegins(): void {
    this.#fetching = { state: 'in-flight' }
  }

  /** Its answer has been dealt with, or there was none. */
  fetchEnds(): void {
    if (this.#fetching.state === 'in-flight') this.#fetching = ready
  }

  /** The broker has answered; `end` is where the partition ends. */
  answered(end: number): void {
    this.#end = end
    this.#failures = 0
    this.#outage = undefined
  }

  add(records: FetchedRecords): void {
    this.#fetchBytesMax = this.#usualBytes
    this.#fetched.push({ records, from: this.#fetchAt })
    this.#bytes += records.sizeBytes
    this.#fetchAt = records.nextOffset
    this.#fetchedEpoch = records.leaderEpoch
  }

  /** The next batch is larger than what was asked for. */
  askForMore(bytes: number): void {
    this.#fetchBytesMax = bytes
  }

  /** The next fetch waits a little longer each time. */
  failed(error: FirebreakError, nowMs: number): void {
    this.#outage ??= { sinceMs: nowMs, error }
    const untilMs = nowMs + pauseMs(this.#failures++)
    if (this.#fetching.state !== 'stopped') this.#fetching = { state: 'waiting', untilMs }
  }

  stop(error: FirebreakError): void {
    this.#fetching = { state: 'stopped', error }
  }

  /** No fetch begins before `located`. */
  locate(): void {
    if (this.#fetching.state !== 'stopped') this.#fetching = { state: 'locating' }
  }

  located(nowMs: number): void {
    if (this.#fetching.state !== 'locating') return
    this.#fetching = this.#failures > 1 ? { state: 'waiting', untilMs: nowMs + pauseMs(this.#failures) } : ready
  }

  continueAt(offset: number): void {
    this.#fetchAt = offset
    this.forgetEpoch()
  }

  /** The broker does not know the epoch of the record before, or it may be another one. */
  forgetEpoch(): void {
    this.#fetchedEpoch = -1
  }

  /** Gives up what was fetched ahead: it is fetched again. */
  discard(): void {
    this.#fetched.length = 0
    this.#bytes = 0
    this.continueAt(this.#next)
  }

  /** Moves up to `max` records to the end of `into`. */
  drainInto(into: LogEntry[], max: number): void {
    const endAt = into.length + max
    for (let head = this.#fetched[0]; head !== undefined && into.length < endAt; head = this.#fetched[0]) {
      const { records, from } = head
      const before = into.length
      let goesOn: boolean
      try {
        goesOn = records.read(into, Math.max(from, this.#next), endAt - before)
      } catch (error) {
        if (!isFirebreakError(error)) throw error
        this.stop(error)
        this.#fetched.length = 0
        this.#bytes = 0
        return
      }
      if (into.length > before || !goesOn) this.#epoch = records.leaderEpoch
      this.#next = goesOn ? (into.at(-1)?.offset ?? this.#next) + 1 : Math.max(this.#next, records.nextOffset)
      if (goesOn) return
      this.#fetched.shift()
      this.#bytes -= records.sizeBytes
    }
  }
}
