import type { Database } from '../contracts/database.ts'
import type { Entropy } from '../contracts/entropy.ts'
import type { Envelope } from '../contracts/envelope.ts'
import { FirebreakError } from '../contracts/errors.ts'
import type { AnyEvent, Payload, PayloadInput, TombstoneEvent, TombstoneKey } from '../contracts/event.ts'
import type { Fact } from '../contracts/journal.ts'
import type { Log, LogEntry, Position } from '../contracts/log.ts'
import { flag, listProblems, type OptionTable, optionProblems, other } from '../contracts/option.ts'
import { fieldOf, textOf } from '../contracts/text/text-of.ts'
import { type ServiceDefinition, service } from '../define/service.ts'
import { systemClock } from '../node/clock.ts'
import type { Fetch } from '../node/fetch.ts'
import { createCaller } from '../runtime/calls/caller.ts'
import type { Limits } from '../runtime/instance/limits.ts'
import { envelopeOf, parsePayload } from '../runtime/message/envelope-codec.ts'
import { Warnings } from '../runtime/operator/warnings.ts'
import { createRuntime, type Runtime } from '../runtime/runtime.ts'
import { sqliteDatabase } from '../sqlite/database/sqlite-database.ts'
import { type Around, aroundDatabase, aroundLog } from './around.ts'
import { Life } from './life.ts'
import { memoryLog } from './memory-log/memory-log.ts'
import { memoryLogStore } from './memory-log/memory-log-store.ts'
import { ServiceUnderTest, type TestInstance, type TestService } from './test-service.ts'
import { UnexpectedLetters } from './unexpected-letters.ts'
import { seededEntropy, seedOption } from './virtual-time/seeded-entropy.ts'
import { startOption, type VirtualClock, virtualClock } from './virtual-time/virtual-clock.ts'

export interface TestRuntimeOptions {
  readonly services: readonly ServiceDefinition[]
  /** Decides every draw; default 1. */
  readonly seed?: number
  readonly limits?: Partial<Limits>
  readonly startMs?: number
  /** Runs once per service before it starts: its own tables. */
  readonly prepare?: (database: Database, serviceName: string) => Promise<unknown>
  /** Stands between every instance and its ports: faults, counters. */
  readonly around?: Around
  /** Answers what services call: the pricing service is at `http://pricing`. Let it wait on the clock of the test. */
  readonly fetch?: Fetch
  /**
   * Every fact of every instance, with the name of its service. Without it, failed attempts are printed on stderr, unless dead letters
   * are expected; `false` prints nothing.
   */
  readonly observe?: ((fact: Fact, serviceName: string) => void) | false
  /** Whether dead letters are the point of this test; otherwise (default) each of them fails it. */
  readonly expectDeadLetters?: boolean
}

export const testRuntimeOptions: OptionTable<TestRuntimeOptions> = {
  services: other,
  seed: seedOption,
  limits: other,
  startMs: startOption,
  prepare: other,
  around: other,
  fetch: other,
  observe: other,
  expectDeadLetters: flag({ default: false, meaning: 'whether a dead letter is no failure of the test' }),
}

/** An event as it stands in the log. */
export interface PublishedEvent<P = unknown> {
  readonly event: AnyEvent
  readonly payload: P
  readonly envelope: Envelope
  readonly key: string | null
  readonly at: Position
}

/**
 * A system of services in one test: one memory log, one database per service, virtual time.
 *
 * **Errors** `FB_DEAD_LETTER_UNEXPECTED` of whatever lets the services work, and of `stop`, for a dead letter that the test does
 * not expect; with the cause of its first one.
 */
export interface TestRuntime extends AsyncDisposable {
  readonly clock: VirtualClock
  readonly entropy: Entropy
  readonly log: Log
  /** Publishes from outside any service, and lets everything that it sets off happen. Resolves to the event id. */
  publish<E extends AnyEvent>(event: E, payload: PayloadInput<E>): Promise<string>
  publish<E extends TombstoneEvent>(event: E, payload: null, at: TombstoneKey): Promise<string>
  /** Resolves when everything is done, or asleep on the virtual clock. */
  settle(): Promise<void>
  /** Lets virtual time pass; see `VirtualClock`. */
  advance(ms: number): Promise<void>
  /**
   * What is in the log, in the order of the ids, which is that in which it was made while no clock jumps; of one event, or
   * of all. Copies are listed too.
   */
  published(): Promise<readonly PublishedEvent[]>
  published<E extends AnyEvent>(event: E): Promise<readonly PublishedEvent<Payload<E>>[]>
  /** In the order in which they were given. */
  readonly services: readonly TestService[]
  /** The handle of one of them: its database, its dead letters, its instances. **Errors** `FB_CONFIG` for another service. */
  service(definition: ServiceDefinition): TestService
  /** Appends the same record once more: a duplicate, with the same event id. */
  redeliver(eventId: string): Promise<void>
  /** Stops everything and closes the databases; `await using` does it at the end of the test, also when that fails. */
  stop(): Promise<void>
}

