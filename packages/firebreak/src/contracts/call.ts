import type { Schema, SchemaInput, SchemaOutput } from './schema.ts'

/** A call as its callers see it: a request that another service answers at once. Inert data; `call()` builds the whole. */
export interface CallSignature<Req extends Schema = Schema, Res extends Schema = Schema> {
  readonly kind: 'call'
  /** Unique in a system: dotted, lower case. */
  readonly name: string
  /** The dependency that answers it. */
  readonly to: string
  readonly request: Req
  readonly response: Res
}

// biome-ignore lint/suspicious/noExplicitAny: a call of any schemas, as `unknown` would not accept narrower ones
export type AnyCallSignature = CallSignature<any, any>

/** What a caller passes. */
export type CallRequest<C> = C extends { readonly request: infer Req } ? SchemaInput<Req> : never
/** What a caller gets, after validation. */
export type CallResponse<C> = C extends { readonly response: infer Res } ? SchemaOutput<Res> : never

export interface CallOptions {
  /** Time that is left for it; the deadline of its policy counts too where it is nearer. */
  readonly deadlineMs?: number
  /** Gives the call up: it rejects with the signal's reason. */
  readonly signal?: AbortSignal
  /** The part of the dependency that it goes to: each has a breaker of its own. */
  readonly shard?: string
  /** One business transaction; default: a new one. */
  readonly correlationId?: string
  /** W3C trace context of the caller: each attempt is a child of it. */
  readonly traceparent?: string | null
  /** `critical` is what a server that is overloaded sheds last. */
  readonly priority?: 'critical' | 'normal'
  /** Of a call with `idempotent: 'key'`; default: a new one per call, the same for all its attempts. */
  readonly idempotencyKey?: string
}

/** Beside these, a call of a handler takes its time, its signal, its trace and its idempotency key from the delivery. */
export type HandlerCallOptions = Pick<CallOptions, 'deadlineMs' | 'shard' | 'priority'>
