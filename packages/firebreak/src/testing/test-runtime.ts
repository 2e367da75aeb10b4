import type { Database } from '../contracts/database.ts'
import type { Entropy } from '../contracts/entropy.ts'
import type { Envelope } from '../contracts/envelope.ts'
import { FirebreakError, invariant } from '../contracts/errors.ts'
import type { AnyEvent, Payload, PayloadInput, TombstoneEvent, TombstoneKey } from '../contracts/event.ts'
import type { Fact } from '../contracts/journal.ts'
import type { Log, LogEntry, Position } from '../contracts/log.ts'
import { listProblems, type OptionTable, optionProblems, other } from '../contracts/option.ts'
import { type ServiceDefinition, service } from '../define/service.ts'
import { type LedgerReport, verifyLedger } from '../ledger/verify/verify.ts'
import type { Fetch } from '../node/fetch.ts'
import { createCaller } from '../runtime/calls/caller.ts'
import type { Limits } from '../runtime/instance/limits.ts'
import { envelopeOf, parsePayload } from '../runtime/message/envelope-codec.ts'
import { type LetterDesk, letterDesk } from '../runtime/operator/letter-desk.ts'
import { createRuntime, type Runtime } from '../runtime/runtime.ts'
import { sqliteDatabase } from '../sqlite/database/sqlite-database.ts'
import { type Around, aroundDatabase, aroundLog } from './around.ts'
import { Life } from './life.ts'
import { memoryLog } from './memory-log/memory-log.ts'
import { memoryLogStore } from './memory-log/memory-log-store.ts'
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
  /** Every fact of every instance, with the name of its service. */
  readonly observe?: (fact: Fact, serviceName: string) => void
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
}

/** An event as it stands in the log. */
export interface PublishedEvent<P = unknown> {
  readonly event: AnyEvent
  readonly payload: P
  readonly envelope: Envelope
  readonly key: string | null
  readonly at: Position
}

const stopMaxMs = 600_000

/** A system of services in one test: one memory log, one database per service, virtual time. */
export interface TestRuntime {
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
  /** The service's own database. It survives crashes. */
  database(serviceName: string): Database
  letters(serviceName: string): LetterDesk
  /** The running instance that was started last. */
  runtime(serviceName: string): Runtime
  /** Appends the same record once more: a duplicate, with the same event id. */
  redeliver(eventId: string): Promise<void>
  /** The newest instance vanishes, as if its process were killed; nothing of it runs or commits afterwards. */
  crash(serviceName: string): Promise<void>
  /** The same at its `call`-th port call from now: `before` that call takes effect, or `after` it did. */
  crashAt(serviceName: string, call: number, when?: 'before' | 'after'): void
  /** Instances of a service that live. */
  instances(serviceName: string): number
  /** Port calls that the newest instance has made: the range for `crashAt`. */
  calls(serviceName: string): number
  /**
   * Starts an instance: after a crash, or beside those that run. They share the partitions. Its wall clock is `aheadMs`
   * ahead of that of the test, or behind it below 0.
   */
  restart(serviceName: string, aheadMs?: number): Promise<void>
  /** Sets the wall clock of the newest instance `ms` forward, or back below 0; `clock.jump` does so for all. */
  jump(serviceName: string, ms: number): void
  /** Stops the newest instance in good order. Let time pass when handlers wait on the clock. */
  leave(serviceName: string): Promise<void>
  /** Adds up the ledger of a service and compares it with the log. */
  ledger(serviceName: string): Promise<LedgerReport>
  /** Stops everything and closes the databases. Call it at the end of every test. */
  stop(): Promise<void>
}

/**
 * Starts services for a test, without network, disk or real time.
 *
 *     const app = await createTestRuntime({ services: [invoicing] })
 *     await app.publish(RouteCalculated, { routeId: 'r1', truckId: 't7' })
 *     const [invoice] = await app.published(InvoiceGenerated)
 *     assert.equal(invoice?.payload.truckId, 't7')
 *
 *     await app.crash('invoicing')
 *     await app.publish(RouteCalculated, { routeId: 'r2', truckId: 't7' })
 *     await app.restart('invoicing')
 *     assert.equal((await app.published(InvoiceGenerated)).length, 2)
 *     assert.ok((await app.ledger('invoicing')).ok)
 *     await app.stop()
 *
 * **Errors** those of `Runtime.start`; `FB_CONFIG` for a service name that is not there.
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

interface Instance {
  readonly life: Life
  readonly runtime: Runtime
}

interface Place {
  readonly service: ServiceDefinition
  readonly database: Database
  /** Living and dead, oldest first. */
  readonly instances: Instance[]
}

