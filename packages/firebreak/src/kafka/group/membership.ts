import type { FirebreakError } from '../../contracts/errors.ts'
import type { Partition } from '../../contracts/log.ts'
import type { CommittedPosition } from '../cluster/kafka-positions.ts'

/** One member of one group, whatever protocol the group speaks. */
export interface Membership {
  /** What this member should hold since which round; empty while it is no member. Changes only before `assignmentChanged()`. */
  readonly assignment: Assignment
  /** The group has moved on without this member: nothing it holds is its own any more. `join` makes it one again. */
  readonly isLost: boolean
  /** Why rounds or heartbeats do not get through; they are tried again. */
  readonly outage: Outage | undefined
  /** Starts taking part; resolves after the first round. */
  join(): Promise<void>
  /** The owner has given up what was revoked: it may move on now. */
  revocationDone(): void
  /**
   * Tries again by itself. The group does not ask whose a partition is, so `verify` is called before every try, and throws when
   * one has gone.
   *
   * **Errors** `FB_FENCED`, `FB_LOG_UNAVAILABLE`, `FB_LOG_REFUSED`, those of `verify`.
   */
  commit(positions: readonly CommittedPosition[], verify: () => void): Promise<void>
  leave(): Promise<void>
}

/** By `partitionId`. */
export type Assignment = ReadonlyMap<string, Assigned>

export interface Assigned {
  readonly partition: Partition
  /** The round that gave it; a partition that left and came back has a newer one. */
  readonly round: number
}

export interface Outage {
  readonly sinceMs: number
  readonly error: unknown
}

/** The side that works on the partitions of a member. */
export interface PartitionOwner {
  /** What is worked on, or may be before the assignment changes: nobody else gets it. */
  claimed(): readonly Partition[]
  /** The assignment is another one, or the membership was lost. */
  assignmentChanged(): void
  /** The membership has ended with this error. */
  membershipFailed(error: FirebreakError): void
}
