import type { Schema, SchemaInput, SchemaOutput } from './schema.ts'

/**
 * The definition of a domain event: an immutable, past-tense fact. Inert data; `event()` builds it.
 *
 * **Shape** `type` is unique in a system (dotted, lower case); `key` names the payload field whose value decides the lane:
 * events of one key are handled one after the other.
 */
export interface EventDefinition<S extends Schema = Schema> {
  readonly kind: 'event'
  readonly type: string
  /** Whole number from 1 on, raised when the schema changes incompatibly. */
  readonly version: number
  readonly topic: string
  readonly key: string
  readonly schema: S
  /** From version n (the property) to n + 1: old records in the log stay readable for ever. */
  readonly upcast: Readonly<Record<number, (payload: never) => unknown>>
  /** Partitions of its topic when it has to be created; events of one topic must agree. */
  readonly partitions: number
  readonly retentionMs: number
  readonly description: string
}

// biome-ignore lint/suspicious/noExplicitAny: an event of any schema, as `unknown` would not accept narrower ones
export type AnyEvent = EventDefinition<any>

/** What a publisher passes. */
export type PayloadInput<E> = E extends EventDefinition<infer S> ? SchemaInput<S> : never
/** What a handler receives, after validation and upcasting. */
export type Payload<E> = E extends EventDefinition<infer S> ? SchemaOutput<S> : never
