import type { UndatedFact } from '../../contracts/journal.ts'
import type { Breaker } from '../../policy/breaker.ts'

/**
 * Tells when breakers open and close, and when a budget is spent: each once per change, however many calls see it. A probe
 * that fails is no change.
 */
export class CircuitFacts {
  readonly #emit: (fact: UndatedFact) => void
  readonly #open = new WeakSet<Breaker>()
  readonly #spent = new Set<string>()

  constructor(emit: (fact: UndatedFact) => void) {
    this.#emit = emit
  }

  /** An attempt has ended: its breaker may have changed. */
  look(breaker: Breaker | null, at: { dependency: string; shard: string | null; nowMs: number }): void {
    if (breaker === null) return
    const { dependency, shard, nowMs } = at
    const state = breaker.state(nowMs)
    if (state === 'open' && !this.#open.has(breaker)) {
      this.#open.add(breaker)
      this.#emit({ kind: 'breaker-opened', dependency, shard, forMs: Math.ceil(breaker.openUntilMs - nowMs) })
    } else if (state === 'closed' && this.#open.delete(breaker)) {
      this.#emit({ kind: 'breaker-closed', dependency, shard })
    }
  }

  /** A retry was refused, or sent. */
  budget(dependency: string, isSpent: boolean): void {
    if (!isSpent) this.#spent.delete(dependency)
    else if (!this.#spent.has(dependency)) {
      this.#spent.add(dependency)
      this.#emit({ kind: 'budget-spent', dependency })
    }
  }
}