class TestSystem implements TestRuntime {
  readonly clock: VirtualClock
  readonly entropy: Entropy
  readonly log: Log
  readonly #options: TestRuntimeOptions
  readonly #store = memoryLogStore()
  readonly #places = new Map<string, Place>()
  readonly #events: ReadonlyMap<string, AnyEvent>
  readonly #outside: Runtime
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
    this.#outside = createRuntime({ service: outside, log, clock, entropy, instance: 'outside', readBack: 'always' })
    for (const one of options.services) {
      const database = sqliteDatabase({ path: ':memory:', clock, entropy })
      this.#places.set(one.name, { service: one, database, instances: [] })
    }
  }

  async start(): Promise<void> {
    await this.#outside.start()
    for (const { service: one, database } of this.#places.values()) {
      await this.#options.prepare?.(database, one.name)
      await this.restart(one.name)
    }
  }

  async publish(event: AnyEvent, payload: unknown, at?: TombstoneKey): Promise<string> {
    const id = await this.#outside.publish(event, payload as null, at as TombstoneKey)
    await this.settle()
    return id
  }

  settle(): Promise<void> {
    return this.clock.settle()
  }

  advance(ms: number): Promise<void> {
    return this.clock.advance(ms)
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

  database(serviceName: string): Database {
    return this.#place(serviceName).database
  }

  letters(serviceName: string): LetterDesk {
    const { life, runtime } = this.#newest(serviceName)
    if (!life.ended) return runtime.letters
    // As an operator would while the service is down: what is replayed waits for its next start.
    const { service: one, database } = this.#place(serviceName)
    return letterDesk({ database, service: one, clock: this.clock, entropy: this.entropy, onChange: () => {} })
  }

  runtime(serviceName: string): Runtime {
    return this.#newest(serviceName).runtime
  }

  async redeliver(eventId: string): Promise<void> {
    const entry = (await this.#entries()).find((one) => one.headers['ce_id'] === eventId)
    if (entry === undefined) throw new FirebreakError('FB_CONFIG', { problems: `event ${eventId} is not in the log` })
    const { offset: _, atMs: __, ...record } = entry
    await this.log.append([record])
    await this.settle()
  }

  async crash(serviceName: string): Promise<void> {
    this.#newest(serviceName).life.end()
    await this.settle()
  }

  crashAt(serviceName: string, call: number, when: 'before' | 'after' = 'before'): void {
    this.#newest(serviceName).life.endAt(call, when)
  }

  instances(serviceName: string): number {
    return this.#place(serviceName).instances.filter(({ life }) => !life.ended).length
  }

  calls(serviceName: string): number {
    return this.#newest(serviceName).life.calls
  }

  jump(serviceName: string, ms: number): void {
    this.#newest(serviceName).life.jump(ms)
  }

  async restart(serviceName: string, aheadMs = 0): Promise<void> {
    const place = this.#place(serviceName)
    const instance = this.#instanceOf(place, aheadMs)
    place.instances.push(instance)
    const started = instance.runtime.start()
    // A process that cannot start ends.
    started.catch(() => instance.life.end())
    await this.settle()
    // A fault may keep it from starting until time passes; a set-up that is wrong is told at once.
    await Promise.race([started, this.settle()])
  }

  async leave(serviceName: string): Promise<void> {
    const place = this.#place(serviceName)
    const instance = this.#newest(serviceName)
    place.instances.splice(place.instances.indexOf(instance), 1)
    await this.#stopped([instance])
  }

  ledger(serviceName: string): Promise<LedgerReport> {
    return verifyLedger(this.database(serviceName), { inspection: this.log.inspect(), group: serviceName })
  }

  async stop(): Promise<void> {
    for (const { instances, database } of this.#places.values()) {
      const living = instances.filter(({ life }) => !life.ended)
      await this.#stopped(living)
      for (const { life } of instances) life.end()
      await database.close()
    }
    await this.#outside.stop()
    await this.log.close()
  }

  /** Lets time pass until these instances have stopped, or died on the way: what stops waits for what runs. */
  async #stopped(instances: readonly Instance[]): Promise<void> {
    let error: unknown
    for (const { runtime, life } of instances) {
      runtime.stop().then(
        () => life.end(),
        (reason) => {
          error = reason
          life.end()
        },
      )
    }
    const untilMs = this.clock.monotonic() + stopMaxMs
    await this.settle()
    while (instances.some(({ life }) => !life.ended)) {
      invariant(this.clock.monotonic() < untilMs, `a runtime stops within ${stopMaxMs} virtual ms`)
      await this.advance(Math.max(1, (this.clock.nextAtMs ?? 0) - this.clock.now()))
    }
    if (error !== undefined) throw error
  }

  #instanceOf({ service: one, database }: Place, aheadMs: number): Instance {
    const life = new Life(() => void handle.close())
    life.jump(aheadMs)
    const clock = life.clock(this.clock)
    // A log of another machine, with a clock of its own.
    const handle = memoryLog({ clock: this.clock, store: this.#store })
    const { around, fetch, limits, observe } = this.#options
    const [log, own] =
      around === undefined ? [handle, database] : [aroundLog(handle, around), aroundDatabase(database, around)]
    const ownWay = {
      clock,
      entropy: this.entropy,
      observe: (fact: Fact): unknown => life.ended || observe?.(fact, one.name),
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

  #place(serviceName: string): Place {
    const place = this.#places.get(serviceName)
    if (place === undefined) throw new FirebreakError('FB_CONFIG', { problems: `there is no service ${serviceName}` })
    return place
  }

  #newest(serviceName: string): Instance {
    const { instances } = this.#place(serviceName)
    const newest = instances.findLast(({ life }) => !life.ended) ?? instances.at(-1)
    if (newest === undefined) throw new FirebreakError('FB_CONFIG', { problems: `${serviceName} has left` })
    return newest
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
