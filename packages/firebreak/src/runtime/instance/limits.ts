import { hours, seconds } from '../../contracts/duration.ts'
import { bytes, count, defaultsOf, ms, type OptionTable } from '../../contracts/option.ts'

/** What a service may hold; reaching a bound slows intake down or refuses callers, and loses nothing. */
export interface Limits {
  /** Handlers of one instance at the same time; in place of what its service says. */
  readonly handlersMax: number
  /** Jobs that run in one instance at the same time. They have places of their own: a long one keeps no event waiting. */
  readonly jobsMax: number
  /** Records of one instance in memory, waiting or handled; at it, its partitions pause. */
  readonly recordsMax: number
  /** Parked records of one instance; at it, those of its partitions pause that hold their share or more. */
  readonly parkedMax: number
  /** Events committed but not yet in the log; at it, intake pauses and `transaction` throws `FB_OUTBOX_FULL`. */
  readonly outboxMax: number
  /** Bytes of one payload; more is `FB_RECORD_TOO_LARGE`. */
  readonly payloadBytesMax: number
  /** Attempts kept with a record; the oldest go first, the first of all stays. */
  readonly attemptsKept: number
  /** How long an event id is remembered: the window within which a duplicate has no effect. */
  readonly inboxWindowMs: number
  /** How long a partition that moves away, or a stop, waits for what is running. */
  readonly drainMs: number
}

export const limitOptions: OptionTable<Limits> = {
  handlersMax: count('handlers', {
    least: 1,
    most: 1_000_000,
    default: 100,
    meaning: 'handlers of one instance at the same time; not given: `handlersMax` of the service',
  }),
  jobsMax: count('jobs', {
    least: 1,
    most: 10_000,
    default: 100,
    meaning: 'jobs that run in one instance at the same time, beside its handlers of events',
  }),
  recordsMax: count('records', {
    least: 1,
    most: 10_000_000,
    default: 2000,
    meaning: 'records of one instance in memory; its partitions pause',
  }),
  parkedMax: count('records', {
    least: 1,
    default: 10_000,
    meaning: 'parked records of one instance; the partitions that hold most of them pause',
  }),
  outboxMax: count('events', {
    least: 1,
    default: 50_000,
    meaning: 'events that the log has not taken; intake pauses, `transaction` throws `FB_OUTBOX_FULL`',
  }),
  payloadBytesMax: bytes({
    least: 1,
    default: 1024 * 1024,
    meaning: 'bytes of one payload, less where the log takes less; `FB_RECORD_TOO_LARGE`',
  }),
  attemptsKept: count('attempts', {
    least: 1,
    most: 1000,
    default: 20,
    meaning: 'attempts kept with a record; the first one and the newest stay',
  }),
  inboxWindowMs: ms({
    least: 1,
    most: hours(24 * 3650),
    default: hours(24 * 7),
    meaning: 'how long an event id is remembered; an older duplicate takes effect again',
  }),
  drainMs: ms({
    least: 0,
    default: seconds(2),
    meaning: 'a stop or a hand-over waits this long for running handlers',
  }),
}

export const limitDefaults: Limits = defaultsOf(limitOptions)

export const stopOptions: OptionTable<{ readonly drainMs?: number }> = { drainMs: limitOptions.drainMs }
