import type { Schema, SchemaInput, SchemaOutput } from './schema.ts'

/**
 * The definition of a domain event: an immutable, past-tense fact. Inert data; `event()` builds it.
 *
 * **Shape** `type` is unique in a system; `key` names the payload field whose value decides the lane:
 * events of one key are handled one after the other.
 */
export interface EventDefinition<S extends Schema = Schema, T extends boolean = false, N extends string = string> {
  readonly kind: 'event'
  readonly type: N
  /** Whole number from 1 on, raised when the schema changes incompatibly. */
  readonly version: number
  readonly topic: string
  readonly key: string
  readonly schema: S
  /** From version n (the property) to n + 1: old records in the log stay readable forever. */
  readonly upcast: Readonly<Record<number, (payload: never) => unknown>>
  /** Whether it can be published without a payload, and handlers get null. */
  readonly tombstone: T
  /** Of its topic, when it has to be created; events of one topic agree. */
  readonly partitions: number
  readonly retentionMs: number
  readonly description: string
}

// biome-ignore lint/suspicious/noExplicitAny: an event of any schema, as `unknown` would not accept narrower ones
export type AnyEvent = EventDefinition<any, any, any>
// biome-ignore lint/suspicious/noExplicitAny: as above
export type TombstoneEvent = EventDefinition<any, true, any>

/** What a publisher passes; null is passed together with a `TombstoneKey`. */
export type PayloadInput<E> = E extends EventDefinition<infer S, infer _> ? SchemaInput<S> : never
/** What a handler receives, after validation and upcasting: null where an event has no payload. */
export type Payload<E> =
  E extends EventDefinition<infer S, infer T> ? SchemaOutput<S> | (T extends true ? null : never) : never

/** Stands in for the payload's own field where there is no payload. */
export interface TombstoneKey {
  readonly key: string
}

/** What a compiler says of an event that is none of the `P` which a service declares. */
export type Declared<E extends AnyEvent, P extends AnyEvent> = string extends E['type']
  ? unknown
  : E extends P
    ? unknown
    : `add ${E['type']} to publishes of the service`

/**
 * Adds an event to a unit of work; of those in `publishes` of its service, where that is known. Null is a tombstone: for events that
 * declare it, with the key that the payload had.
 */
export interface Publish<P extends AnyEvent = AnyEvent> {
  <E extends AnyEvent>(event: E & Declared<E, P>, payload: PayloadInput<E>): void
  <E extends TombstoneEvent>(event: E & Declared<E, P>, payload: null, at: TombstoneKey): void
}
