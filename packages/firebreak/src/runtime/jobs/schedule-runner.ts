import type { Timer } from '../../contracts/clock.ts'
import { minutes, seconds } from '../../contracts/duration.ts'
import { inTransaction } from '../../contracts/sql/in-transaction.ts'
import type { ScheduleDefinition } from '../../define/schedule.ts'
import { lastOf, nextOf, planOf, type SchedulePlan, slotOf } from '../../define/schedule-plan.ts'
import { readSchedules, registerSchedules, type ScheduleRow, type SlotStep } from '../../ledger/jobs/schedules.ts'
import { classify, classifyThrown } from '../instance/decide.ts'
import type { Instance } from '../instance/instance.ts'
import type { ShutdownBudget } from '../instance/shutdown-budget.ts'
import { commitSlot, jobAt } from './schedule-unit.ts'

/** A timer does not notice that the wall clock was set: it is looked at so often at least. */
const lookEveryMs = minutes(1)
/** A slot that is less late has not been missed: the next instance starts within that time. */
const onTimeMs = minutes(1)
const soonMs = seconds(1)
const retryMaxMs = minutes(1)

interface Scheduled {
  readonly schedule: ScheduleDefinition
  readonly plan: SchedulePlan
}

/** A slot that this instance has begun, and not finished. */
interface Trial {
  readonly slotMs: number
  failures: number
  /** On the clock that never goes back; Infinity: not again in this process. */
  retryAtMs: number
  error: unknown
}

/**
 * Enqueues the jobs of the schedules of a service at their times. Every instance tries, and nobody leads.
 *
 * I1 The commit that enqueues a slot moves the row of its schedule behind it, and only from where it was read. So a slot comes once,
 *    all instances together, and whatever the clocks show: the row never goes back.
 * I2 What fails is tried again until the next slot comes; then that one counts. A slot that was begun is not too old later.
 * I3 One round at a time, in which the rows are read anew: who pauses a schedule need not tell anybody.
 */
export class ScheduleRunner {
  readonly #instance: Instance
  readonly #all: readonly Scheduled[]
  readonly #trials = new Map<string, Trial>()
  #timer: Timer | undefined
  #round: Promise<void> | undefined
  #isStopped = false

  constructor(instance: Instance) {
    this.#instance = instance
    this.#all = [...instance.service.schedules.values()].map((schedule) => ({ schedule, plan: planOf(schedule) }))
  }

  /** What the schedules fail on whose last slot has not been enqueued, by name. */
  get failing(): ReadonlyMap<string, unknown> {
    const failed = [...this.#trials].filter(([, { failures }]) => failures > 0)
    return new Map(failed.map(([name, { error }]) => [name, error]))
  }

  async start(): Promise<void> {
    if (this.#all.length === 0) return
    const { database, clock } = this.#instance
    const plans = this.#all.map(({ plan }) => plan)
    await inTransaction(database, (ledger) => registerSchedules(ledger, plans, clock.now()))
    this.#look()
  }

  /** Resolves when nothing of it goes on. */
  async stop(time: ShutdownBudget): Promise<void> {
    this.#isStopped = true
    this.#timer?.cancel()
    if (this.#round !== undefined) await time.waitFor(this.#round)
  }

  get #isOver(): boolean {
    return this.#isStopped || this.#instance.stopping.aborted
  }

  #look(): void {
    this.#round = this.#lookAtAll().then((waitMs) => {
      this.#round = undefined
      if (this.#isOver) return
      this.#timer = this.#instance.clock.schedule(Math.max(1, waitMs), () => this.#look())
    })
  }

