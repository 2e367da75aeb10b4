import { FirebreakError } from '../../contracts/errors.ts'
import type { Fact, FactListener, Observer, RaisedFact } from '../../contracts/journal.ts'
import { textOf } from '../../contracts/text/text-of.ts'
import { swallowErrors } from '../user-code/swallow-errors.ts'

const messageMax = 1000

/** The failure of an engine that was reported last. */
export interface EngineFailure {
  readonly where: Extract<Fact, { kind: 'infrastructure-error' }>['where']
  readonly error: Error
  readonly atMs: number
}

export interface Listening {
  /** Hears all. */
  readonly observe?: Observer | undefined
  /** Hears what nobody else does; facts that are built for listeners only it may miss. */
  readonly unheard?: ((fact: Fact) => void) | undefined
}

/**
 * Everybody who hears what happens in one instance, and what is remembered of it for its health.
 *
 * I1 Listeners are called one after the other, the observer first; none of them can fail an instance.
 * I2 One that is removed is not called any more, also not for the fact that is being reported.
 */
export class Facts {
  readonly #now: () => number
  readonly #observe: ((fact: Fact) => void) | undefined
  readonly #unheard: ((fact: Fact) => void) | undefined
  readonly #listeners = new Map<Fact['kind'], Set<(fact: Fact) => void>>()
  readonly #failures = new Map<EngineFailure['where'], EngineFailure>()
  #phase: 'new' | 'started' | 'stopped' | { readonly halted: Error } = 'new'

  constructor(service: string, { observe, unheard }: Listening, now: () => number) {
    this.#now = now
    this.#observe = observe && swallowErrors((fact) => observe(fact, service))
    this.#unheard = unheard && swallowErrors(unheard)
  }

  get phase(): 'new' | 'started' | 'stopped' | { readonly halted: Error } {
    return this.#phase
  }

  /** What has been heard since then, each engine once. */
  failuresSince(sinceMs: number): readonly EngineFailure[] {
    return [...this.#failures.values()].filter(({ atMs }) => atMs >= sinceMs)
  }

  on<K extends Fact['kind']>(kind: K, listener: FactListener<K>): () => void {
    if (typeof listener !== 'function') {
      const problems = `runtime.on(${textOf(kind, 100)}) must have a function, not ${textOf(listener, 100)}`
      throw new FirebreakError('FB_CONFIG', { problems })
    }
    const listeners = this.#listeners.get(kind) ?? new Set()
    this.#listeners.set(kind, listeners)
    const heard = swallowErrors(listener as (fact: Fact) => void)
    listeners.add(heard)
    return () => void listeners.delete(heard)
  }

  /** Whether anybody listens to facts of a kind. */
  hears(kind: Fact['kind']): boolean {
    return this.#observe !== undefined || (this.#listeners.get(kind)?.size ?? 0) > 0
  }

  emit(raised: RaisedFact): void {
    const fact = withError(raised)
    this.#remember(fact)
    this.#observe?.(fact)
    // Asked first: a listener may end itself.
    const isHeard = this.hears(fact.kind)
    for (const listener of this.#listeners.get(fact.kind) ?? []) listener(fact)
    if (!isHeard) this.#unheard?.(fact)
  }

  #remember(fact: Fact): void {
    if (fact.kind === 'infrastructure-error')
      this.#failures.set(fact.where, { where: fact.where, error: fact.error, atMs: this.#now() })
    else if (fact.kind === 'halted') this.#phase = { halted: fact.error }
    else if (fact.kind === 'started') this.#phase = 'started'
    else if (fact.kind === 'stopped' && typeof this.#phase === 'string') this.#phase = 'stopped'
  }
}

/** Anything can be thrown; a listener gets an error, with what was thrown as its cause. */
function withError(raised: RaisedFact): Fact {
  // What was thrown may be a proxy that throws when it is looked at; this does not.
  if (!('error' in raised) || Error.isError(raised.error)) return raised as Fact
  return { ...raised, error: new Error(textOf(raised.error, messageMax), { cause: raised.error }) }
}
