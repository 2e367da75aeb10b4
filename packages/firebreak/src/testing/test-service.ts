import type { Database } from '../contracts/database.ts'
import type { Entropy } from '../contracts/entropy.ts'
import { FirebreakError, invariant } from '../contracts/errors.ts'
import type { Log } from '../contracts/log.ts'
import type { ServiceDefinition } from '../define/service.ts'
import { type LedgerReport, verifyLedger } from '../ledger/verify/verify.ts'
import { type DeadLetters, deadLetters } from '../runtime/operator/dead-letters.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Life } from './life.ts'
import type { VirtualClock } from './virtual-time/virtual-clock.ts'

/** One service of a test: its database, and its instances, of which there is one at the start. */
export interface TestService {
  readonly definition: ServiceDefinition
  /** Its own database. It survives crashes. */
  readonly database: Database
  /** Its dead letters; also while no instance of it lives, as an operator would look at them. */
  readonly deadLetters: DeadLetters
  /** The running instance that was started last. */
  readonly runtime: Runtime
  /** How many of its instances live. */
  readonly instances: number
  /** Port calls that the newest instance has made: the range for `crashAt`. */
  readonly portCalls: number
  /** The newest instance vanishes, as if its process were killed; nothing of it runs or commits afterwards. */
  crash(): Promise<void>
  /** The same at its `call`-th port call from now: `before` that call takes effect, or `after` it did. */
  crashAt(call: number, when?: 'before' | 'after'): void
  /**
   * Starts an instance: after a crash, or beside those that run. They share the partitions. Its wall clock is `aheadMs`
   * ahead of that of the test, or behind it below 0.
   */
  restart(aheadMs?: number): Promise<void>
  /** Sets the wall clock of the newest instance `ms` forward, or back below 0; `clock.jump` does so for all. */
  jump(ms: number): void
  /** Stops the newest instance in good order. Let time pass when handlers wait on the clock. */
  stop(): Promise<void>
  /** Adds up its ledger and compares it with the log. */
  ledger(): Promise<LedgerReport>
}

export interface TestInstance {
  readonly life: Life
  readonly runtime: Runtime
}

/** What a service of a test needs of its system. */
interface Surroundings {
  readonly clock: VirtualClock
  readonly entropy: Entropy
  readonly log: Log
  readonly database: Database
  readonly open: (service: ServiceDefinition, database: Database, aheadMs: number) => TestInstance
}

const stopMaxMs = 600_000

export class ServiceUnderTest implements TestService {
  readonly definition: ServiceDefinition
  readonly database: Database
  readonly #system: Surroundings
  /** Living and dead, oldest first. */
  readonly #instances: TestInstance[] = []

  constructor(definition: ServiceDefinition, system: Surroundings) {
    this.definition = definition
    this.database = system.database
    this.#system = system
  }

  get runtime(): Runtime {
    return this.#newest.runtime
  }

  get deadLetters(): DeadLetters {
    const { life, runtime } = this.#newest
    if (!life.ended) return runtime.deadLetters
    // What is replayed while the service is down waits for its next start.
    const { clock, entropy } = this.#system
    return deadLetters({ database: this.database, service: this.definition, clock, entropy, onChange: () => {} })
  }

  get instances(): number {
    return this.#living.length
  }

  get portCalls(): number {
    return this.#newest.life.calls
  }

  async crash(): Promise<void> {
    this.#newest.life.end()
    await this.#system.clock.settle()
  }

  crashAt(call: number, when: 'before' | 'after' = 'before'): void {
    this.#newest.life.endAt(call, when)
  }

  async restart(aheadMs = 0): Promise<void> {
    const { clock, open } = this.#system
    const instance = open(this.definition, this.database, aheadMs)
    // What has died is succeeded by it.
    this.#instances.splice(0, this.#instances.length, ...this.#living, instance)
    const started = instance.runtime.start()
    // A process that cannot start ends.
    started.catch(() => instance.life.end())
    await clock.settle()
    // A fault may keep it from starting until time passes; a set-up that is wrong is known at once.
    await Promise.race([started, clock.settle()])
  }

  jump(ms: number): void {
    this.#newest.life.jump(ms)
  }

  async stop(): Promise<void> {
    const instance = this.#newest
    this.#instances.splice(this.#instances.indexOf(instance), 1)
    await this.#stopped([instance])
  }

  ledger(): Promise<LedgerReport> {
    return verifyLedger(this.database, { inspection: this.#system.log.inspect(), group: this.definition.name })
  }

  /** The end of the test: all of its instances, and then the database. */
  async close(): Promise<void> {
    await this.#stopped(this.#living)
    for (const { life } of this.#instances) life.end()
    await this.database.close()
  }

  get #living(): readonly TestInstance[] {
    return this.#instances.filter(({ life }) => !life.ended)
  }

  get #newest(): TestInstance {
    const newest = this.#living.at(-1) ?? this.#instances.at(-1)
    if (newest === undefined)
      throw new FirebreakError('FB_CONFIG', { problems: `${this.definition.name} has no instance any more` })
    return newest
  }

  /** Lets time pass until these instances have stopped, or died on the way: what stops waits for what runs. */
  async #stopped(instances: readonly TestInstance[]): Promise<void> {
    const { clock } = this.#system
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
    const untilMs = clock.monotonic() + stopMaxMs
    await clock.settle()
    while (instances.some(({ life }) => !life.ended)) {
      invariant(clock.monotonic() < untilMs, `a runtime stops within ${stopMaxMs} virtual ms`)
      await clock.advance(Math.max(1, (clock.nextAtMs ?? 0) - clock.now()))
    }
    if (error !== undefined) throw error
  }
}
