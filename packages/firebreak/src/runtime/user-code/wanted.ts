import { FirebreakError } from '../../contracts/errors.ts'
import type { AnyJob } from '../../contracts/job.ts'
import { shown } from '../../contracts/option.ts'
import type { ScheduleDefinition, Slot } from '../../define/schedule.ts'
import { isThenable, settled } from './thenable.ts'

/** A job that somebody asks for; both parts may come from JavaScript. */
export interface WantedJob {
  readonly job: AnyJob
  readonly input: unknown
}

/**
 * Asks a schedule what to enqueue at a slot.
 *
 * **Errors** what its function throws; `FB_CONFIG` for what is neither a job with its input nor null.
 */
export function wantedOf(schedule: ScheduleDefinition, slot: Slot): WantedJob | null {
  const wanted: unknown = schedule.enqueue(Object.freeze(slot))
  if (wanted === null) return null
  if (Array.isArray(wanted) && wanted.length === 2) return { job: wanted[0], input: wanted[1] }
  // What it comes to is nobody's any more: it must not end the process.
  if (isThenable(wanted)) settled(wanted).catch(() => undefined)
  const is = isThenable(wanted) ? 'a promise' : shown(wanted)
  const problems = `schedule ${schedule.name}: enqueue must return [job, input] or null, not ${is}`
  throw new FirebreakError('FB_CONFIG', { problems })
}
