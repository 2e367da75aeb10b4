import type { Schema } from './schema.ts'

/** What events and jobs have in common: a payload that travels as JSON, with a schema and its versions. */
export interface MessageDefinition<S extends Schema = Schema> {
  readonly type: string
  /** Whole number from 1 on, raised when the schema changes incompatibly. */
  readonly version: number
  readonly schema: S
  /** From version n (the property) to n + 1: what was written before stays readable. */
  readonly upcast: Readonly<Record<number, (payload: never) => unknown>>
}

// biome-ignore lint/suspicious/noExplicitAny: a message of any schema, as `unknown` would not accept narrower ones
export type AnyMessage = MessageDefinition<any>