/**
 * Starts services for a test, without network, disk or real time.
 *
 * **Errors** those of `Runtime.start`; `FB_CONFIG` for options that cannot be.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { event, handle, service } from 'firebreak'
 * import { createTestRuntime } from 'firebreak/testing'
 * import { z } from 'zod'
 *
 * const schema = z.object({ orderId: z.string() })
 * const OrderPlaced = event({ type: 'order.placed', topic: 'orders', key: 'orderId', schema })
 * const OrderBilled = event({ type: 'order.billed', topic: 'bills', key: 'orderId', schema })
 * const onOrder = handle(OrderPlaced, (order, ctx) => ctx.publish(OrderBilled, order))
 * const billing = service({ name: 'billing', handlers: [onOrder], publishes: [OrderBilled] })
 *
 * await using app = await createTestRuntime({ services: [billing] })
 * await app.publish(OrderPlaced, { orderId: '4711' })
 * await app.service(billing).crash()
 * await app.publish(OrderPlaced, { orderId: '4712' })
 * await app.service(billing).restart()
 * assert.equal((await app.published(OrderBilled)).length, 2)
 * assert.ok((await app.service(billing).ledger()).ok)
 * ```
 */
export async function createTestRuntime(options: TestRuntimeOptions): Promise<TestRuntime> {
  const problems = [
    ...optionProblems(testRuntimeOptions, options),
    ...listProblems('services', options?.services, 'service'),
  ]
  if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
  const system = new TestSystem(options)
  await system.start()
  return system
}

class TestSystem implements TestRuntime {
  readonly clock: VirtualClock
  readonly entropy: Entropy
  readonly log: Log
  readonly #options: TestRuntimeOptions
  readonly #store = memoryLogStore()
  readonly services: readonly ServiceUnderTest[]
  readonly #events: ReadonlyMap<string, AnyEvent>
  readonly #outside: Runtime
  readonly #letters = new UnexpectedLetters()
  #names = 0

