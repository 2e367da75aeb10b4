/**
 * Entries of a scenario file as they are once their shape is known to be right: defaults are filled in, durations and
 * distributions still stand as they were written.
 */

/** `50ms`, or a number of ms. */
export type RawDuration = number | string

interface RawPlain {
  readonly kind?: 'constant' | undefined
  readonly base: RawDuration
  readonly jitter?: RawDuration | undefined
}

interface RawUniform {
  readonly kind: 'uniform'
  readonly min?: RawDuration | undefined
  readonly max?: RawDuration | undefined
  readonly base?: RawDuration | undefined
  readonly jitter?: RawDuration | undefined
}

interface RawLognormal {
  readonly kind: 'lognormal'
  readonly median?: RawDuration | undefined
  readonly p50?: RawDuration | undefined
  readonly sigma?: number | undefined
  readonly p99?: RawDuration | undefined
}

/** A distribution that is no mixture of others. */
export type RawSimple =
  | RawPlain
  | RawUniform
  | { readonly kind: 'exponential'; readonly mean: RawDuration }
  | RawLognormal
  | { readonly kind: 'pareto'; readonly min: RawDuration; readonly shape: number }
  | { readonly kind: 'empirical'; readonly values: readonly RawDuration[] }

/** One of several distributions, each time anew. */
export interface RawMixture {
  readonly kind: 'mixture'
  readonly parts: readonly (RawSimple & { readonly weight: number })[]
}

/** A duration that may vary. */
export type RawTime = RawDuration | RawSimple | RawMixture

/** A service as it was written. */
export interface RawService {
  readonly instances: number
  readonly concurrency?: number | 'unbounded' | undefined
  readonly workers?: number | 'unbounded' | undefined
  readonly queue:
    | number
    | 'unbounded'
    | {
        readonly max: number | 'unbounded'
        readonly order: 'fifo' | 'lifo' | 'adaptive-lifo'
        readonly maxWait: RawDuration | 'unbounded'
      }
  readonly latency: RawTime
  readonly failure: number
  readonly overload:
    | 'none'
    | {
        readonly at: number
        readonly latencySlope: number
        readonly failureSlope: number
        readonly failureMax: number
      }
  readonly onCancel: 'ignore' | 'stop'
  readonly shed:
    | 'none'
    | { readonly kind?: 'codel' | undefined; readonly target: RawDuration; readonly interval: RawDuration }
}

/** A call as it was written. */
export interface RawSyncEdge {
  readonly kind?: 'sync' | undefined
  readonly id?: string | undefined
  readonly from: string
  readonly to: string
  readonly group?: number | undefined
  readonly parallel: boolean
  readonly optional: boolean
  readonly fallback: boolean
  readonly calls: number
  readonly policy: string
  readonly network: RawTime
}

/** A queue or stream with its consumers as it was written. */
export interface RawQueueEdge {
  readonly kind: 'queue' | 'stream'
  readonly id?: string | undefined
  readonly from: string
  readonly to: string
  readonly consumers: number
  readonly partitions?: number | undefined
  readonly maxAttempts: number
  readonly attemptTimeout: RawDuration | 'none'
  readonly backoff: RawBackoff
  readonly dlq: boolean
  readonly publish: 'outbox' | 'direct'
  readonly network: RawTime
}

/** A dependency as it was written. */
export type RawEdge = RawSyncEdge | RawQueueEdge

/** What a backoff says; the rest depends on where it stands. */
export interface RawBackoff {
  readonly kind?: 'full' | 'equal' | 'decorrelated' | 'none' | undefined
  readonly base?: RawDuration | undefined
  readonly cap?: RawDuration | undefined
}

/** Finagle's form, or gRPC's. */
export type RawBudget =
  | {
      readonly kind?: 'ratio' | undefined
      readonly ratio?: number | undefined
      readonly minPerSec?: number | undefined
      readonly ttl?: RawDuration | undefined
    }
  | { readonly kind: 'tokens'; readonly maxTokens: number; readonly tokenRatio: number }

/** A limit that finds itself. */
export type RawLimit =
  | {
      readonly kind: 'aimd'
      readonly initial: number
      readonly min: number
      readonly max: number
      readonly backoff: number
      readonly timeout: RawDuration
    }
  | {
      readonly kind: 'vegas' | 'gradient2'
      readonly initial: number
      readonly min: number
      readonly max: number
    }

/** What differs from the breaker of `policy()`. */
export interface RawBreaker {
  readonly kind?: 'rate' | undefined
  readonly threshold?: number | undefined
  readonly min?: number | undefined
  readonly window?: RawDuration | undefined
  readonly open?: RawDuration | undefined
  readonly probes?: number | undefined
  readonly slow?: RawDuration | 'none' | undefined
}

/** What differs from the bulkhead of `policy()`. */
export interface RawBulkhead {
  readonly slots?: number | undefined
  readonly queue?: number | undefined
  readonly queueWait?: RawDuration | undefined
}

/** What differs from `policy()`. */
export interface RawPolicy {
  readonly deadline?: RawDuration | undefined
  readonly attemptTimeout?: RawDuration | undefined
  readonly maxAttempts?: number | undefined
  readonly backoff?: RawBackoff | undefined
  readonly budget?: 'none' | RawBudget | undefined
  readonly breaker?: 'none' | RawBreaker | undefined
  readonly bulkhead?: 'none' | number | RawBulkhead | undefined
  readonly limit?: 'none' | RawLimit | undefined
  readonly hedge?: 'none' | { readonly after: RawDuration; readonly max: number } | undefined
}

/** One rate, or rates from given times on. */
export type RawRate = number | readonly (readonly [RawDuration, number])[]

/** A source of requests as it was written. */
export type RawTraffic = { readonly to: string; readonly critical: number; readonly keys: number } & (
  | { readonly process?: 'poisson' | 'deterministic' | undefined; readonly rate: RawRate }
  | {
      readonly process: 'mmpp'
      readonly states: readonly { readonly rate: number; readonly mean: RawDuration }[]
    }
  | { readonly process: 'closed'; readonly clients: number; readonly think: RawTime }
  | { readonly process: 'trace'; readonly at: readonly RawDuration[] }
)

/** A fault as it was written. */
export interface RawFault {
  readonly at: RawDuration
  readonly for: RawDuration
  readonly target?: string | undefined
  /** With or without its value: `capacity`, `capacity(0.2)`. */
  readonly kind: string
  readonly value?: number | undefined
}

/** A claim as it was written. */
export interface RawExpectation {
  readonly arm?: string | undefined
  readonly metric: string
  readonly op: '<' | '<=' | '=' | '>=' | '>'
  readonly value: number | { readonly arm: string; readonly times: number }
  readonly within?: readonly [RawDuration, RawDuration] | undefined
}

/** What a file says about the run as a whole. */
export interface RawHeader {
  readonly name?: string | undefined
  readonly description: string
  readonly seed: number
  readonly replications: number
  readonly duration: RawDuration
  readonly warmup: RawDuration
  readonly drain: RawDuration
  readonly window: RawDuration
  readonly maxEvents: number
  readonly success: 'processed' | 'answered'
}
