import type { AnyCallSignature, CallOptions, CallRequest, CallResponse } from '../contracts/call.ts'
import type { Sql } from '../contracts/database.ts'
import { FirebreakError } from '../contracts/errors.ts'
import type { AnyEvent, PayloadInput, Publish, TombstoneEvent, TombstoneKey } from '../contracts/event.ts'
import type { LogRecord } from '../contracts/log.ts'
import { statementInvalid } from '../contracts/sql/sql-text.ts'
import { inContextOfNow, isInsideUnit } from '../node/open-units.ts'
import { emptyUnit } from './commit/unit.ts'
import type { Instance } from './instance/instance.ts'
import { type RuntimeOptions, refuseWithoutParts } from './instance/runtime-options.ts'
import { Lifecycle } from './lifecycle.ts'
import { causeOf } from './message/contract.ts'
import type { Cause } from './message/envelope-codec.ts'
import { type LetterDesk, letterDesk } from './operator/letter-desk.ts'
import { type OutboxDesk, outboxDesk } from './operator/outbox-desk.ts'
import type { Relay } from './outbox/relay.ts'
import { type RuntimeStats, statsOf } from './stats.ts'
import { resultOf } from './user-code/thenable.ts'
import { type Parts, wire } from './wiring.ts'

/** A running service. Does not own the log and the database: close them after it. */
export interface Runtime {
  /**
   * Checks the set-up, creates topics and ledger, joins the group. Once; a runtime that could not start is stopped.
   *
   * **Errors** `FB_CONFIG` with every problem at once, those of the log and the database; `FB_CLOSED` after `stop`.
   */
  start(): Promise<void>
  /**
   * Stops intake, lets running handlers end within `drainMs` (default from limits), sends the outbox, leaves the group.
   * Idempotent. What did not end is redelivered by the next start. **Errors** `FB_CONFIG` for a `drainMs` that is none.
   *
   * **Guarantee** Resolves within `drainMs` and 2 s, also when the database or the log does not answer.
   */
  stop(options?: { readonly drainMs?: number }): Promise<void>
  /**
   * Publishes one event straight to the log; durable when it resolves to the event id. For state and event together use
   * `transaction`.
   *
   * **Errors** `FB_CONTRACT_VIOLATED`, `FB_NOT_PUBLISHABLE`, `FB_RECORD_TOO_LARGE`, those of `Log.append`.
   */
  publish<E extends AnyEvent>(event: E, payload: PayloadInput<E>, cause?: Partial<Cause>): Promise<string>
  /** A tombstone: a record without a value, for events that declare it. */
  publish<E extends TombstoneEvent>(event: E, payload: null, at: TombstoneKey & Partial<Cause>): Promise<string>
  /** SQL and events in one commit, from outside a handler: an HTTP request, a script. */
  transaction<T>(body: (sql: Sql, publish: Publish) => Promise<T>, cause?: Partial<Cause>): Promise<T>
  /**
   * Makes a call that the service declares, from outside a handler.
   *
   * **Errors** those of `Caller.call`; `FB_NOT_CALLABLE`.
   */
  call<C extends AnyCallSignature>(
    definition: C,
    request: CallRequest<C>,
    options?: CallOptions,
  ): Promise<CallResponse<C>>
  readonly letters: LetterDesk
  /** Events that the log has refused. */
  readonly outbox: OutboxDesk
  stats(): RuntimeStats
  /** Resolves when the runtime has stopped, rejects when it had to halt. */
  readonly done: Promise<void>
}

/** Builds the runtime of one service instance; nothing happens before `start()`. **Errors** `FB_CONFIG` without its parts. */
export function createRuntime(options: RuntimeOptions): Runtime {
  refuseWithoutParts(options)
  return new ServiceRuntime(options)
}

class ServiceRuntime implements Runtime {
  readonly #parts: Parts
  readonly #lifecycle: Lifecycle
  readonly #instance: Instance
  readonly #relay: Relay
  readonly letters: LetterDesk
  readonly outbox: OutboxDesk

