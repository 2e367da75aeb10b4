import type { AnyCallSignature, CallOptions, CallRequest, CallResponse } from '../contracts/call.ts'
import { FirebreakError } from '../contracts/errors.ts'
import type { AnyEvent, PayloadInput, TombstoneEvent, TombstoneKey } from '../contracts/event.ts'
import type { Fact, FactListener, RaisedFact } from '../contracts/journal.ts'
import { filled, optionProblems } from '../contracts/option.ts'
import type { Transaction } from '../contracts/transaction.ts'
import { topicsOf } from '../define/topics-of.ts'
import { ledgerId } from '../ledger/ledger-id.ts'
import { inLedger } from '../ledger/ledger-place.ts'
import { openLedger } from '../ledger/schema.ts'
import { systemClock } from '../node/clock.ts'
import { systemEntropy } from '../node/entropy.ts'
import { outsideUnits } from '../node/open-units.ts'
import { nextTurn } from '../node/turn.ts'
import { DeadlineWatch } from '../policy/deadline-watch.ts'
import { CallGate } from './calls/call-gate.ts'
import { Committer } from './commit/committer.ts'
import { deliver } from './delivery/deliver.ts'
import { Lanes } from './delivery/lanes.ts'
import { Parking } from './delivery/parking.ts'
import { bootProblems, waitUntilAlone } from './instance/boot-checks.ts'
import type { Engine } from './instance/engine.ts'
import { Facts } from './instance/facts.ts'
import { type Health, healthOf } from './instance/health.ts'
import { limitDefaults, stopOptions } from './instance/limits.ts'
import { noDatabase } from './instance/no-database.ts'
import { type RuntimeOptions, refuseWithoutParts } from './instance/runtime-options.ts'
import { Slots } from './instance/slots.ts'
import { StopTime } from './instance/stop-time.ts'
import { ChangeWatch } from './intake/change-watch.ts'
import { Consumer } from './intake/consumer.ts'
import { causeOf } from './message/contract.ts'
import type { Cause } from './message/envelope-codec.ts'
import type { Delivery } from './message/message.ts'
import { mirrorTopic } from './message/mirror.ts'
import { Publisher } from './message/publisher.ts'
import { TopicSettings } from './message/topic-settings.ts'
import { type BlockedEvents, blockedEvents } from './operator/blocked-events.ts'
import { type DeadLetters, deadLetters } from './operator/dead-letters.ts'
import { Relay } from './outbox/relay.ts'
import { outsideTransaction } from './outside-transaction.ts'
import { type RuntimeStats, statsOf } from './stats.ts'

/** A running service: the composition root of its parts. Does not own the log and the database: close them after it. */
export interface Runtime extends AsyncDisposable {
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
  publish<E extends AnyEvent>(event: E, payload: PayloadInput<E>, cause?: Partial<Cause>): Promise<string>
  /** A tombstone: a record without a value, for events that declare it. */
  publish<E extends TombstoneEvent>(event: E, payload: null, at: TombstoneKey & Partial<Cause>): Promise<string>
  /** SQL and events in one commit, from outside a handler: an HTTP request, a script. */
  transaction<T>(body: (tx: Transaction) => Promise<T>, cause?: Partial<Cause>): Promise<T>
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
  /** Records that this service could not handle. */
  readonly deadLetters: DeadLetters
  /** Events that the log has refused. */
  readonly outbox: BlockedEvents
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
export function createRuntime(options: RuntimeOptions): Runtime {
  refuseWithoutParts(options)
  return new ServiceRuntime(options)
}

class ServiceRuntime implements Runtime {
  readonly #options: RuntimeOptions
  readonly #engine: Engine
  readonly #relay: Relay
  readonly #parking: Parking
  readonly #lanes: Lanes
  readonly #consumer: Consumer
  readonly #watch: ChangeWatch
  readonly #facts: Facts
  readonly deadLetters: DeadLetters
  readonly outbox: BlockedEvents
  readonly done: Promise<void>
  readonly #stopped = new AbortController()
  #settleDone: { resolve: () => void; reject: (error: Error) => void } = { resolve: () => {}, reject: () => {} }
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined

