import { FirebreakError } from '../../contracts/errors.ts'
import type { AnyJob } from '../../contracts/job.ts'
import type { ScheduleDefinition, Slot } from '../../define/schedule.ts'
import { type SlotStep, takeSlot } from '../../ledger/jobs/schedules.ts'
import { emptyUnit } from '../commit/unit.ts'
import type { Instance } from '../instance/instance.ts'
import { UnitMessages } from '../message/unit-messages.ts'
import { wantedOf } from '../user-code/wanted.ts'

/** What the code of a schedule, or the job that it asked for, has come to grief on. */
export interface SlotFailed {
  readonly failed: unknown
}

/** What is committed at a slot. */
export interface SlotUnit {
  readonly step: Omit<SlotStep, 'isEnqueued'>
  readonly job: { readonly job: AnyJob; readonly input: unknown } | null
}

/** The job that a schedule wants at a slot. Nothing of the caller's transaction is open while its code runs. */
export function jobAt(schedule: ScheduleDefinition, slot: Slot): SlotUnit['job'] | SlotFailed {
  try {
    return wantedOf(schedule, slot)
  } catch (failed) {
    return { failed }
  }
}

/**
 * Moves a schedule to its next slot and enqueues the job of this one, in one commit. Resolves to whether it was us: when the
 * schedule has moved meanwhile, nothing is enqueued.
 *
 * **Errors** those of the database.
 */
export async function commitSlot(instance: Instance, { step, job }: SlotUnit): Promise<boolean | SlotFailed> {
  const ended = (): FirebreakError => new FirebreakError('FB_UNIT_ENDED', { what: `the slot of ${step.name}` })
  const messages = new UnitMessages(instance, { causeOf: () => null, refuseLate: () => undefined, ended })
  let isOurs = false
  const outcome = await instance.committer.commit({
    ...emptyUnit,
    // It holds a row that other instances wait for: not for as long as the bodies of others take.
    own: true,
    ledgerSql: async (ledger) => {
      isOurs = await takeSlot(ledger, { ...step, isEnqueued: job !== null })
    },
    body: async (sql, ledger) => {
      messages.begin(sql, ledger, 0)
      if (isOurs && job !== null) messages.enqueue(job.job, job.input)
    },
    outgoing: () => messages.take(),
  })
  return typeof outcome === 'object' ? outcome : isOurs
}
