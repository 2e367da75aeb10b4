import type { FirebreakError } from '../../contracts/errors.ts'
import type { Partition } from '../../contracts/log.ts'
import type { CommittedPosition } from '../cluster/kafka-positions.ts'

/** One member of one group, whatever protocol the group speaks. */
export interface Membership {
  /** What this member should hold since which round; empty while it is no member. Changes only before `changed()`. */
  readonly target: ReadonlyMap<string, Assigned>
  /** The group has moved on without this member: nothing it holds is its own any more. `join` makes it one again. */
  readonly isLost: boolean
  /** Rounds or heartbeats do not get through, and are tried again. */
  readonly trouble: Trouble | undefined
  /** Starts taking part; resolves after the first round. */
  join(): Promise<void>
  /** The holder has let go of something: it may move on now. */
  released(): void
  /**
   * Tries again by itself. The group does not ask whose a partition is, so `verify` is called before every try, and throws when
   * one has gone.
   *
   * **Errors** `FB_FENCED`, `FB_LOG_UNAVAILABLE`, `FB_LOG_REFUSED`, those of `verify`.
   */
  commit(positions: readonly CommittedPosition[], verify: () => void): Promise<void>
  leave(): Promise<void>
}

export interface Assigned {
  readonly partition: Partition
  /** The round that gave it; a partition that left and came back has a newer one. */
  readonly round: number
}

export interface Trouble {
  readonly sinceMs: number
  readonly error: unknown
}

/** What the holder of the partitions tells the protocol, and hears from it. */
export interface Holder {
  /** What is worked on, or may be before `target` changes: nobody else gets it. */
  owned(): readonly Partition[]
  /** The target is another one, or the membership was lost. */
  changed(): void
  /** Nothing will come any more. */
  failed(error: FirebreakError): void
}