  constructor(options: RuntimeOptions) {
    this.#options = options
    const clock = options.clock ?? systemClock
    this.#facts = new Facts(options.service.name, options.observe, () => clock.monotonic())
    const engine = this.#build(options)
    this.#engine = engine
    const deliverOne = (delivery: Delivery): ReturnType<typeof deliver> => deliver(engine, delivery)
    this.#relay = new Relay(engine)
    this.#parking = new Parking(engine, deliverOne)
    this.#lanes = new Lanes({
      engine,
      parking: this.#parking,
      deliver: deliverOne,
      onRoom: () => this.#consumer.onRoom(),
    })
    this.#consumer = new Consumer({
      engine,
      lanes: this.#lanes,
      parking: this.#parking,
      startFrom: options.startFrom ?? 'earliest',
      outboxPending: () => this.#relay.pending,
      onClaim: () => this.#relay.refill(),
    })
    this.#watch = new ChangeWatch(engine, {
      claims: () => this.#consumer.claims,
      seen: () => this.#relay.seen,
      sharing: () => this.#relay.sharing,
      onOutbox: () => this.#relay.refill(),
      onDesk: async () => {
        await this.#parking.reload()
        await this.#relay.decided()
      },
    })
    const { database, service, entropy } = engine
    const deps = { database, service, clock, entropy, onChange: () => this.#reload() }
    this.deadLetters = deadLetters(deps)
    this.outbox = blockedEvents(deps)
    this.done = new Promise((resolve, reject) => {
      this.#settleDone = { resolve, reject }
    })
  }

  #build(options: RuntimeOptions): Engine {
    const clock = options.clock ?? systemClock
    const entropy = options.entropy ?? systemEntropy
    // A default must fit the log; what is asked for and does not fit is told at the start.
    const payloadBytesMax = Math.min(limitDefaults.payloadBytesMax, options.log.capabilities.recordBytesMax)
    const { handlersMax } = options.service
    const limits = filled({ ...limitDefaults, payloadBytesMax, handlersMax }, options.limits)
    const database = options.database ?? noDatabase
    const tell = (fact: RaisedFact): void => this.#facts.tell(fact)
    const topics = new TopicSettings(options.log)
    const readBack = options.readBack ?? 'when-changed'
    const sizes = { payload: limits.payloadBytesMax, topics }
    const onOutbox = (rows: Parameters<Relay['push']>[0]): void => this.#relay.push(rows)
    return {
      service: options.service,
      log: options.log,
      database: inLedger(database),
      ownDatabase: database,
      clock,
      entropy,
      limits,
      ledger: { id: null },
      mirror: options.mirrorDeadLetters ?? false,
      instance: options.instance ?? `${options.service.name}-${entropy.hex(4)}`,
      publisher: new Publisher(options.service, { clock, entropy, readBack }, sizes),
      topics,
      committer: new Committer({
        database,
        clock,
        inboxWindowMs: limits.inboxWindowMs,
        random: entropy.random,
        onTrouble: (error) => tell({ kind: 'trouble', where: 'database', error }),
        onOutbox,
      }),
      slots: new Slots(limits.handlersMax),
      caller: options.caller,
      gate: new CallGate(options.service, options.caller?.dependencies, entropy.random),
      watch: new DeadlineWatch(clock),
      stopping: this.#stopped.signal,
      tell,
      halt: (error) => this.#halt(error),
    }
  }

  start(): Promise<void> {
    // It would resolve, and nothing would run. A start that failed says why once more.
    if (this.#stopping !== undefined) return this.#startAfterStop()
    this.#starting ??= outsideUnits(() => this.#start().catch((error) => this.#startFailed(error)))
    return this.#starting
  }

  async #startAfterStop(): Promise<never> {
    await this.#starting
    throw this.#closed()
  }

  async #start(): Promise<void> {
    const { service, log, database, instance, clock, entropy, ledger } = this.#engine
    const problems = bootProblems(this.#options, this.#engine.limits)
    if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
    if (this.#options.database !== undefined) {
      await openLedger(database, service.name, clock.now())
      ledger.id = await ledgerId(database, () => entropy.uuid())
    }
    const topics = topicsOf(service)
    const all = this.#engine.mirror ? [...topics, mirrorTopic(service.name)] : topics
    await log.ensureTopics(all)
    await this.#learnTopics(all.map(({ name }) => name))
    this.#engine.tell?.({ kind: 'started', instance })
    if (this.#options.database === undefined) return
    this.#relay.refill()
    await this.#watch.start()
    await waitUntilAlone(this.#engine)
    await this.#consumer.start()
  }

  /** A topic that cannot be asked at the moment must not keep the service from the others. */
  async #learnTopics(names: readonly string[]): Promise<void> {
    const { topics, tell, clock } = this.#engine
    const learning = topics.learn(names).catch((error) => tell?.({ kind: 'trouble', where: 'log', error }))
    await new StopTime(clock, 0).sees(learning)
  }

  /** Who hears that a start has failed sees nothing to stop, and closes the database: what has begun must not go on. */
  async #startFailed(error: unknown): Promise<never> {
    // A stop that waits for this start goes on when it rejects.
    if (this.#stopping === undefined) {
      this.#stopped.abort()
      this.#stopping = this.#end(new StopTime(this.#engine.clock, 0))
      await this.#stopping
    }
    throw error
  }

  stop(options: { readonly drainMs?: number } = {}): Promise<void> {
    const problems = optionProblems(stopOptions, options, 'stop: ')
    if (problems.length > 0) return Promise.reject(new FirebreakError('FB_CONFIG', { problems: problems.join('\n') }))
    this.#stopped.abort()
    this.#stopping ??= outsideUnits(() => this.#stop(options.drainMs ?? this.#engine.limits.drainMs))
    return this.#stopping
  }

  async #stop(drainMs: number): Promise<void> {
    const time = new StopTime(this.#engine.clock, drainMs)
    if (this.#starting !== undefined) await time.sees(this.#starting)
    await this.#end(time)
  }

  async #end(time: StopTime): Promise<void> {
    this.#watch.stop()
    this.#lanes.stop()
    this.#parking.stop()
    const drained = await this.#consumer.stop(time)
    if (this.#options.database !== undefined) await this.#relay.stop(time)
    const { committer } = this.#engine
    if (await time.sees(committer.idle())) await time.sees(committer.end())
    this.#engine.watch.stop()
    this.#engine.tell?.({ kind: 'stopped', drained })
    this.#settleDone.resolve()
  }

  async publish(event: AnyEvent, payload: unknown, given?: Partial<Cause> & Partial<TombstoneKey>): Promise<string> {
    this.#refuseWhenStopped()
    const made = this.#engine.publisher.record(event, payload, causeOf(event, given), { at: given })
    const record = made instanceof Promise ? await made : made
    await this.#engine.log.append([record])
    return record.headers['ce_id'] as string
  }

  async transaction<T>(body: (tx: Transaction) => Promise<T>, cause?: Partial<Cause>): Promise<T> {
    this.#refuseWhenStopped()
    return outsideTransaction(this.#engine, { body, cause, outboxPending: this.#relay.pending })
  }

  async call<C extends AnyCallSignature>(
    definition: C,
    request: CallRequest<C>,
    options?: CallOptions,
  ): Promise<CallResponse<C>> {
    this.#refuseWhenStopped()
    const { service, caller } = this.#engine
    const isDeclared = [...service.calls].some((one) => one === (definition as unknown))
    if (isDeclared && caller !== undefined) return caller.call(definition, request, options)
    throw new FirebreakError('FB_NOT_CALLABLE', { who: `service ${service.name}`, call: definition.name })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  on<K extends Fact['kind']>(kind: K, listener: FactListener<K>): () => void {
    return this.#facts.on(kind, listener)
  }

  health(): Health {
    const { limits, clock } = this.#engine
    const isStopping = this.#stopping !== undefined || this.#stopped.signal.aborted
    const outbox = { pending: this.#relay.pending, max: limits.outboxMax }
    return healthOf({ facts: this.#facts, isStopping, outbox, nowMs: clock.monotonic() })
  }

  stats(): RuntimeStats {
    return statsOf(this.#engine, {
      claims: this.#consumer.claims,
      held: this.#lanes.held,
      parked: this.#parking.count,
      relay: this.#relay,
    })
  }

  #reload(): void {
    if (this.#starting === undefined || this.#stopping !== undefined) return
    const reloads = [this.#parking.reload(), this.#relay.decided()]
    Promise.all(reloads).catch((error) => this.#engine.tell?.({ kind: 'trouble', where: 'database', error }))
  }

  #halt(error: Error): void {
    this.#stopped.abort()
    this.#engine.tell?.({ kind: 'halted', error })
    this.#settleDone.reject(error)
    // At once: what comes next in a lane must not overtake the record that could not be settled.
    this.#lanes.stop()
    this.#parking.stop()
    nextTurn(() => void this.stop({ drainMs: 0 }))
  }

  #refuseWhenStopped(): void {
    if (this.#stopping !== undefined) throw this.#closed()
  }

  #closed(): FirebreakError {
    return new FirebreakError('FB_CLOSED', { what: `the runtime of ${this.#engine.service.name}` })
  }
}
