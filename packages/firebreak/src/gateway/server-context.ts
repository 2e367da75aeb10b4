import type { Clock } from '../contracts/clock.ts'
import type { Entropy } from '../contracts/entropy.ts'
import { FirebreakError } from '../contracts/errors.ts'
import type { Expirable } from '../policy/timeout-line.ts'
import { childTrace } from '../runtime/message/envelope-codec.ts'
import type { CallerWords } from './request-headers.ts'

/**
 * What a request brings along. It has the shape of the options of a call: `caller.call(quote, request, ctx)` passes on what
 * time is left, and who asks.
 */
export interface ServerContext {
  /** Aborts when the caller has gone, and when its time is over. */
  readonly signal: AbortSignal
  /** Time that is left, the same as `remainingMs()`. */
  readonly deadlineMs: number
  readonly correlationId: string
  readonly traceparent: string
  readonly priority: 'critical' | 'normal'
  /** Time that is left; 0 when it is over. */
  remainingMs(): number
}

/** The context of one request. I1 It fails once: the caller has gone, or its time is over; the signal says which. */
export class RequestScope implements ServerContext, Expirable {
  readonly endsAtMs: number
  readonly correlationId: string
  readonly traceparent: string
  readonly priority: 'critical' | 'normal'
  earlier: Expirable | undefined
  later: Expirable | undefined
  readonly #clock: Clock
  readonly #timeoutMs: number
  #abort: AbortController | undefined
  #failure: FirebreakError | undefined

  constructor(words: CallerWords, timeoutMaxMs: number, { clock, entropy }: { clock: Clock; entropy: Entropy }) {
    this.#clock = clock
    this.#timeoutMs = Math.min(words.timeoutMs ?? timeoutMaxMs, timeoutMaxMs)
    this.endsAtMs = clock.monotonic() + this.#timeoutMs
    this.correlationId = words.correlationId ?? entropy.uuid()
    this.traceparent = words.traceparent ?? childTrace(null, entropy)
    this.priority = words.isCritical ? 'critical' : 'normal'
  }

  // Made on demand: a controller costs more than most handlers.
  get signal(): AbortSignal {
    this.#abort ??= new AbortController()
    if (this.#failure !== undefined) this.#abort.abort(this.#failure)
    return this.#abort.signal
  }

  get deadlineMs(): number {
    return this.remainingMs()
  }

  remainingMs(): number {
    return Math.max(0, this.endsAtMs - this.#clock.monotonic())
  }

  get hasExpired(): boolean {
    return this.remainingMs() <= 0
  }

  /** The caller has gone. */
  abandon(): void {
    this.#fail(new FirebreakError('FB_REQUEST_ABANDONED'))
  }

  expire(): void {
    this.#fail(new FirebreakError('FB_REQUEST_EXPIRED', { timeoutMs: this.#timeoutMs }))
  }

  #fail(error: FirebreakError): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    this.#abort?.abort(error)
  }
}
