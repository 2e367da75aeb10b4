import type { FirebreakError } from '../contracts/errors.ts'
import type { Partition } from '../contracts/log.ts'
import type { CommittedPosition } from './kafka-positions.ts'

/** One member of one group, whatever protocol the group speaks. */
export interface Membership {
  /** What this member should hold since which round; empty while it is no member. Changes only before `changed()`. */
  readonly target: ReadonlyMap<string, Assigned>
  /** The group has moved on without this member: nothing it holds is its own any more. `join` makes it one again. */
  readonly isLost: boolean
  /** Starts taking part; resolves after the first round. */
  join(): Promise<void>
  /** The holder has let go of something: it may move on now. */
  released(): void
  /** **Errors** `FB_FENCED`, `FB_LOG_UNAVAILABLE`, `FB_LOG_REFUSED`. */
  commit(positions: readonly CommittedPosition[]): Promise<void>
  leave(): Promise<void>
}

export interface Assigned {
  readonly partition: Partition
  /** The round that gave it; a partition that left and came back has a newer one. */
  readonly round: number
}

/** What the holder of the partitions tells the protocol, and hears from it. */
export interface Holder {
  /** What may still be worked on: nobody else gets it. */
  owned(): readonly Partition[]
  /** The target is another one, or the membership was lost. */
  changed(): void
  /** Nothing will come any more. */
  failed(error: FirebreakError): void
}
