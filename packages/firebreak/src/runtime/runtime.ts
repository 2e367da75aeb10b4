import type { AnyCallSignature, CallOptions, CallRequest, CallResponse } from '../contracts/call.ts'
import type { Sql } from '../contracts/database.ts'
import { FirebreakError } from '../contracts/errors.ts'
import type { AnyEvent, Declared, PayloadInput, TombstoneEvent, TombstoneKey } from '../contracts/event.ts'
import type { Fact, FactListener } from '../contracts/journal.ts'
import type { Transaction } from '../contracts/transaction.ts'
import type { ServiceDefinition } from '../define/service.ts'
import { type Health, healthOf } from './instance/health.ts'
import type { Instance } from './instance/instance.ts'
import { type DatabaseOf, type RuntimeOptions, refuseWithoutParts } from './instance/runtime-options.ts'
import { Lifecycle } from './lifecycle.ts'
import { causeOf } from './message/contract.ts'
import type { Cause } from './message/envelope-codec.ts'
import { type BlockedEvents, blockedEvents } from './operator/blocked-events.ts'
import { type DeadLetters, deadLetters } from './operator/dead-letters.ts'
import { type Jobs, jobs } from './operator/jobs.ts'
import { type Schedules, schedules } from './operator/schedules.ts'
import type { Relay } from './outbox/relay.ts'
import { outsideTransaction } from './outside-transaction.ts'
import { type RuntimeStats, statsOf } from './stats.ts'
import { type Parts, wire } from './wiring.ts'

/**
 * A running service. Does not own the log and the database: close them after it.
 *
 * **Shape** `P` are the events that the service publishes, as far as the compiler knows.
 */
export interface Runtime<P extends AnyEvent = AnyEvent> extends AsyncDisposable {
  /**
   * Checks the set-up, creates topics and ledger, joins the group. Once; a runtime that could not start is stopped.
   *
   * **Errors** `FB_CONFIG` with every problem at once, those of the log and the database; `FB_CLOSED` after `stop`.
   */
  start(): Promise<void>
  /**
   * Stops intake, lets running handlers end within `drainMs` (default from limits), sends the outbox, leaves the group.
   * Idempotent; `await using` does it at the end of a block. What did not end is redelivered by the next start. **Errors** `FB_CONFIG` for a `drainMs` that is none.
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
  publish<E extends AnyEvent>(
    event: E & Declared<E, P>,
    payload: PayloadInput<E>,
    cause?: Partial<Cause>,
  ): Promise<string>
  /** A tombstone: a record without a value, for events that declare it. */
  publish<E extends TombstoneEvent>(
    event: E & Declared<E, P>,
    payload: null,
    at: TombstoneKey & Partial<Cause>,
  ): Promise<string>
  /** SQL and events in one commit, from outside a handler: an HTTP request, a script. */
  transaction<T>(body: (tx: Transaction<P>) => Promise<T>, cause?: Partial<Cause>): Promise<T>
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
  /** Jobs of this service, and how those of late have ended. */
  readonly jobs: Jobs
  /** Records and jobs that this service could not handle. */
  readonly deadLetters: DeadLetters
  /** Events that the log has refused. */
  readonly outbox: BlockedEvents
  /** When the service enqueues what by the clock. */
  readonly schedules: Schedules
  stats(): RuntimeStats
  /** Whether it can work, and why not: for the liveness and readiness routes of a service. Asks nobody, so it is cheap. */
  health(): Health
  /**
   * Hears the facts of one kind: `runtime.on('dead-lettered', ({ error }) => …)`. Returns what ends it. `observe` hears all, and
   * earlier: what is listened to from here on misses what has been.
   */
  on<K extends Fact['kind']>(kind: K, listener: FactListener<K>): () => void
  /** Resolves when the runtime has stopped, rejects when it had to halt. */
  readonly done: Promise<void>
}