  constructor(options: TestRuntimeOptions) {
    this.#options = options
    this.clock = virtualClock(options.startMs)
    this.entropy = seededEntropy(options.seed ?? 1, this.clock)
    this.log = memoryLog({ clock: this.clock, store: this.#store })
    this.#events = eventsOf(options.services)
    // Not by `service`: some of them may be events that the services only handle.
    const outside = { ...service({ name: 'outside' }), publishes: new Set(this.#events.values()) }
    const { clock, entropy, log } = this
    this.#outside = createRuntime({
      service: outside,
      log,
      clock,
      entropy,
      instance: 'outside',
      readBack: 'always',
      observe: false,
    })
    this.services = options.services.map((one) => {
      const database = sqliteDatabase({ path: ':memory:', clock, entropy })
      const open = (...of: Parameters<TestSystem['instanceOf']>): TestInstance => this.instanceOf(...of)
      return new ServiceUnderTest(one, { clock, entropy, log, database, open })
    })
  }

  async start(): Promise<void> {
    await this.#outside.start()
    for (const one of this.services) {
      await this.#options.prepare?.(one.database, one.definition.name)
      await one.restart()
    }
  }

  async publish(event: AnyEvent, payload: unknown, at?: TombstoneKey): Promise<string> {
    const id = await this.#outside.publish(event, payload as null, at as TombstoneKey)
    await this.settle()
    return id
  }

  async settle(): Promise<void> {
    await this.clock.settle()
    this.#letters.refuse()
  }

  async advance(ms: number): Promise<void> {
    await this.clock.advance(ms)
    this.#letters.refuse()
  }

  published<E extends AnyEvent>(event?: E): Promise<readonly PublishedEvent<Payload<E>>[]>
  async published(event?: AnyEvent): Promise<readonly PublishedEvent[]> {
    const found: PublishedEvent[] = []
    for (const entry of await this.#entries()) {
      const one = this.#decoded(entry)
      if (one !== undefined && (event === undefined || one.event === event)) found.push(one)
    }
    return found.sort((a, b) => (a.envelope.id < b.envelope.id ? -1 : a.envelope.id > b.envelope.id ? 1 : 0))
  }

  service(definition: ServiceDefinition): TestService {
    const found = this.services.find((one) => one.definition === definition)
    if (found !== undefined) return found
    const name = textOf(fieldOf(definition, 'name'), 100)
    throw new FirebreakError('FB_CONFIG', { problems: `${name} is none of the services of this test` })
  }

  async redeliver(eventId: string): Promise<void> {
    const entry = (await this.#entries()).find((one) => one.headers['ce_id'] === eventId)
    if (entry === undefined) throw new FirebreakError('FB_CONFIG', { problems: `event ${eventId} is not in the log` })
    const { offset: _, atMs: __, ...record } = entry
    await this.log.append([record])
    await this.settle()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async stop(): Promise<void> {
    for (const one of this.services) await one.close()
    await this.#outside.stop()
    await this.log.close()
    this.#letters.refuse()
  }

  instanceOf(one: ServiceDefinition, database: Database, aheadMs: number): TestInstance {
    const life = new Life(() => void handle.close())
    life.jump(aheadMs)
    const clock = life.clock(this.clock)
    // A log of another machine, with a clock of its own.
    const handle = memoryLog({ clock: this.clock, store: this.#store })
    const { around, fetch, limits } = this.#options
    const hear = this.#listener(one.name)
    const [log, own] =
      around === undefined ? [handle, database] : [aroundLog(handle, around), aroundDatabase(database, around)]
    const ownWay = {
      clock,
      entropy: this.entropy,
      observe: (fact: Fact): unknown => life.ended || hear(fact),
    }
    const endpoints = Object.fromEntries([...one.calls].map(({ to }) => [to, `http://${to}`]))
    const runtime = createRuntime({
      service: one,
      log: aroundLog(log, life),
      database: aroundDatabase(own, life),
      ...(fetch === undefined ? {} : { caller: createCaller({ ...ownWay, endpoints, fetch }) }),
      instance: `${one.name}-${++this.#names}`,
      readBack: 'always',
      ...ownWay,
      ...(limits === undefined ? {} : { limits }),
    })
    // A test that expects a halt looks at `done` itself; for all others it must not end the process.
    runtime.done.catch(() => undefined)
    return { life, runtime }
  }

  #listener(service: string): (fact: Fact) => unknown {
    const { observe: given, expectDeadLetters = false } = this.#options
    const observe = given === false ? undefined : given
    if (expectDeadLetters) return (fact) => observe?.(fact, service)
    // In real time: a test that runs through hours prints few lines too.
    const warnings = given === undefined ? new Warnings(service, systemClock) : undefined
    return (fact) => {
      this.#letters.add(fact, service)
      // A dead letter fails the test.
      if (fact.kind !== 'dead-lettered') warnings?.hear(fact)
      return observe?.(fact, service)
    }
  }

  async #entries(): Promise<readonly LogEntry[]> {
    const inspection = this.log.inspect()
    const all: LogEntry[] = []
    for (const topic of await inspection.topics()) {
      for (const { partition, first, next } of topic.ends) {
        all.push(...(await inspection.read({ topic: topic.name, partition, offset: first }, next - first)))
      }
    }
    return all
  }

  #decoded(entry: LogEntry): PublishedEvent | undefined {
    const event = this.#events.get(entry.headers['ce_type'] ?? '')
    if (event === undefined) return undefined
    try {
      const { topic, partition, offset, key } = entry
      const at = { topic, partition, offset }
      const payload = entry.value === null && event.tombstone ? null : parsePayload(entry.value)
      return { event, payload, envelope: envelopeOf(entry), key, at }
    } catch {
      return undefined
    }
  }
}

function eventsOf(services: readonly ServiceDefinition[]): ReadonlyMap<string, AnyEvent> {
  const events = new Map<string, AnyEvent>()
  for (const one of services) {
    for (const { event } of one.handlers.values()) events.set(event.type, event)
    for (const event of one.publishes) events.set(event.type, event)
  }
  return events
}
