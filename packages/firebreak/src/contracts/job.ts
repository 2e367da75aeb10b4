import type { MessageDefinition } from './message.ts'
import type { Schema, SchemaInput, SchemaOutput } from './schema.ts'

/** Jobs of a smaller number start first; see `prioAgeMs` for how long the others wait at most. */
export type Priority = 0 | 1 | 2

/**
 * The definition of a job: work that one service is asked to do, once, and whose end is kept. Inert data; `job()` builds it.
 *
 * **Shape** `R` and `G` are the schemas of its result and its progress, null where it has none.
 */
export interface JobDefinition<
  S extends Schema = Schema,
  R extends Schema | null = Schema | null,
  G extends Schema | null = Schema | null,
  N extends string = string,
> extends MessageDefinition<S> {
  readonly kind: 'job'
  readonly type: N
  readonly result: R
  readonly progress: G
  /** The payload field whose value decides which jobs run one after the other; null: all may run at once. */
  readonly key: string | null
  /** Whether a job with the same payload is joined instead of enqueued again, and for how long. */
  readonly unique: Unique | null
  readonly priority: Priority
  /** How many run at once, over all instances; null: as many as the instances have places. */
  readonly concurrency: number | null
  readonly rate: Rate | null
  /** From when it is enqueued until no attempt starts any more; null: no end. */
  readonly deadlineMs: number | null
  /** How long its end can be looked up. */
  readonly keepMs: number
  readonly description: string
}

/** `live`: while one has not ended. `windowMs`: for so long after one was enqueued, whether it has ended or not. */
export type Unique = 'live' | { readonly windowMs: number }

/** `max` starts in any `perMs`, over all instances. */
export interface Rate {
  readonly max: number
  readonly perMs: number
}

// biome-ignore lint/suspicious/noExplicitAny: a job of any schema, as `unknown` would not accept narrower ones
export type AnyJob = JobDefinition<any, any, any, any>

/** What is passed to enqueue it. */
export type JobInput<J> = J extends { readonly kind: 'job'; readonly schema: infer S } ? SchemaInput<S> : never
/** What its handler receives, after validation and upcasting. */
export type JobPayload<J> = J extends { readonly kind: 'job'; readonly schema: infer S } ? SchemaOutput<S> : never
/** What its handler returns; anything, and it is not kept, where the job declares no result. */
export type JobResult<J> = J extends { readonly kind: 'job'; readonly result: infer R }
  ? R extends Schema
    ? SchemaInput<R>
    : unknown
  : never
export type JobProgress<J> = J extends { readonly kind: 'job'; readonly progress: infer G }
  ? G extends Schema
    ? SchemaInput<G>
    : never
  : never

export interface EnqueueOptions {
  /** Not before so many ms have passed. */
  readonly afterMs?: number
  /** In place of the one that its definition says. */
  readonly priority?: Priority
}

/** `joined`: a job with the same payload was there already, and this is its id. */
export interface Enqueued {
  readonly id: string
  readonly joined: boolean
}

/**
 * Adds a job to the transaction: it exists when that is committed, and not before. The service must have a handler for it.
 *
 * **Errors** `FB_NOT_ENQUEUABLE`, `FB_CONTRACT_VIOLATED`, `FB_RECORD_TOO_LARGE`, `FB_SCHEMA_TIMEOUT`, `FB_CONFIG` for options that are
 * none.
 */
export type Enqueue = <J extends AnyJob>(job: J, input: JobInput<J>, options?: EnqueueOptions) => Promise<Enqueued>

/** The same from a handler, beside its transaction: it is added to the one commit of the attempt, and says nothing back. */
export type EnqueueLater = <J extends AnyJob>(job: J, input: JobInput<J>, options?: EnqueueOptions) => void
