import type { DeadReason } from './disposition.ts'
import type { Partition, Position } from './log.ts'

/**
 * The facts of what happened to each message, for logs, metrics and tests. Facts are told after they have become
 * durable, in order; whoever listens must not throw and gets no chance to change anything. `gap`: positions that the log no
 * longer has, or never showed; on a log without gaps of its own, retention took them before they were handled.
 */
export type Fact =
  | { readonly kind: 'started'; readonly instance: string }
  | { readonly kind: 'stopped'; readonly drained: boolean }
  | { readonly kind: 'halted'; readonly error: Error }
  | { readonly kind: 'claimed'; readonly partition: Partition; readonly epoch: number; readonly unclean: boolean }
  /** The database had been put back to an earlier time: the partition is read again from there. */
  | { readonly kind: 'rewound'; readonly partition: Partition; readonly to: number }
  | { readonly kind: 'released'; readonly partition: Partition; readonly drained: boolean }
  | ({ readonly kind: 'done' | 'duplicate' | 'skipped'; readonly attempt: number } & About)
  | ({ readonly kind: 'failed'; readonly attempt: number; readonly error: unknown } & About)
  | ({ readonly kind: 'parked'; readonly dueAtMs: number | null } & About)
  | ({
      readonly kind: 'dead-lettered'
      readonly letterId: string
      readonly reason: DeadReason
      readonly error: unknown
    } & About)
  | ({ readonly kind: 'late-error'; readonly error: unknown } & About)
  | { readonly kind: 'gap'; readonly partition: Partition; readonly from: number; readonly to: number }
  | { readonly kind: 'published'; readonly count: number }
  /** The log has refused an event of the outbox for good: its key waits, and nothing else. Told once. */
  | {
      readonly kind: 'blocked'
      /** In the outbox: what `outbox` of the runtime and of the command line calls it. */
      readonly number: number
      readonly topic: string
      readonly key: string | null
      readonly eventId: string | null
      readonly eventType: string | null
      readonly error: unknown
    }
  /** Calls of a dependency, or of one shard of it, are refused for `forMs`; then single ones are let through. */
  | {
      readonly kind: 'breaker-opened'
      readonly dependency: string
      readonly shard: string | null
      readonly forMs: number
    }
  | { readonly kind: 'breaker-closed'; readonly dependency: string; readonly shard: string | null }
  /** The first retry that the budget of a dependency refused, since it last paid for one. */
  | { readonly kind: 'budget-spent'; readonly dependency: string }
  | { readonly kind: 'trouble'; readonly where: 'log' | 'database' | 'relay'; readonly error: unknown }

interface About {
  readonly at: Position
  readonly key: string | null
  readonly eventId: string | null
  readonly eventType: string | null
}

export type Observer = (fact: Fact) => void
