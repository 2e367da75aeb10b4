import { hours, seconds } from '../../contracts/duration.ts'
import {
  choice,
  count,
  defaultsOf,
  filled,
  ms,
  type OptionTable,
  optionProblems,
  type Problems,
} from '../../contracts/option.ts'
import { type Backoff, backoffMaxMs, jitters } from './backoff.ts'
import { backoffTotal } from './backoff-total.ts'

/** When a failed handler is tried again, and when it is given up. Both caps hold: whichever is reached first. */
export interface RetryPolicy extends Backoff {
  /** Attempts in all, the first included; 1 or more. */
  readonly attemptsMax: number
  /** Time since the first failure after which no further attempt starts. */
  readonly ageMaxMs: number
  /** Delays up to this wait in the lane, in memory; longer ones are parked in the database. */
  readonly laneWaitMaxMs: number
}

export const retryOptions: OptionTable<RetryPolicy> = {
  attemptsMax: count('attempts', {
    least: 1,
    most: 1_000_000,
    default: 18,
    meaning: 'attempts in all, the first included, then a dead letter',
  }),
  ageMaxMs: ms({
    least: 1,
    most: hours(24 * 365),
    default: hours(24),
    meaning: 'time since the first failure, then a dead letter',
  }),
  baseMs: ms({ least: 0, default: 100, meaning: 'the first delay is at most this' }),
  capMs: ms({ least: 0, default: seconds(600), meaning: 'no delay is longer' }),
  jitter: choice({ choices: jitters, default: 'equal', meaning: 'how much of a delay is left to chance' }),
  // It is spent in memory, and the position of the partition waits with it.
  laneWaitMaxMs: ms({
    least: 0,
    most: hours(1),
    default: seconds(1),
    meaning: 'delays up to this wait in the lane, in memory; longer ones are parked in the database',
  }),
}

/**
 * Long enough for an ordinary outage of a dependency, quick enough for a blip: `retryTime` says how long.
 *
 * The delays are at most 0.1, 0.2, 0.4 … 409.6 s (13 of them, 819.1 s), then 4 of 600 s: 3219.1 s. `equal` jitter takes
 * three quarters of that on average, and half at least: with `full` jitter some records would give up much earlier than
 * others. All attempts fit into what is kept of a record's history.
 */
export const retryDefaults: RetryPolicy = defaultsOf(retryOptions)

/** How long the attempts of a policy last, from the first failure to the start of the last one. */
export interface RetryTime {
  /** Where `endsBy` is `age`, an upper bound. */
  readonly averageMs: number
  readonly maxMs: number
  /** Which of the two caps may be reached first. `age`: not all attempts need to happen. */
  readonly endsBy: 'attempts' | 'age'
  /** The first attempt after which the wait can be longer than the lane allows; null: nothing is ever parked. */
  readonly parksAfter: number | null
}

/**
 * The arithmetic of a policy. It counts the delays, not the attempts themselves, and no pauses that others ask for.
 *
 * Pure, and the only source of such figures: `firebreak describe`, the manifest, and what the docs say.
 */
export function retryTime(policy: RetryPolicy): RetryTime {
  const { attemptsMax, ageMaxMs } = policy
  const total = backoffTotal(policy, attemptsMax - 1)
  return {
    averageMs: Math.round(Math.min(total.averageMs, ageMaxMs)),
    maxMs: Math.round(Math.min(total.maxMs, ageMaxMs)),
    endsBy: total.maxMs > ageMaxMs ? 'age' : 'attempts',
    parksAfter: parksAfter(policy),
  }
}

function parksAfter(policy: RetryPolicy): number | null {
  const waits = policy.attemptsMax - 1
  let failures = 1
  // No delay grows for longer than this.
  while (failures <= Math.min(waits, 601)) {
    if (backoffMaxMs(policy, failures) > policy.laneWaitMaxMs) return failures
    failures++
  }
  return null
}

/** Every mistake of a policy in words; empty when it is sound. What is not given is the default. */
export function retryProblems(given: Partial<RetryPolicy> | undefined): Problems {
  const found = optionProblems(retryOptions, given, 'retry.')
  const { baseMs, capMs } = filled(retryDefaults, given)
  // Any other value is among the problems already, and not all values can be compared.
  const isBelow = Number.isFinite(capMs) && Number.isFinite(baseMs) && capMs < baseMs
  return isBelow ? [...found, `retry.capMs ${capMs} is below retry.baseMs ${baseMs}`] : found
}
