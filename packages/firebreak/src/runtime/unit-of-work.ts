import type { Context } from '../contracts/context.ts'
import type { Sql } from '../contracts/database.ts'
import type { Envelope } from '../contracts/envelope.ts'
import { FirebreakError } from '../contracts/errors.ts'
import type { AnyEvent, PayloadInput } from '../contracts/event.ts'
import type { LogRecord } from '../contracts/log.ts'
import type { Expiring } from '../policy/deadline-watch.ts'
import type { UnitOutcome } from './committer.ts'
import type { Cause } from './envelope-codec.ts'

export interface UnitSpec {
  readonly envelope: Envelope
  readonly attempt: number
  readonly deadlineAtMs: number
  readonly deadlineMs: number
  /** Aborts when the partition goes away. */
  readonly partitionSignal: AbortSignal
  readonly record: (event: AnyEvent, payload: unknown, cause: Cause) => LogRecord | Promise<LogRecord>
  readonly commit: (
    body: ((sql: Sql) => Promise<void>) | null,
    records: () => Promise<readonly LogRecord[]>,
  ) => Promise<UnitOutcome>
  /** Keeps its place during the commit too: somebody may have to run alone. */
  readonly keepsSlot: boolean
  /** Called once, when the handler no longer needs its place. */
  readonly releaseSlot: () => void
}

/**
 * The context of one attempt. Modes:
 *
 *     open -> committing -> committed     the one commit succeeded; what the handler does now is outside of it
 *     open -> committing -> failed        the commit failed; `failure` holds why, even if the handler hides it
 *     open -> ended                       deadline, fence or an error of the handler; every call is refused from here on
 */
export class UnitOfWork implements Context, Expiring {
  readonly #spec: UnitSpec
  #mode: 'open' | 'committing' | 'committed' | 'failed' | 'ended' = 'open'
  #records: (LogRecord | Promise<LogRecord>)[] = []
  #abort: AbortController | undefined
  #slotHeld = true
  #committing: Promise<UnitOutcome> | undefined
  failure: unknown
  outcome: UnitOutcome | undefined
  /** Set by whoever waits for the handler; called at most once. */
  onExpire: ((error: unknown) => void) | undefined

  constructor(spec: UnitSpec) {
    this.#spec = spec
  }

  get envelope(): Envelope {
    return this.#spec.envelope
  }

  get attempt(): number {
    return this.#spec.attempt
  }

  get deadlineAtMs(): number {
    return this.#spec.deadlineAtMs
  }

  // Made on demand: most handlers never look at it, and a controller costs more than an empty handler.
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController()
      if (this.#mode === 'ended') this.#abort.abort()
      else if (this.#spec.partitionSignal.aborted) this.#abort.abort(this.#spec.partitionSignal.reason)
      else this.#spec.partitionSignal.addEventListener('abort', this.#abortWithPartition, { once: true })
    }
    return this.#abort.signal
  }

  async transaction<T>(body: (sql: Sql) => Promise<T>): Promise<T> {
    let result: { value: T } | undefined
    const outcome = await this.#commit(async (sql) => {
      result = { value: await body(sql) }
    })
    // Somebody else has handled this event meanwhile: the handler has nothing left to do.
    if (outcome === 'duplicate' || result === undefined) throw new AlreadyHandled()
    return result.value
  }

  publish<E extends AnyEvent>(event: E, payload: PayloadInput<E>): void {
    if (this.#mode !== 'open' && this.#mode !== 'committing') throw this.#ended()
    const { envelope, record } = this.#spec
    const { correlationId, id, traceparent } = envelope
    const made = record(event, payload, {
      correlationId,
      causationId: id,
      traceparent,
    })
    if (made instanceof Promise) made.catch(() => undefined)
    this.#records.push(made)
  }

  /** Ends the attempt after its handler has: commits what it has not committed itself. */
  async complete(): Promise<void> {
    if (this.#mode === 'open') await this.#commit(null)
    // The handler did not await its transaction: its outcome is still the outcome of the attempt.
    else if (this.#mode === 'committing') await this.#committing
    if (this.#mode === 'failed') throw this.failure
  }

  /** The deadline has passed. A commit under way decides by itself: its outcome is known soon and is the truth. */
  expire(): void {
    if (this.#mode !== 'open') return
    const { envelope, deadlineMs } = this.#spec
    const error = new FirebreakError('FB_DELIVERY_TIMEOUT', {
      type: envelope.type,
      deadlineMs,
    })
    this.end(error)
    this.onExpire?.(error)
  }

  end(reason?: unknown): void {
    if (this.#mode === 'open') this.#mode = 'ended'
    if (reason !== undefined) this.#abort?.abort(reason)
    if (this.#abort) this.#spec.partitionSignal.removeEventListener('abort', this.#abortWithPartition)
    this.releaseSlot()
  }

  get committed(): boolean {
    return this.#mode === 'committed'
  }

  releaseSlot(): void {
    if (!this.#slotHeld) return
    this.#slotHeld = false
    this.#spec.releaseSlot()
  }

  async #commit(body: ((sql: Sql) => Promise<void>) | null): Promise<UnitOutcome> {
    if (this.#mode !== 'open') throw this.#ended()
    this.#mode = 'committing'
    if (!this.#spec.keepsSlot) this.releaseSlot()
    try {
      this.#committing = this.#spec.commit(body, () => Promise.all(this.#records))
      this.outcome = await this.#committing
      this.#mode = 'committed'
      return this.outcome
    } catch (error) {
      this.#mode = 'failed'
      this.failure = error
      throw error
    }
  }

  readonly #abortWithPartition = (): void => this.#abort?.abort(this.#spec.partitionSignal.reason)

  #ended(): FirebreakError {
    return new FirebreakError('FB_UNIT_ENDED', {
      what: `${this.#spec.envelope.type} (attempt ${this.#spec.attempt})`,
    })
  }
}

/** Not an error of anybody: leaves a handler whose event was handled elsewhere while it ran. */
export class AlreadyHandled extends Error {
  constructor() {
    super('this event has been handled already')
    this.name = 'AlreadyHandled'
  }
}
