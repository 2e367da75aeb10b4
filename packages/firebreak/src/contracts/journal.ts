import type { DeadReason } from './disposition.ts'
import type { Partition, Position } from './log.ts'

/**
 * The facts of what happened to each message, for logs, metrics and tests. A listener hears them after they have become
 * durable, in order, and cannot change anything; what it throws is a warning of the process. `offset-gap`: positions that the log no
 * longer has, or never showed; on a log without gaps of its own, retention took them before they were handled.
 *
 * **Units** `atMs`: when it was reported, on the wall clock of this instance, ms since the Unix epoch. `durationMs`: ms, with
 * fractions, on a clock that never goes back. Of an attempt (`done`, `failed`) it lasts from when its key lets it run to its end, the
 * wait for a place among `handlersMax` and the commit included.
 */
export type Fact = UndatedFact & { readonly atMs: number }

/** As it is before it is reported. */
export type UndatedFact = FactWith<Error>

/** As it is raised: anything can be thrown. */
export type RaisedFact = FactWith<unknown>

type FactWith<E> =
  | { readonly kind: 'started'; readonly instance: string; readonly durationMs: number }
  | { readonly kind: 'stopped'; readonly drained: boolean; readonly durationMs: number }
  | { readonly kind: 'halted'; readonly error: Error }
  | { readonly kind: 'claimed'; readonly partition: Partition; readonly epoch: number; readonly unclean: boolean }
  /** The database had been put back to an earlier time: the partition is read again from there. */
  | { readonly kind: 'rewound'; readonly partition: Partition; readonly to: number }
  | { readonly kind: 'released'; readonly partition: Partition; readonly drained: boolean }
  | ({ readonly kind: 'done'; readonly attempt: number; readonly durationMs: number } & About)
  /** Its event had been handled before. */
  | ({ readonly kind: 'duplicate'; readonly attempt: number } & About)
  /** Its service has no handler for it. */
  | ({ readonly kind: 'skipped'; readonly attempt: number } & About)
  | ({ readonly kind: 'failed'; readonly attempt: number; readonly durationMs: number; readonly error: E } & About)
  | ({ readonly kind: 'parked'; readonly dueAtMs: number | null } & About)
  | ({
      readonly kind: 'dead-lettered'
      readonly letterId: string
      readonly reason: DeadReason
      readonly error: E
    } & About)
  /** Of a job: somebody ended it. */
  | ({ readonly kind: 'cancelled' } & About)
  /** Of a job: it was not started before its deadline. */
  | ({ readonly kind: 'expired' } & About)
  | ({ readonly kind: 'error-after-commit'; readonly error: E } & About)
  | { readonly kind: 'offset-gap'; readonly partition: Partition; readonly from: number; readonly to: number }
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
      readonly error: E
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
  /**
   * The code of a schedule, or the job that it asks for. It is tried again after `retryInMs`; null: with the next slot, or by another
   * release of the program.
   */
  | {
      readonly kind: 'schedule-failed'
      readonly schedule: string
      readonly slotAtMs: number
      readonly retryInMs: number | null
      readonly error: E
    }
  /** A slot came while no instance ran, and is too old to be caught up. Of several only the last is told. */
  | { readonly kind: 'schedule-missed'; readonly schedule: string; readonly slotAtMs: number }
  | { readonly kind: 'infrastructure-error'; readonly where: 'log' | 'database' | 'relay'; readonly error: E }

interface About {
  readonly at: Position
  readonly key: string | null
  readonly eventId: string | null
  readonly eventType: string | null
  /** Shared by everything that one cause has set off. */
  readonly correlationId: string | null
}

/** Hears every fact of a runtime, with the name of its service. */
export type Observer = (fact: Fact, service: string) => void

/** Hears the facts of one kind. */
export type FactListener<K extends Fact['kind']> = (fact: Extract<Fact, { readonly kind: K }>) => void