/**
 * Builds the runtime of one service instance; nothing happens before `start()`. **Errors** `FB_CONFIG` without its parts.
 *
 * @example
 * ```ts
 * import { createRuntime, logTo, type ServiceDefinition, sqliteDatabase, sqliteLog } from 'firebreak'
 *
 * export async function run(billing: ServiceDefinition, stop: Promise<void>): Promise<void> {
 *   await using log = sqliteLog({ path: 'data' })
 *   await using database = sqliteDatabase({ path: 'data/billing.db' })
 *   await using runtime = createRuntime({ service: billing, log, database, observe: logTo(console) })
 *   await runtime.start()
 *   await Promise.race([stop, runtime.done])
 * }
 * ```
 */
export function createRuntime<S extends ServiceDefinition>(
  options: RuntimeOptions<S> & DatabaseOf<S>,
): Runtime<PublishedBy<S>> {
  refuseWithoutParts(options)
  return new ServiceRuntime(options)
}

/** What servers of the library use of a runtime besides. */
export interface RuntimeInside {
  readonly instance: Instance
  /** As `Runtime.transaction`; `ledger` is the same transaction for statements of the library's own. */
  transaction<T>(body: (tx: Transaction, ledger: Sql) => Promise<T>, cause?: Partial<Cause>): Promise<T>
}

/** Undefined for what `createRuntime` has not made. */
export const insideOf = (runtime: unknown): RuntimeInside | undefined => ServiceRuntime.insideOf(runtime)

type PublishedBy<S> = S extends ServiceDefinition<infer P, boolean> ? P : never

class ServiceRuntime implements Runtime {
  readonly #parts: Parts
  readonly #lifecycle: Lifecycle
  readonly #instance: Instance
  readonly #relay: Relay
  readonly jobs: Jobs
  readonly deadLetters: DeadLetters
  readonly outbox: BlockedEvents
  readonly schedules: Schedules

  constructor(options: RuntimeOptions) {
    const parts = wire(options)
    const { database, service, clock, entropy } = parts.instance
    const deps = { database, service, clock, entropy, onChange: () => this.#reload() }
    this.#parts = parts
    this.#instance = parts.instance
    this.#relay = parts.relay
    this.#lifecycle = new Lifecycle(options, parts)
    this.jobs = jobs(deps)
    this.deadLetters = deadLetters(deps)
    this.outbox = blockedEvents(deps)
    this.schedules = schedules({ ...deps, onChange: () => parts.jobs.wake() })
  }

  static insideOf(runtime: unknown): RuntimeInside | undefined {
    if (typeof runtime !== 'object' || runtime === null || !(#parts in runtime)) return undefined
    return { instance: runtime.#instance, transaction: (body, cause) => runtime.#transaction(body, cause) }
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

  transaction<T>(body: (tx: Transaction) => Promise<T>, cause?: Partial<Cause>): Promise<T> {
    // Its body is given nothing of the ledger.
    return this.#transaction(typeof body === 'function' ? (tx) => body(tx) : body, cause)
  }

  async #transaction<T>(body: (tx: Transaction, ledger: Sql) => Promise<T>, cause?: Partial<Cause>): Promise<T> {
    this.#refuseWhenStopped()
    return outsideTransaction(this.#instance, { body, cause, outboxPending: this.#relay.pending })
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

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  on<K extends Fact['kind']>(kind: K, listener: FactListener<K>): () => void {
    return this.#parts.facts.on(kind, listener)
  }

  health(): Health {
    const { limits, clock, stopping } = this.#instance
    const outbox = { pending: this.#relay.pending, max: limits.outboxMax }
    const { facts, schedules } = this.#parts
    const about = { isStopping: stopping.aborted, outbox, schedules: schedules.failing, nowMs: clock.monotonic() }
    return healthOf({ facts, ...about })
  }

  stats(): RuntimeStats {
    const { consumer, backpressure, parking, relay } = this.#parts
    const [claims, held, parked] = [consumer.claims, backpressure.heldRecords, parking.count]
    return statsOf(this.#instance, { claims, held, parked, relay })
  }

  #reload(): void {
    if (!this.#lifecycle.isRunning) return
    const { parking, relay, jobs } = this.#parts
    jobs.wake()
    const reloads = [parking.reload(), relay.decided()]
    Promise.all(reloads).catch((error) =>
      this.#instance.emit({ kind: 'infrastructure-error', where: 'database', error }),
    )
  }

  #refuseWhenStopped(): void {
    this.#lifecycle.refuseWhenStopped()
  }
}
