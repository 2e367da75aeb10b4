import type { Instance } from './instance/instance.ts'
import type { Relay } from './outbox/relay.ts'
import type { ClaimedPartition } from './partition/partition.ts'

/** A snapshot of one instance, for pages and tests. */
export interface RuntimeStats {
  readonly instance: string
  /** Handlers running now. */
  readonly running: number
  /** Records in memory, waiting or handled. */
  readonly heldRecords: number
  readonly parkedRecords: number
  readonly outboxPending: number
  /** Keys that wait for an event which the log has refused, of those that this instance sends. */
  readonly outboxBlocked: number
  readonly partitions: readonly {
    readonly topic: string
    readonly partition: number
    /** Everything below is finished; null before the first record. */
    readonly next: number | null
    readonly heldRecords: number
    readonly parkedKeys: number
    readonly isSuspicious: boolean
  }[]
}

export function statsOf(
  instance: Instance,
  now: { claims: readonly ClaimedPartition[]; held: number; parked: number; relay: Pick<Relay, 'pending' | 'blocked'> },
): RuntimeStats {
  return {
    instance: instance.name,
    running: instance.slots.running,
    heldRecords: now.held,
    parkedRecords: now.parked,
    outboxPending: now.relay.pending,
    outboxBlocked: now.relay.blocked,
    partitions: now.claims.map((claimed) => ({
      topic: claimed.topic,
      partition: claimed.partition,
      next: claimed.offsets.committedNext,
      heldRecords: claimed.held,
      parkedKeys: claimed.parked.size,
      isSuspicious: claimed.suspicious,
    })),
  }
}
