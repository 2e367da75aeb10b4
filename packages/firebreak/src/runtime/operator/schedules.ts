import { hours } from '../../contracts/duration.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import type { Enqueued } from '../../contracts/job.ts'
import { inTransaction } from '../../contracts/sql/in-transaction.ts'
import type { ScheduleDefinition, Slot } from '../../define/schedule.ts'
import { nextOf, partsOfSpec, planOf, planOfSpec, type SchedulePlan, slotOf } from '../../define/schedule-plan.ts'
import { enqueueJobs, enqueueUnique } from '../../ledger/jobs/enqueue-jobs.ts'
import {
  lockSchedule,
  pauseSchedule,
  readSchedules,
  registerSchedules,
  resumeSchedule,
  type ScheduleRow,
} from '../../ledger/jobs/schedules.ts'
import { inLedger } from '../../ledger/ledger-place.ts'
import { limitDefaults } from '../instance/limits.ts'
import { JobMaker } from '../message/job-maker.ts'
import { PayloadWriter } from '../message/payload-writer.ts'
import { wantedOf } from '../user-code/wanted.ts'
import { accountOfPeople, type Decision, type OperatorDeps } from './operator-deps.ts'

/** A schedule as it stands. */
export interface ScheduleState {
  readonly name: string
  /** `removed`: its service does not define it any more, and nobody runs it. */
  readonly state: 'active' | 'paused' | 'removed'
  /** The plan that is in force: that of the release which was started last. */
  readonly cron: string
  readonly zone: string
  /** What is due next; null unless it is active. */
  readonly next: Slot | null
  /** The last slot that enqueued a job; null: none yet. */
  readonly last: Slot | null
  /** When it was paused or resumed last, by whom and why. */
  readonly changed: (Decision & { readonly atMs: number }) | null
}

/** A job that was enqueued by hand. */
export interface ScheduleRun extends Enqueued {
  /** Of the job. */
  readonly type: string
  readonly slot: Slot
}

/** What a person does about schedules. Safe beside the running service, which follows without being told. */
export interface Schedules {
  /** By name. */
  list(): Promise<readonly ScheduleState[]>
  /** From now on nothing is enqueued. Resolves to false when it is paused already. **Errors** `FB_SCHEDULE_NOT_FOUND`. */
  pause(name: string, decision: Decision): Promise<boolean>
  /**
   * Goes on with the first slot that comes from now on: what came meanwhile is not caught up. Resolves to false when it is not paused.
   *
   * **Errors** `FB_SCHEDULE_NOT_FOUND`.
   */
  resume(name: string, decision: Decision): Promise<boolean>
  /**
   * Enqueues its job now, beside the plan, also while it is paused: the slot is the time of now. Null: its function wants nothing.
   *
   * **Errors** `FB_SCHEDULE_NOT_FOUND`, what its function throws, those of `Enqueue`.
   */
  run(name: string): Promise<ScheduleRun | null>
}

/** A slot so far ahead was taken by a clock that was wrong, and nobody shall wait for the time to come. */
const aheadMaxMs = hours(1)

export function schedules(given: OperatorDeps): Schedules {
  const deps = { ...given, database: inLedger(given.database) }
  const { database, service, clock } = deps
  const defined = (name: string): ScheduleDefinition => {
    const found = service.schedules.get(name)
    if (found === undefined) throw new FirebreakError('FB_SCHEDULE_NOT_FOUND', { service: service.name, name })
    return found
  }
  return {
    async list() {
      const rows = await readSchedules(database)
      const names = new Set([...rows.keys(), ...service.schedules.keys()])
      return [...names].sort().map((name) => stateOf(service.schedules.get(name), rows.get(name), clock.now()))
    },
    async pause(name, by) {
      const plan = planOf(defined(name))
      const change = { ...by, atMs: clock.now() }
      return inTransaction(database, async (ledger) => {
        // It may never have run.
        if ((await lockSchedule(ledger, name)) === undefined) await registerSchedules(ledger, [plan], clock.now())
        return pauseSchedule(ledger, name, change)
      })
    },
    async resume(name, by) {
      defined(name)
      const atMs = clock.now()
      return inTransaction(database, async (ledger) => {
        const row = await lockSchedule(ledger, name)
        if (row === undefined || !row.isPaused) return false
        const slotAtMs = row.slotAtMs > atMs + aheadMaxMs ? atMs : Math.max(row.slotAtMs, atMs)
        const nextAtMs = nextOf(planOfSpec(name, row.spec), slotAtMs)
        await resumeSchedule(ledger, { name, slotAtMs, nextAtMs }, { ...by, atMs })
        return true
      })
    },
    run: (name) => runNow(deps, name, defined),
  }
}

function stateOf(
  definition: ScheduleDefinition | undefined,
  row: ScheduleRow | undefined,
  nowMs: number,
): ScheduleState {
  const own = definition && planOf(definition)
  const name = definition?.name ?? row?.name ?? ''
  const spec = row?.spec ?? own?.spec ?? ''
  const plan = own?.spec === spec ? own : knownPlan(name, spec)
  const state = definition === undefined ? 'removed' : row?.isPaused ? 'paused' : 'active'
  const slot = (atMs: number | null | undefined): Slot | null =>
    atMs == null || plan === undefined ? null : slotOf(plan, atMs)
  const nextAtMs = row?.nextAtMs ?? (own && nextOf(own, nowMs))
  const { changedAtMs: atMs = null, changedBy: by, note } = row ?? {}
  return {
    name,
    state,
    ...partsOfSpec(spec),
    next: state === 'active' ? slot(nextAtMs) : null,
    last: slot(row?.lastSlotMs),
    changed: atMs === null ? null : { atMs, by: by ?? '', note: note ?? '' },
  }
}

/** Another release may have written it, on a Node that knows other zones. */
function knownPlan(name: string, spec: string): SchedulePlan | undefined {
  try {
    return planOfSpec(name, spec)
  } catch {
    return undefined
  }
}

async function runNow(
  { database, service, clock, entropy, onChange }: OperatorDeps,
  name: string,
  defined: (name: string) => ScheduleDefinition,
): Promise<ScheduleRun | null> {
  const schedule = defined(name)
  const slot = slotOf(planOf(schedule), clock.now())
  const wanted = wantedOf(schedule, slot)
  if (wanted === null) return null
  const writer = new PayloadWriter({ clock, readBack: 'when-changed', bytesMax: limitDefaults.payloadBytesMax })
  const maker = new JobMaker(service, { clock, entropy, writer })
  const { job, unique } = await maker.job(wanted.job, wanted.input, { cause: null, options: undefined })
  const enqueued = await inTransaction(database, async (ledger): Promise<Enqueued> => {
    if (unique !== null) return enqueueUnique(ledger, job, unique, accountOfPeople)
    await enqueueJobs(ledger, [job], accountOfPeople)
    return { id: job.id, joined: false }
  })
  onChange()
  return { ...enqueued, type: job.type, slot }
}