  /** Resolves to when to look again, in ms. */
  async #lookAtAll(): Promise<number> {
    let waitMs = lookEveryMs
    try {
      const rows = await readSchedules(this.#instance.database)
      for (const one of this.#all) {
        const row = rows.get(one.plan.name)
        if (row === undefined || this.#isOver) continue
        waitMs = Math.min(waitMs, await this.#lookAt(one, row))
      }
    } catch (error) {
      if (this.#isOver) return waitMs
      if (classify(error).kind === 'halt') this.#instance.halt(error as Error)
      else this.#instance.emit({ kind: 'infrastructure-error', where: 'database', error })
      return soonMs
    }
    return waitMs
  }

  /** Resolves to when there may be something to do again, in ms. */
  async #lookAt(one: Scheduled, row: ScheduleRow): Promise<number> {
    const { clock } = this.#instance
    const { plan } = one
    const nowMs = clock.now()
    const untilNextMs = nextOf(plan, nowMs) - nowMs
    // The plan that was started last is in force: this instance belongs to a release before or behind it.
    const isOurs = !row.isPaused && row.spec === plan.spec
    if (!isOurs || row.nextAtMs > nowMs) {
      const trial = this.#trials.get(plan.name)
      if (!isOurs || (trial !== undefined && row.slotAtMs >= trial.slotMs)) this.#trials.delete(plan.name)
      return isOurs ? row.nextAtMs - nowMs : untilNextMs
    }
    const slotMs = lastOf(plan, { afterMs: row.nextAtMs, untilMs: nowMs }) ?? row.nextAtMs
    const { name, spec } = plan
    await this.#due(one, { name, spec, fromMs: row.slotAtMs, slotMs, nextMs: nowMs + untilNextMs })
    const retryAtMs = this.#trials.get(name)?.retryAtMs ?? Number.POSITIVE_INFINITY
    return Math.min(untilNextMs, retryAtMs - clock.monotonic())
  }

  async #due(one: Scheduled, step: Omit<SlotStep, 'isEnqueued'>): Promise<void> {
    const { clock, emit } = this.#instance
    const { name, slotMs } = step
    const known = this.#trials.get(name)
    if (known?.slotMs !== slotMs && clock.now() - slotMs > this.#ageMaxMs(one)) {
      this.#trials.delete(name)
      const isOurs = await commitSlot(this.#instance, { step, job: null })
      if (isOurs === true) emit({ kind: 'schedule-missed', schedule: name, slotAtMs: slotMs })
      return
    }
    const trial = known?.slotMs === slotMs ? known : { slotMs, failures: 0, retryAtMs: 0, error: undefined }
    this.#trials.set(name, trial)
    if (trial.retryAtMs <= clock.monotonic()) await this.#try(one, step, trial)
  }

  async #try({ schedule, plan }: Scheduled, step: Omit<SlotStep, 'isEnqueued'>, trial: Trial): Promise<void> {
    const { clock, emit } = this.#instance
    const { name, slotMs } = step
    const job = jobAt(schedule, slotOf(plan, slotMs))
    const done = job !== null && 'failed' in job ? job : await commitSlot(this.#instance, { step, job })
    if (typeof done === 'boolean') return void this.#trials.delete(name)
    const { failed: error } = done
    trial.failures++
    trial.error = error
    const retryInMs = retryWaitMs(error, trial.failures)
    trial.retryAtMs = clock.monotonic() + (retryInMs ?? Number.POSITIVE_INFINITY)
    emit({ kind: 'schedule-failed', schedule: name, slotAtMs: slotMs, retryInMs, error })
  }

  #ageMaxMs({ schedule: { catchUp, catchUpMaxMs } }: Scheduled): number {
    return catchUp === 'one' ? Math.max(catchUpMaxMs, onTimeMs) : onTimeMs
  }
}

/** Null: the same slot fails in the same way, as long as this program runs. */
function retryWaitMs(error: unknown, failures: number): number | null {
  const found = classifyThrown(error)
  if (found.kind === 'permanent') return null
  const waitMs = Math.min(retryMaxMs, soonMs * 2 ** Math.min(failures - 1, 10))
  return found.kind === 'throttled' ? Math.max(waitMs, found.afterMs) : waitMs
}
