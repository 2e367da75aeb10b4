import type { Envelope } from '../../contracts/envelope.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import { type LogEntry, type Partition, partitionId } from '../../contracts/log.ts'
import type { Handler } from '../../define/handle.ts'
import type { ParkedRow } from '../../ledger/parked.ts'
import type { Claim } from '../../ledger/partitions.ts'
import type { Suspect } from '../../ledger/suspects.ts'
import { hexOf } from '../../node/digest.ts'
import { indexable } from './indexable.ts'
import { NewIdFilter } from './new-id-filter.ts'
import { Offsets } from './offsets.ts'

/** One record offered to its service, from the log or from the parked table, and what could be read of it. */
export interface Delivery {
  readonly partition: ClaimedPartition
  readonly entry: LogEntry
  readonly lane: string
  /** Null where the record carries no event id. */
  readonly inboxId: string | null
  /** The inbox knew its event when it was polled; `ask` when another copy was in memory at that time. */
  readonly handled: boolean | 'ask'
  readonly parked: Parked | null
  // From here on written by `decode` alone, before each attempt: as much as could be read, so that a dead letter says what it was.
  envelope: Envelope | null
  handler: Handler | null
  payload: unknown
  /** Why it cannot be handled at all. */
  broken: unknown
}

/** A record from the parked table. */
export interface Parked extends ParkedRow {
  /** When its date had come, on the monotonic scale of this process. */
  readonly owedAtMs: number
}

/** A delivery that nobody has looked into yet. */
export function deliveryOf(
  partition: ClaimedPartition,
  entry: LogEntry,
  { lane, inboxId, handled, parked }: Pick<Delivery, 'lane' | 'inboxId' | 'handled' | 'parked'>,
): Delivery {
  return {
    partition,
    entry,
    lane,
    inboxId,
    handled,
    parked,
    envelope: null,
    handler: null,
    payload: undefined,
    broken: undefined,
  }
}

/** The sequential line of one key. Written by the consumer (push) and by its own runner (shift) alone. */
export interface Lane {
  readonly id: string
  readonly waiting: Delivery[]
}

/** A lane whose head waits in the database. */
export interface ParkedState {
  /** Rows in the database plus inserts under way. */
  count: number
  /** Inserts under way. */
  pending: number
  /** Inserts that have ended: tells a reader whether one came in meanwhile. */
  landed: number
  /** When its head is to be tried, on the monotonic scale; 0: now. */
  headDueAtMs: number
  /** The date that its head bears in its row, and when that had come or will come here; null where it has none. */
  head: { readonly dateMs: number; readonly owedAtMs: number } | null
  draining: boolean
  held: boolean
}

/** `rested`: it has waited for the others since the partition was claimed. */
export type KnownSuspect = Suspect & { readonly loaded: boolean; readonly rested: boolean }

/**
 * One claimed partition: a new object for every claim, so that nothing of an older claim can leak into it.
 *
 * I1 A lane runs at most one handler at a time: live from `lanes`, or parked from the database, never both (`busy`).
 * I2 While `parked` has a lane, its live records join the parked ones instead of running.
 * I3 After `fence()` nothing of this object commits any more.
 */
export class ClaimedPartition implements Partition {
  readonly topic: string
  readonly partition: number
  readonly id: string
  readonly holder: string
  readonly offsets: Offsets
  readonly newIds: NewIdFilter
  readonly lanes: Map<string, Lane> = new Map()
  readonly parked: Map<string, ParkedState> = new Map()
  readonly busy: Set<string> = new Set()
  /** Records in memory. */
  held = 0
  /** How many more starts are noted after an unclean claim; see `ledger/suspects.ts`. */
  suspectWindow: number
  /** Positions in the suspects table; `loaded` ones were there when the partition was claimed. */
  readonly suspects: Map<number, KnownSuspect>
  readonly #abort = new AbortController()
  #epoch: number

  constructor(
    at: Partition,
    claim: Claim,
    known: { window: number; suspects: readonly Suspect[]; highestMarked: string },
  ) {
    this.topic = at.topic
    this.partition = at.partition
    this.id = partitionId(at)
    this.holder = claim.holder
    this.#epoch = claim.epoch
    this.offsets = new Offsets(claim.next, claim.above)
    this.newIds = new NewIdFilter(known.highestMarked)
    this.suspectWindow = known.window
    this.suspects = new Map(known.suspects.map((s) => [s.position, { ...s, loaded: true, rested: false }]))
  }

  /** As of the last commit that succeeded: the next one finds it unchanged, or the partition is not ours any more. */
  get epoch(): number {
    return this.#epoch
  }

  /** A commit that held this partition is durable. */
  committed(): void {
    this.#epoch++
    this.offsets.committed()
  }

  /** Normal running is not: nothing is noted and nobody runs alone. */
  get suspicious(): boolean {
    return this.suspectWindow > 0 || this.suspects.size > 0
  }

  get fenced(): boolean {
    return this.#abort.signal.aborted
  }

  /** Aborts when the partition goes away. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  fence(): void {
    if (!this.fenced) this.#abort.abort(new FirebreakError('FB_FENCED', { partition: this.id }))
  }

  get parkedCount(): number {
    let count = 0
    for (const lane of this.parked.values()) count += lane.count
    return count
  }
}

/**
 * Records of one key share a lane; a record without a key has one of its own, because nothing orders it. Keys of other bytes
 * than text are told apart by their bytes: as text, thousands of binary numbers would be one.
 */
export function laneOf({ key, original, offset }: LogEntry): string {
  if (key === null) return `#${offset}`
  return indexable(original?.key === undefined ? `=${key}` : `~${hexOf(original.key)}`)
}
