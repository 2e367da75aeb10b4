import { Breaker } from './breaker.ts'
import { createBudget, type RetryBudget } from './budget.ts'
import { Bulkhead } from './bulkhead.ts'
import type { BreakerSpec, Policy } from './definition/policy-spec.ts'
import { LatencyTracker } from './latency-tracker.ts'
import { createLimit, type Limit } from './limit/limit.ts'

/** Shards beyond this share one breaker, so that keys of callers cannot fill the memory. */
const shardsMax = 1000

/**
 * What one process knows of one dependency: budget, breakers, limit, bulkhead and how long calls take. All calls and
 * handlers that use the dependency share it.
 */
export class Dependency {
  readonly name: string
  readonly budget: RetryBudget | null
  readonly limit: Limit | null
  readonly bulkhead: Bulkhead | null
  readonly latencies: LatencyTracker | null
  readonly #breakerSpec: BreakerSpec | null
  readonly #breaker: Breaker | null
  readonly #shards = new Map<string, Breaker>()

  constructor(name: string, policy: Policy, nowMs: number) {
    this.name = name
    this.budget = policy.budget === null ? null : createBudget(policy.budget, nowMs)
    this.limit = policy.limit === null ? null : createLimit(policy.limit)
    this.bulkhead = policy.bulkhead === null ? null : new Bulkhead(policy.bulkhead)
    this.latencies = policy.hedge?.after === 'p95' ? new LatencyTracker() : null
    this.#breakerSpec = policy.breaker
    this.#breaker = policy.breaker === null ? null : new Breaker(policy.breaker, nowMs)
  }

  /** The breaker of one shard, or of the dependency as a whole; null: there is none. */
  breaker(shard: string | undefined, nowMs: number): Breaker | null {
    if (shard === undefined || this.#breakerSpec === null) return this.#breaker
    const found = this.#shards.get(shard)
    if (found !== undefined) return found
    if (this.#shards.size >= shardsMax) return this.#breaker
    const made = new Breaker(this.#breakerSpec, nowMs)
    this.#shards.set(shard, made)
    return made
  }

  /** How often its breakers have opened. */
  get breakerOpens(): number {
    let opens = this.#breaker?.opens ?? 0
    for (const breaker of this.#shards.values()) opens += breaker.opens
    return opens
  }

  /** Until when the breaker of the whole dependency lets nothing through; undefined when it is not open. */
  openUntilMs(nowMs: number): number | undefined {
    return this.#breaker?.state(nowMs) === 'open' ? this.#breaker.openUntilMs : undefined
  }
}
