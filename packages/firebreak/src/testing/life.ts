import type { Clock, Timer } from '../contracts/clock.ts'
import type { Around, PortCall } from './around.ts'

const never = <T>(): Promise<T> => new Promise(() => {})

/**
 * The life of one instance in a test. When it ends, it ends as a process does: no call it made comes back, no timer of it
 * runs, nothing of it reaches a port any more.
 *
 * I1 After `end()` no call reaches a port; what was inside one at that moment takes effect or not, and nobody is told.
 */
export class Life implements Around {
  readonly #onEnd: () => void
  #ended = false
  #calls = 0
  #aheadMs = 0
  #endAt: { readonly call: number; readonly when: 'before' | 'after' } | undefined

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Port calls made so far. */
  get calls(): number {
    return this.#calls
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#onEnd()
  }

  /** Ends at the `count`-th port call from now: `before` it takes effect, or `after` it did and before anybody learns. */
  endAt(count: number, when: 'before' | 'after'): void {
    this.#endAt = { call: this.#calls + count, when }
  }

  async call<T>(_call: PortCall, run: () => Promise<T>): Promise<T> {
    if (this.#ended) return never()
    const number = ++this.#calls
    if (this.#endsAt(number, 'before')) return this.#die()
    let result: T
    try {
      result = await run()
    } catch (error) {
      if (this.#ended) return never()
      throw error
    }
    if (this.#endsAt(number, 'after')) return this.#die()
    return this.#ended ? never() : result
  }

  /** Sets the wall clock of this instance apart from that of the others. */
  jump(ms: number): void {
    this.#aheadMs += ms
  }

  /** The instance's own view of a clock: its timers die with it. */
  clock(inner: Clock): Clock {
    return {
      now: () => inner.now() + this.#aheadMs,
      monotonic: () => inner.monotonic(),
      schedule: (delayMs, run): Timer => inner.schedule(delayMs, () => this.#ended || run()),
    }
  }

  #endsAt(call: number, when: 'before' | 'after'): boolean {
    return this.#endAt?.call === call && this.#endAt.when === when
  }

  #die<T>(): Promise<T> {
    this.end()
    return never()
  }
}