  constructor(options: RuntimeOptions) {
    const parts = wire(options)
    const { database, service, clock, entropy } = parts.instance
    const deps = { database, service, clock, entropy, onChange: () => this.#reload() }
    this.#parts = parts
    this.#instance = parts.instance
    this.#relay = parts.relay
    this.#lifecycle = new Lifecycle(options, parts)
    this.letters = letterDesk(deps)
    this.outbox = outboxDesk(deps)
  }

  start(): Promise<void> {
    return this.#lifecycle.start()
  }

  stop(options?: { readonly drainMs?: number }): Promise<void> {
    return this.#lifecycle.stop(options)
  }

  get done(): Promise<void> {
    return this.#lifecycle.done
  }

  async publish(event: AnyEvent, payload: unknown, given?: Partial<Cause> & Partial<TombstoneKey>): Promise<string> {
    this.#refuseWhenStopped()
    const made = this.#instance.publisher.record(event, payload, causeOf(event, given), { at: given })
    const record = made instanceof Promise ? await made : made
    await this.#instance.log.append([record])
    return record.headers['ce_id'] as string
  }

  async transaction<T>(body: (sql: Sql, publish: Publish) => Promise<T>, cause?: Partial<Cause>): Promise<T> {
    this.#refuseWhenStopped()
    if (isInsideUnit()) throw new FirebreakError('FB_TRANSACTION_NESTED', { what: 'runtime.transaction' })
    if (typeof body !== 'function') throw statementInvalid('its body is no function', 'runtime.transaction(body)')
    const { committer, publisher, limits } = this.#instance
    if (this.#relay.pending >= limits.outboxMax)
      throw new FirebreakError('FB_OUTBOX_FULL', { rows: this.#relay.pending })
    const records: (LogRecord | Promise<LogRecord>)[] = []
    let taken = false
    const publish: Publish = (event: AnyEvent, payload: unknown, at?: TombstoneKey) => {
      if (taken) throw new FirebreakError('FB_UNIT_ENDED', { what: 'this transaction' })
      const made = publisher.record(event, payload, causeOf(event, cause), { at })
      // What it comes to is asked for at the commit, which may never be reached.
      if (made instanceof Promise) made.catch(() => undefined)
      records.push(made)
    }
    const take = (): Promise<LogRecord[]> => {
      taken = true
      return Promise.all(records)
    }
    let result: { value: T } | undefined
    const inContext = inContextOfNow(async (sql: Sql) => ({ value: await resultOf(body(sql, publish)) }))
    const run = async (sql: Sql): Promise<void> => {
      taken = false
      records.length = 0
      result = await inContext(sql)
    }
    const outcome = await committer.commit({ ...emptyUnit, body: run, records: take })
    if (typeof outcome === 'object') throw outcome.failed
    return (result as unknown as { value: T }).value
  }

  async call<C extends AnyCallSignature>(
    definition: C,
    request: CallRequest<C>,
    options?: CallOptions,
  ): Promise<CallResponse<C>> {
    this.#refuseWhenStopped()
    const { service, caller } = this.#instance
    const isDeclared = [...service.calls].some((one) => one === (definition as unknown))
    if (isDeclared && caller !== undefined) return caller.call(definition, request, options)
    throw new FirebreakError('FB_NOT_CALLABLE', { who: `service ${service.name}`, call: definition.name })
  }

  stats(): RuntimeStats {
    const { consumer, backpressure, parking, relay } = this.#parts
    const [claims, held, parked] = [consumer.claims, backpressure.heldRecords, parking.count]
    return statsOf(this.#instance, { claims, held, parked, relay })
  }

  #reload(): void {
    if (!this.#lifecycle.isRunning) return
    const { parking, relay } = this.#parts
    const reloads = [parking.reload(), relay.decided()]
    Promise.all(reloads).catch((error) => this.#instance.emit?.({ kind: 'trouble', where: 'database', error }))
  }

  #refuseWhenStopped(): void {
    this.#lifecycle.refuseWhenStopped()
  }
}
