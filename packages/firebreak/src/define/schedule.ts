import { hours, minutes } from '../contracts/duration.ts'
import { FirebreakError } from '../contracts/errors.ts'
import type { AnyJob, JobInput } from '../contracts/job.ts'
import { choice, ms, type OptionTable, optionProblems, other, type Problems, shown } from '../contracts/option.ts'
import { fieldOf } from '../contracts/text/text-of.ts'
import { zoneProblems } from '../node/time/zones.ts'
import { type Cron, cron, cronProblems } from './cron.ts'

/** A time at which a schedule is due. */
export interface Slot {
  /** Of its schedule. */
  readonly name: string
  /** **Units** ms since the Unix epoch. It says which slot it is: on the night when clocks are put back, two may have one `local`. */
  readonly atMs: number
  /** What clocks in the zone of the schedule show then, to the minute: `2026-03-01T02:00`. */
  readonly local: string
}

/** A job and what it is to do. */
export type ScheduledJob<J extends AnyJob> = readonly [job: J, input: JobInput<J>]

export interface ScheduleSpec<J extends AnyJob = AnyJob> {
  /** Five fields, `0 2 1 * *`, or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`. */
  readonly cron: string
  /** The IANA time zone by whose clocks it runs: `Europe/Amsterdam`, `UTC`. */
  readonly zone: string
  /**
   * The job of a slot, which this service has to have a handler for; null: nothing this time. It returns at once, and what it returns
   * follows from the slot: it is called again when something fails, and by several instances.
   */
  readonly enqueue: (slot: Slot) => ScheduledJob<J> | null
  /**
   * After a time in which no instance ran: `one` enqueues the last slot of it, where that is not older than `catchUpMaxMs`; `none` waits
   * for the next. A slot that is less than a minute late has not been missed.
   */
  readonly catchUp?: 'one' | 'none'
  /** Default 1 h. */
  readonly catchUpMaxMs?: number
  readonly description?: string
}

/** When a service enqueues what. Inert data; `schedule()` builds it. */
export interface ScheduleDefinition {
  readonly kind: 'schedule'
  readonly name: string
  readonly cron: Cron
  readonly zone: string
  readonly enqueue: (slot: Slot) => ScheduledJob<AnyJob> | null
  readonly catchUp: 'one' | 'none'
  readonly catchUpMaxMs: number
  readonly description: string
}

export const scheduleOptions: OptionTable<ScheduleSpec> = {
  cron: other,
  zone: other,
  enqueue: other,
  catchUp: choice({
    choices: ['one', 'none'],
    default: 'one',
    meaning: 'whether the last slot is enqueued that came while no instance ran',
  }),
  catchUpMaxMs: ms({
    least: minutes(1),
    most: hours(24 * 365),
    default: hours(1),
    meaning: 'a slot that is older is not caught up',
  }),
  description: other,
}

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._/:#-]{0,199}$/

/**
 * Defines a schedule: a job is enqueued at each time that its cron names, by the clocks of its zone. All instances of the service
 * watch it, and no leader is needed.
 *
 * **Guarantee** Each slot enqueues at most once, whatever clocks and instances do. One that nobody was there for is caught up as
 * `catchUp` says. **Errors** `FB_CONFIG` with every mistake at once.
 *
 * @example
 * ```ts
 * import { handle, job, schedule, service } from 'firebreak'
 * import { z } from 'zod'
 *
 * const RunStatements = job({ type: 'statements.run', schema: z.object({ until: z.string() }) })
 *
 * export const invoicing = service({
 *   name: 'invoicing',
 *   handlers: [handle(RunStatements, ({ until }) => console.log(`all statements until ${until}`))],
 *   schedules: [
 *     schedule('month-end', {
 *       cron: '0 2 1 * *',
 *       zone: 'Europe/Amsterdam',
 *       enqueue: (slot) => [RunStatements, { until: slot.local.slice(0, 10) }],
 *     }),
 *   ],
 * })
 * ```
 */
export function schedule<J extends AnyJob>(name: string, spec: ScheduleSpec<J>): ScheduleDefinition {
  const problems = problemsOf(name, spec)
  if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
  const { zone, enqueue, catchUp = 'one', catchUpMaxMs = hours(1), description = '' } = spec
  return Object.freeze({
    kind: 'schedule',
    name,
    cron: cron(spec.cron),
    zone,
    enqueue,
    catchUp,
    catchUpMaxMs,
    description,
  })
}

function problemsOf(name: unknown, spec: unknown): Problems {
  const isSound = typeof name === 'string' && namePattern.test(name)
  const of = isSound ? `schedule ${name}: ` : 'schedule: '
  const found: string[] = []
  if (!isSound)
    found.push(
      `schedule name ${shown(name)} must have 1 to 200 letters, digits, ".", "_", "-", "/", ":" or "#", a letter or digit first`,
    )
  if (typeof spec !== 'object' || spec === null) return [...found, `${of}it must be an object, not ${shown(spec)}`]
  const enqueue = fieldOf(spec, 'enqueue')
  found.push(
    ...optionProblems(scheduleOptions, spec, of),
    ...[...cronProblems(fieldOf(spec, 'cron')), ...zoneProblems(fieldOf(spec, 'zone'))].map((one) => `${of}${one}`),
  )
  if (typeof enqueue !== 'function')
    found.push(`${of}enqueue must be a function that returns [job, input] or null, not ${shown(enqueue)}`)
  return found
}
