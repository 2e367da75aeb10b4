import { type FirebreakError, isFirebreakError } from '../../contracts/errors.ts'
import type { LogEntry, Partition } from '../../contracts/log.ts'
import { partitionId } from '../../contracts/log.ts'
import { pauseMs } from '../cluster/retry.ts'
import type { FetchedRecords } from '../protocol/record-batch-reader.ts'
import type { Start } from './holding.ts'

/**
 * Where a reader stands in one partition, and what was fetched ahead of it.
 *
 * I1 Everything below `next` was handed out or is not for readers; `fetchAt` is where the next fetch begins.
 * I2 One fetch of a place is under way at a time.
 */
export class FetchPlace {
  readonly partition: Partition
  readonly id: string
  /** Undefined until it is known; another one later is another topic of this name. */
  topicId: string | undefined
  fetchAt: number
  fetchedEpoch: number
  underway = false
  notBeforeMs = 0
  failures = 0
  /** Nothing has come since then, and why not; it may pass. */
  failing: { readonly sinceMs: number; readonly error: FirebreakError } | undefined
  /** What one fetch may bring; larger when a batch turned out to be. */
  wantBytes: number
  /** Why nothing comes any more, for good; thrown by the poll that finds nothing fetched before it. */
  trouble: FirebreakError | undefined
  /** Where the partition ended when the broker last spoke of it; infinite before. */
  #end = Number.POSITIVE_INFINITY
  #next: number
  #epoch: number
  #bytes = 0
  /** With the offset that was asked for: a batch may begin before it. */
  readonly #fetched: { readonly records: FetchedRecords; readonly from: number }[] = []

  constructor(partition: Partition, origin: { topicId: string | undefined; start: Start; wantBytes: number }) {
    this.partition = partition
    this.id = partitionId(partition)
    this.topicId = origin.topicId
    this.wantBytes = origin.wantBytes
    this.#next = origin.start.offset
    this.#epoch = origin.start.leaderEpoch
    this.fetchAt = origin.start.offset
    this.fetchedEpoch = origin.start.leaderEpoch
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
    return this.fetchAt < this.#end
  }

  /**
   * Leader epoch of the record before `offset`, for a commit; -1 when it is not known. It is known behind what was handed out
   * last, and nowhere else: a wrong one would later be taken for records that were lost.
   */
  epochBefore(offset: number): number {
    return offset === this.#next ? this.#epoch : -1
  }

  add(records: FetchedRecords): void {
    this.#fetched.push({ records, from: this.fetchAt })
    this.#bytes += records.sizeBytes
    this.fetchAt = records.nextOffset
    this.fetchedEpoch = records.leaderEpoch
  }

  answered(end: number): void {
    this.#end = end
    this.failures = 0
    this.failing = undefined
  }

  /** The next fetch waits a little longer each time. */
  failed(error: FirebreakError, nowMs: number): void {
    this.notBeforeMs = nowMs + pauseMs(this.failures++)
    this.failing ??= { sinceMs: nowMs, error }
  }

  /** Lets go of what was fetched ahead: it is fetched again. */
  forget(): void {
    this.#fetched.length = 0
    this.#bytes = 0
    this.fetchAt = this.#next
    // That of the record before may be another one than that of the last batch here.
    this.fetchedEpoch = -1
  }

  take(into: LogEntry[], max: number): void {
    const endAt = into.length + max
    for (let head = this.#fetched[0]; head !== undefined && into.length < endAt; head = this.#fetched[0]) {
      const { records, from } = head
      const before = into.length
      let goesOn: boolean
      try {
        goesOn = records.read(into, Math.max(from, this.#next), endAt - before)
      } catch (error) {
        if (!isFirebreakError(error)) throw error
        this.#stop(error)
        return
      }
      if (into.length > before || !goesOn) this.#epoch = records.leaderEpoch
      this.#next = goesOn ? (into.at(-1)?.offset ?? this.#next) + 1 : Math.max(this.#next, records.nextOffset)
      if (goesOn) return
      this.#fetched.shift()
      this.#bytes -= records.sizeBytes
    }
  }

  #stop(error: FirebreakError): void {
    this.trouble = error
    this.#fetched.length = 0
    this.#bytes = 0
  }
}
