import type { Attempt } from '../../contracts/disposition.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import type { AnyCall } from '../../define/call.ts'
import type { HandlerTerms } from '../../define/handle.ts'
import type { ServiceDefinition } from '../../define/service.ts'
import type { Dependency } from '../../policy/dependency.ts'
import type { Dependencies } from './dependencies.ts'

/** How long a retry waits that the budget has no token for, on average. */
const unpaidWaitMs = 5000
// Those who wait come back a few at a time, so that neither this process nor the dependency meets all of them at once.
const atOnce = 50
const betweenMs = 50

/** What is known of a delivery whose handler is about to run. */
export interface Candidate {
  readonly handler: HandlerTerms
  /** The last attempt that failed, in this process or in an earlier one. */
  readonly last: Attempt | undefined
}

/**
 * Holds handlers back whose dependency lets nothing through, and their retries that its budget has no token for. What is
 * held back is parked and loses no attempt; all other handlers go on.
 *
 * I1 While the breaker of a dependency is open, no handler starts that calls it without a fallback. While it is half open,
 *    as many start per time of an attempt as it takes probes.
 * I2 A handler whose last attempt failed in a call starts again only when the budget of that dependency has a token for it.
 */
export class DependencyGate {
  readonly #service: ServiceDefinition
  readonly #dependencies: Dependencies | undefined
  readonly #random: () => number
  readonly #states = new Map<string, DependencyState>()
  /** By handler: the dependencies that it cannot do without. */
  readonly #needs = new Map<HandlerTerms, readonly DependencyState[]>()

  constructor(service: ServiceDefinition, dependencies: Dependencies | undefined, random: () => number) {
    this.#service = service
    this.#dependencies = dependencies
    this.#random = random
  }

  /** Why the handler does not start now; undefined: it does. */
  refusal({ handler, last }: Candidate): FirebreakError | undefined {
    if (this.#dependencies === undefined) return undefined
    const { nowMs } = this.#dependencies
    for (const state of this.#needsOf(handler)) {
      const afterMs = state.enter(nowMs)
      if (afterMs !== undefined) return held(handler, state, { reason: 'lets nothing through', afterMs })
    }
    const failed = usedBudget(last) ? this.#states.get(last.dependency) : undefined
    if (failed?.takeRetryToken(nowMs) !== false) return undefined
    const afterMs = Math.ceil(unpaidWaitMs * (0.5 + this.#random()))
    return held(handler, failed, { reason: 'has no retry left in its budget', afterMs })
  }

  /** Whether nothing of a topic could start now: then there is no use in reading it. */
  isShut(topic: string): boolean {
    if (this.#dependencies === undefined || this.#service.calls.size === 0) return false
    const handlers = [...this.#service.handlers.values()].filter(({ event }) => event.topic === topic)
    return handlers.every((handler) => this.isShutFor(handler))
  }

  /** Whether a handler could not start now. */
  isShutFor(handler: HandlerTerms): boolean {
    if (this.#dependencies === undefined || handler.calls.length === 0) return false
    const { nowMs } = this.#dependencies
    return this.#needsOf(handler).some((state) => state.isShut(nowMs))
  }

  #needsOf(handler: HandlerTerms): readonly DependencyState[] {
    const known = this.#needs.get(handler)
    if (known !== undefined) return known
    for (const call of handler.calls) this.#stateOf(call)
    const needed = handler.calls.filter(({ fallback }) => fallback === null).map(({ to }) => to)
    const states = [...new Set(needed)].map((to) => this.#states.get(to) as DependencyState)
    this.#needs.set(handler, states)
    return states
  }

  #stateOf(call: AnyCall): void {
    const dependency = (this.#dependencies as Dependencies).executor(call).dependency
    const { breaker, attemptTimeoutMs } = call.policy
    const state = this.#states.get(call.to) ?? new DependencyState(dependency, breaker?.probesMax ?? 0)
    state.probeMs = Math.max(state.probeMs, attemptTimeoutMs)
    this.#states.set(call.to, state)
  }
}

/** Attempts that sent something and failed; what was refused before it went out cost the dependency nothing. */
function usedBudget(last: Attempt | undefined): last is Attempt & { readonly dependency: string } {
  const isRefused = last?.errorClass === 'FB_CALL_OPEN' || last?.errorClass === 'FB_CALL_BUSY'
  return last?.dependency !== undefined && !isRefused
}

const held = (
  { type }: HandlerTerms,
  { name }: DependencyState,
  why: { reason: string; afterMs: number },
): FirebreakError => new FirebreakError('FB_NOT_STARTED', { type, dependency: name, ...why })

/** What is known of one dependency, for the handlers that need it. */
class DependencyState {
  readonly #dependency: Dependency
  readonly #probesMax: number
  /** How long a probe can take. */
  probeMs = 0
  #probesUntilMs = Number.NEGATIVE_INFINITY
  #probes = 0
  /** When those come back that were sent away: `#waiting` of them so far until `#untilMs`. */
  #untilMs = 0
  #waiting = 0

  constructor(dependency: Dependency, probesMax: number) {
    this.#dependency = dependency
    this.#probesMax = probesMax
  }

  get name(): string {
    return this.#dependency.name
  }

  /** Undefined: go on; otherwise after how many ms to come back. */
  enter(nowMs: number): number | undefined {
    const untilMs = this.#shutUntilMs(nowMs)
    if (untilMs !== undefined) return this.#comeBackAfter(untilMs, nowMs)
    if (this.#isHalfOpen(nowMs)) this.#probe(nowMs)
    return undefined
  }

  isShut(nowMs: number): boolean {
    return this.#shutUntilMs(nowMs) !== undefined
  }

  takeRetryToken(nowMs: number): boolean {
    return this.#dependency.budget?.tryWithdraw(nowMs) ?? true
  }

  #shutUntilMs(nowMs: number): number | undefined {
    const openUntilMs = this.#dependency.openUntilMs(nowMs)
    if (openUntilMs !== undefined) return openUntilMs
    const isFull = this.#isHalfOpen(nowMs) && nowMs < this.#probesUntilMs && this.#probes >= this.#probesMax
    return isFull ? this.#probesUntilMs : undefined
  }

  #isHalfOpen(nowMs: number): boolean {
    return this.#dependency.breaker(undefined, nowMs)?.state(nowMs) === 'half-open'
  }

  #probe(nowMs: number): void {
    if (nowMs >= this.#probesUntilMs) {
      this.#probesUntilMs = nowMs + this.probeMs
      this.#probes = 0
    }
    this.#probes++
  }

  #comeBackAfter(untilMs: number, nowMs: number): number {
    if (untilMs !== this.#untilMs) {
      this.#untilMs = untilMs
      this.#waiting = 0
    }
    return Math.ceil(untilMs - nowMs) + betweenMs * Math.floor(this.#waiting++ / atOnce)
  }
}
