import type { Clock } from '../../contracts/clock.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import type { Fact, FactListener, Observer, RaisedFact, UndatedFact } from '../../contracts/journal.ts'
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
  /** Hears of some kinds what nobody else does. */
  readonly unheard?: { hears(kind: Fact['kind']): boolean; readonly hear: (fact: Fact) => void } | undefined
}

type FactClock = Pick<Clock, 'now' | 'monotonic'>

/**
 * Everybody who hears what happens in one instance, and what is remembered of it for its health.
 *
 * I1 Listeners are called one after the other, the observer first; none of them can fail an instance.
 * I2 One that is removed is not called any more, also not for the fact that is being reported.
 */
export class Facts {
  readonly #clock: FactClock
  readonly #observe: ((fact: Fact) => void) | undefined
  readonly #unheard: Listening['unheard']
  readonly #printUnheard: ((fact: Fact) => void) | undefined
  readonly #listeners = new Map<Fact['kind'], Set<(fact: Fact) => void>>()
  readonly #failures = new Map<EngineFailure['where'], EngineFailure>()
  #phase: 'new' | 'started' | 'stopped' | { readonly halted: Error } = 'new'

  constructor(service: string, { observe, unheard }: Listening, clock: FactClock) {
    this.#clock = clock
    this.#observe = observe && swallowErrors((fact) => observe(fact, service))
    this.#unheard = unheard
    this.#printUnheard = unheard && swallowErrors(unheard.hear)
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

  /** Whether anybody hears facts of a kind. */
  hears(kind: Fact['kind']): boolean {
    return this.#isListened(kind) || this.#unheard?.hears(kind) === true
  }

  #isListened(kind: Fact['kind']): boolean {
    return this.#observe !== undefined || (this.#listeners.get(kind)?.size ?? 0) > 0
  }

  emit(raised: RaisedFact): void {
    const undated = withError(raised)
    this.#remember(undated)
    if (!this.hears(raised.kind)) return
    const fact: Fact = { ...undated, atMs: this.#clock.now() }
    // Asked first: a listener may end itself.
    const isListened = this.#isListened(fact.kind)
    this.#observe?.(fact)
    for (const listener of this.#listeners.get(fact.kind) ?? []) listener(fact)
    if (!isListened) this.#printUnheard?.(fact)
  }

  #remember(fact: UndatedFact): void {
    if (fact.kind === 'infrastructure-error')
      this.#failures.set(fact.where, { where: fact.where, error: fact.error, atMs: this.#clock.monotonic() })
    else if (fact.kind === 'halted') this.#phase = { halted: fact.error }
    else if (fact.kind === 'started') this.#phase = 'started'
    else if (fact.kind === 'stopped' && typeof this.#phase === 'string') this.#phase = 'stopped'
  }
}

/** Anything can be thrown; a listener gets an error, with what was thrown as its cause. */
function withError(raised: RaisedFact): UndatedFact {
  // What was thrown may be a proxy that throws when it is looked at; this does not.
  if (!('error' in raised) || Error.isError(raised.error)) return raised as UndatedFact
  return { ...raised, error: new Error(textOf(raised.error, messageMax), { cause: raised.error }) }
}
