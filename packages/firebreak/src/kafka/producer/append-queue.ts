import { havingStored, type LogRecord, type Position } from '../../contracts/log.ts'
import { BatchWriter, batchHeaderBytes, encodedBytesMax, type ProducerState } from '../protocol/record-batch-writer.ts'

const startBytes = 4096

/**
 * One call of `append`: resolves when every record of it has a position, and rejects with its first failure when nothing
 * of it is in flight any more.
 */
export class AppendCall {
  readonly done: Promise<readonly Position[]>
  readonly #positions: Position[]
  #left: number
  #failure: { readonly error: unknown } | undefined
  readonly #resolve: (positions: readonly Position[]) => void
  readonly #reject: (error: unknown) => void

  constructor(count: number) {
    const { promise, resolve, reject } = Promise.withResolvers<readonly Position[]>()
    this.done = promise
    this.#resolve = resolve
    this.#reject = reject
    this.#positions = new Array(count)
    this.#left = count
  }

  get failure(): { readonly error: unknown } | undefined {
    return this.#failure
  }

  stored(index: number, position: Position): void {
    this.#positions[index] = position
    this.#settled()
  }

  /** One of its records will not be stored. */
  failed(error: unknown): void {
    this.#failure ??= { error }
    this.#settled()
  }

  #settled(): void {
    if (--this.#left > 0) return
    if (this.#failure === undefined) this.#resolve(this.#positions)
    // What has no position is a hole in the array.
    else this.#reject(havingStored(this.#failure.error, Object.keys(this.#positions).map(Number)))
  }
}

/** What a record joins a batch with. */
interface Joining {
  /** The time that the record bears, of the wall clock. */
  readonly atMs: number
  /** On the monotonic scale, `timeoutMs` from now. */
  readonly deadlineMs: number
  readonly timeoutMs: number
  readonly bytesMax: number
}

/** Records that reach the broker together, and the calls that wait for them. */
export class Batch {
  readonly writer: BatchWriter
  readonly deadlineMs: number
  /** A try ended without an answer: the broker may have it. */
  uncertain = false
  readonly #calls: AppendCall[] = []
  readonly #indexes: number[] = []

  constructor(writer: BatchWriter, deadlineMs: number) {
    this.writer = writer
    this.deadlineMs = deadlineMs
  }

  add(call: AppendCall, index: number): void {
    this.#calls.push(call)
    this.#indexes.push(index)
  }

  stored(topic: string, partition: number, baseOffset: number): void {
    for (let i = 0; i < this.#calls.length; i++)
      this.#calls[i]?.stored(this.#indexes[i] ?? 0, { topic, partition, offset: baseOffset + i })
  }

  failed(error: unknown): void {
    for (const call of this.#calls) call.failed(error)
  }

  /** Those of its records for which it holds, as a batch that was never sent. */
  only(isKept: (index: number) => boolean): Batch {
    const part = new Batch(this.writer.only(isKept), this.deadlineMs)
    for (const [i, call] of this.#calls.entries()) if (isKept(i)) part.add(call, this.#indexes[i] ?? 0)
    return part
  }

  /** Calls that have records here. */
  get calls(): ReadonlySet<AppendCall> {
    return new Set(this.#calls)
  }

  /** What is left without the records of these calls, which fail with them; itself where it has none. */
  without(calls: ReadonlySet<AppendCall>): Batch | undefined {
    const dropped = this.#calls.filter((call) => calls.has(call))
    if (dropped.length === 0) return this
    const rest =
      dropped.length < this.#calls.length ? this.only((i) => !calls.has(this.#calls[i] as AppendCall)) : undefined
    for (const call of dropped) call.failed(call.failure?.error)
    return rest
  }
}

/**
 * What waits for one partition, in the order of the calls.
 *
 * I1 The first batch is the only one that is ever in flight; it leaves the queue when its fate is known.
 * I2 `producer` is the identity and the sequence number that the first batch carries. It moves on only when the broker has
 *    stored a batch; after a batch whose fate stays unknown the epoch is raised, so that a late copy of it is refused. An
 *    epoch never begins again at sequence 0: the broker would take what comes for a copy of what it has.
 * I3 Only the first batch was ever sent. When a call fails, what else of it waits here is dropped: it must not run ahead of
 *    what the caller appends again.
 */
export class AppendQueue {
  readonly topic: string
  readonly partition: number
  batches: Batch[] = []
  busy = false
  failures = 0
  /** How often in a row the brokers have answered that there is no such topic. */
  absences = 0
  notBeforeMs = 0
  producer: ProducerState | undefined

  constructor(topic: string, partition: number) {
    this.topic = topic
    this.partition = partition
  }

  /** Size of the first batch. */
  get nextBytes(): number {
    return this.batches[0]?.writer.sizeBytes ?? 0
  }

  add(record: LogRecord, payload: number, into: Joining): Batch {
    const encodedMax = encodedBytesMax(record, payload)
    let batch = this.batches.at(-1)
    const isSent = batch?.uncertain === true || (this.busy && this.batches.length === 1)
    // It ends with its batch, so it must not join one whose time is running out.
    const joinsUntilMs = into.deadlineMs - into.timeoutMs / 10
    if (
      batch === undefined ||
      isSent ||
      batch.deadlineMs < joinsUntilMs ||
      batch.writer.sizeBytes + encodedMax > into.bytesMax
    ) {
      const writer = new BatchWriter(into.atMs, Math.max(startBytes, encodedMax + batchHeaderBytes))
      batch = new Batch(writer, into.deadlineMs)
      this.batches.push(batch)
    }
    batch.writer.append(record, into.atMs, encodedMax)
    return batch
  }

  /** The first batch is stored. */
  advance(): void {
    const batch = this.batches.shift()
    if (batch === undefined || this.producer === undefined) return
    const { id, epoch, sequence } = this.producer
    // Sequence numbers go round after the largest of 32 bits.
    this.producer = { id, epoch, sequence: (sequence + batch.writer.count) % 2_147_483_648 }
  }

  /** The first batch is refused as a whole: which record is to blame shows when its halves are sent. */
  split(): void {
    const batch = this.batches.shift()
    if (batch === undefined) return
    if (batch.uncertain) this.raiseEpoch()
    const half = batch.writer.count >> 1
    this.batches.unshift(
      batch.only((i) => i < half),
      batch.only((i) => i >= half),
    )
  }

  /** The first batch is given up, with all that waits here of its calls. */
  giveUp(error: unknown): void {
    const batch = this.batches.shift()
    if (batch === undefined) return
    if (batch.uncertain) this.raiseEpoch()
    const { calls } = batch
    batch.failed(error)
    this.batches = this.batches.flatMap((waiting) => waiting.without(calls) ?? [])
    this.failures = 0
  }

  /** Everything is given up. */
  clear(error: unknown): void {
    for (const batch of this.batches) batch.failed(error)
    this.batches = []
    this.raiseEpoch()
    this.failures = 0
    this.absences = 0
  }

  /** From here on the broker takes only what carries the new epoch. */
  raiseEpoch(): void {
    if (this.producer === undefined) return
    const { id, epoch } = this.producer
    this.producer = epoch < 32_767 ? { id, epoch: epoch + 1, sequence: 0 } : undefined
  }
}
