/**
 * A scenario as the lab runs it: read from a file by `readScenario`, every default filled in, durations in ms, rates per
 * second. Arms differ from each other in what they patch; all see the same arrivals and the same demands.
 */
import type { Policy } from 'firebreak'
import type { Backoff } from 'firebreak/internal'

export type Distribution =
  | { readonly kind: 'constant'; readonly ms: number }
  | { readonly kind: 'uniform'; readonly minMs: number; readonly maxMs: number }
  | { readonly kind: 'exponential'; readonly meanMs: number }
  | { readonly kind: 'lognormal'; readonly medianMs: number; readonly sigma: number }
  | { readonly kind: 'pareto'; readonly minMs: number; readonly shape: number }
  /** Drawn evenly from what was measured. */
  | { readonly kind: 'empirical'; readonly valuesMs: readonly number[] }
  | { readonly kind: 'mixture'; readonly parts: readonly { readonly weight: number; readonly of: Distribution }[] }

/** More work at once than `at` makes each piece slower and likelier to fail: over = max(0, n / at - 1). */
export interface Overload {
  /** Work in service at the same time, over all instances, from which on it hurts. */
  readonly at: number
  /** Latency is multiplied by 1 + latencySlope * over. */
  readonly latencySlope: number
  /** The probability of failure rises by failureSlope * over, up to failureMax. */
  readonly failureSlope: number
  readonly failureMax: number
}

export interface ServiceModel {
  readonly name: string
  readonly instances: number
  /** Workers per instance; Infinity: every arrival starts at once. A worker is held while its request waits for calls. */
  readonly concurrency: number
  /** Per instance. `maxWaitMs`: what has waited longer when its turn comes is refused (`shed`). */
  readonly queue: {
    readonly max: number
    readonly order: 'fifo' | 'lifo' | 'adaptive-lifo'
    readonly maxWaitMs: number
  }
  /** Own work per request, before its calls. */
  readonly latency: Distribution
  /** Probability that a request fails for no reason. */
  readonly failure: number
  readonly overload: Overload | null
  /** Whether work stops when its caller has gone. */
  readonly onCancel: 'ignore' | 'stop'
  /** Sheds by the time that work has waited in the queue. */
  readonly shed: { readonly kind: 'codel'; readonly targetMs: number; readonly intervalMs: number } | null
}

export interface SyncEdge {
  readonly kind: 'sync'
  readonly id: string
  readonly from: string
  readonly to: string
  /** Groups run one after the other, in rising order. */
  readonly group: number
  /** All members of a group run at the same time when each says so. */
  readonly parallel: boolean
  /** The request goes on when this fails. */
  readonly optional: boolean
  /** A failure is answered with a substitute, and counts as success. */
  readonly fallback: boolean
  /** Calls per request, one after the other. */
  readonly calls: number
  /** One executor per instance of `from`. null: one attempt, no timeout, waits forever. */
  readonly policy: Policy | null
  /** Each way. */
  readonly network: Distribution
}

export interface QueueEdge {
  readonly kind: 'queue' | 'stream'
  readonly id: string
  readonly from: string
  readonly to: string
  /** Each takes one message at a time and waits for `to`. */
  readonly consumers: number
  /** `stream`: keys spread over so many partitions, one message at a time per partition; `queue`: 0. */
  readonly partitions: number
  readonly attemptsMax: number
  /** How long one attempt at `to` may take; Infinity: as long as it takes. */
  readonly attemptTimeoutMs: number
  readonly backoff: Backoff
  /** After the last attempt: kept as a dead letter, or dropped. Both are failures of the request. */
  readonly deadLetters: boolean
  /** `outbox`: the answer does not wait for the broker; `direct`: it does, and fails when the broker is down. */
  readonly publish: 'outbox' | 'direct'
  /** Time from publishing until a consumer can see it. */
  readonly network: Distribution
}

export type Edge = SyncEdge | QueueEdge

/** Arrivals per second from `atMs` on. */
export interface RateStep {
  readonly atMs: number
  readonly perSec: number
}

export type Arrivals =
  | { readonly kind: 'deterministic' | 'poisson'; readonly rate: readonly RateStep[] }
  /** Two or more Poisson rates; stays in each for an exponential time. */
  | { readonly kind: 'mmpp'; readonly states: readonly { readonly perSec: number; readonly meanMs: number }[] }
  /** Each client asks, waits for the answer, thinks, and asks again. */
  | { readonly kind: 'closed'; readonly clients: number; readonly think: Distribution }
  | { readonly kind: 'trace'; readonly atMs: readonly number[] }

export interface Traffic {
  readonly to: string
  readonly arrivals: Arrivals
  /** Share of the requests that is critical and shed last; 0 to 1. */
  readonly critical: number
  /** Keys of the requests, drawn evenly; 0: every request has its own. */
  readonly keys: number
}

export type Fault = {
  readonly atMs: number
  readonly forMs: number
} /** Work is lost and the service refuses; it hangs; its workers, its speed or its luck change. `target` is a service. */ & (
  | { readonly kind: 'crash' | 'hang'; readonly target: string }
  | { readonly kind: 'capacity' | 'latency' | 'errors'; readonly target: string; readonly value: number }
  /** Nothing passes an edge, or the brokers are away. `target` is an edge's id, or `broker`. */
  | { readonly kind: 'partition' | 'broker-down'; readonly target: string }
  /** Consumers of a queue edge stand still. */
  | { readonly kind: 'hold'; readonly target: string }
)

/** One way to build the system, complete. */
export interface Arm {
  readonly name: string
  readonly description: string
  /** `processed`: answered, and all that it set off is done; `answered`: the entry has answered. */
  readonly success: 'processed' | 'answered'
  readonly services: readonly ServiceModel[]
  readonly edges: readonly Edge[]
  readonly traffic: readonly Traffic[]
  readonly faults: readonly Fault[]
}

/** An executable claim about the outcome. */
export interface Expectation {
  readonly arm: string
  /** Path into the arm's result: `successRatio`, `latencyMs.p99`, `services.profile.utilization`; see docs of the lab. */
  readonly metric: string
  readonly op: '<' | '<=' | '=' | '>=' | '>'
  /** A number, or the same metric of another arm, times `times`. */
  readonly value: number | { readonly arm: string; readonly times: number }
  /** Only arrivals of this part of the run. */
  readonly within: { readonly fromMs: number; readonly toMs: number } | null
}

export interface Scenario {
  readonly name: string
  readonly description: string
  readonly seed: number
  readonly replications: number
  /** Arrivals from 0 to here. */
  readonly durationMs: number
  /** Requests that arrive before are simulated and not counted. */
  readonly warmupMs: number
  /** How long after the last arrival the run may go on until all is settled; what is left then has failed as `unfinished`. */
  readonly drainMaxMs: number
  readonly windowMs: number
  /** Runaway guard, per arm and replication. */
  readonly eventsMax: number
  readonly arms: readonly Arm[]
  readonly expect: readonly Expectation[]
}
