import { FirebreakError } from '../contracts/errors.ts'
import { optionProblems } from '../contracts/option.ts'
import { topicsOf } from '../define/topics-of.ts'
import { ledgerId } from '../ledger/ledger-id.ts'
import { openLedger } from '../ledger/schema.ts'
import { outsideUnits } from '../node/open-units.ts'
import { nextTurn } from '../node/turn.ts'
import { bootProblems, waitForOtherMembers } from './instance/boot-checks.ts'
import { stopOptions } from './instance/limits.ts'
import type { RuntimeOptions } from './instance/runtime-options.ts'
import { ShutdownBudget } from './instance/shutdown-budget.ts'
import { mirrorTopic } from './message/mirror.ts'
import type { Parts } from './wiring.ts'

/**
 * Starts and stops the parts of an instance, in their order.
 *
 *     new -> starting -> running -> stopping -> stopped     a start that fails, and a halt, go on to stopping by themselves
 *
 * I1 Each of them happens once. What has begun to stop does not start, and is the same stop for everybody.
 * I2 A halt starts nothing more in the turn in which it comes: what follows in a lane must not overtake the record that could not
 *    be settled.
 */
export class Lifecycle {
  readonly #options: RuntimeOptions
  readonly #parts: Parts
  readonly #done = Promise.withResolvers<void>()
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined

  constructor(options: RuntimeOptions, parts: Parts) {
    this.#options = options
    this.#parts = parts
    parts.runState.onHalt((error) => this.#halted(error))
  }

  /** Resolves when the instance has stopped, rejects when it had to halt. */
  get done(): Promise<void> {
    return this.#done.promise
  }

  get isRunning(): boolean {
    return this.#starting !== undefined && this.#stopping === undefined
  }

  /** **Errors** `FB_CLOSED` from the stop on. */
  refuseWhenStopped(): void {
    if (this.#stopping !== undefined) throw this.#closed()
  }

  start(): Promise<void> {
    // It would resolve, and nothing would run. A start that failed says why once more.
    if (this.#stopping !== undefined) return this.#startAfterStop()
    this.#starting ??= outsideUnits(() => this.#start().catch((error) => this.#startFailed(error)))
    return this.#starting
  }

  stop(options: { readonly drainMs?: number } = {}): Promise<void> {
    const problems = optionProblems(stopOptions, options, 'stop: ')
    if (problems.length > 0) return Promise.reject(new FirebreakError('FB_CONFIG', { problems: problems.join('\n') }))
    const { instance, runState } = this.#parts
    runState.stop()
    this.#stopping ??= outsideUnits(() => this.#stop(options.drainMs ?? instance.limits.drainMs))
    return this.#stopping
  }

  async #startAfterStop(): Promise<never> {
    await this.#starting
    throw this.#closed()
  }

  async #start(): Promise<void> {
    const { instance, relay, changes, consumer, jobs, schedules } = this.#parts
    const { service, log, database, name, clock, entropy, ledger, limits, emit } = instance
    const sinceMs = clock.monotonic()
    const problems = bootProblems(this.#options, limits)
    if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
    if (this.#hasDatabase) {
      await openLedger(database, service.name, clock.now())
      ledger.id = await ledgerId(database, () => entropy.uuid())
    }
    const topics = instance.mirror ? [...topicsOf(service), mirrorTopic(service.name)] : topicsOf(service)
    await log.ensureTopics(topics)
    await this.#learnTopics(topics.map(({ name }) => name))
    emit({ kind: 'started', instance: name, durationMs: clock.monotonic() - sinceMs })
    if (!this.#hasDatabase) return
    relay.refill()
    await changes.start()
    await waitForOtherMembers(instance)
    await consumer.start()
    await jobs.start()
    await schedules.start()
  }

  /** A topic that cannot be asked at the moment must not keep the service from the others. */
  async #learnTopics(names: readonly string[]): Promise<void> {
    const { topics, emit, clock } = this.#parts.instance
    const learning = topics.learn(names).catch((error) => emit({ kind: 'infrastructure-error', where: 'log', error }))
    await new ShutdownBudget(clock, 0).waitFor(learning)
  }

  /** The caller of a start that failed sees nothing to stop, and closes the database: what has begun must not go on. */
  async #startFailed(error: unknown): Promise<never> {
    // A stop that waits for this start goes on when it rejects.
    if (this.#stopping === undefined) {
      const { instance, runState } = this.#parts
      runState.stop()
      this.#stopping = this.#end(new ShutdownBudget(instance.clock, 0))
      await this.#stopping
    }
    throw error
  }

  async #stop(drainMs: number): Promise<void> {
    const time = new ShutdownBudget(this.#parts.instance.clock, drainMs)
    if (this.#starting !== undefined) await time.waitFor(this.#starting)
    await this.#end(time)
  }

  async #end(time: ShutdownBudget): Promise<void> {
    const { instance, relay, parking, lanes, consumer, changes, jobs, schedules } = this.#parts
    const { committer, deadlines, emit, clock } = instance
    const sinceMs = clock.monotonic()
    changes.stop()
    lanes.stop()
    parking.stop()
    // Before the jobs: what it enqueues now would wait for the next start.
    const planned = schedules.stop(time)
    const [read, worked] = await Promise.all([consumer.stop(time), jobs.stop(time), planned])
    const drained = read && worked
    if (this.#hasDatabase) await relay.stop(time)
    if (await time.waitFor(committer.idle())) await time.waitFor(committer.end())
    deadlines.stop()
    emit({ kind: 'stopped', drained, durationMs: clock.monotonic() - sinceMs })
    this.#done.resolve()
  }

  #halted(error: Error): void {
    const { instance, lanes, parking } = this.#parts
    instance.emit({ kind: 'halted', error })
    this.#done.reject(error)
    lanes.stop()
    parking.stop()
    nextTurn(() => void this.stop({ drainMs: 0 }))
  }

  get #hasDatabase(): boolean {
    return this.#options.database !== undefined
  }

  #closed(): FirebreakError {
    return new FirebreakError('FB_CLOSED', { what: `the runtime of ${this.#parts.instance.service.name}` })
  }
}
