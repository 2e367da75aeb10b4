import { hours, seconds } from '../contracts/duration.ts'
import { type Backoff, backoffMaxMs, jitters } from './backoff.ts'
import { backoffTotal } from './backoff-total.ts'
import { oneOf, type Problems, whole, within } from './problems.ts'

/** When a failed handler is tried again, and when it is given up. Both caps hold: whichever is reached first. */
export interface RetryPolicy extends Backoff {
  /** Attempts in all, the first included; 1 or more. */
  readonly attemptsMax: number
  /** Time since the first failure after which no further attempt starts. */
  readonly ageMaxMs: number
  /** Delays up to this wait in the lane, in memory; longer ones are parked in the database. */
  readonly laneWaitMaxMs: number
}

/**
 * Long enough for an ordinary outage of a dependency, quick enough for a blip: `retryTime` says how long.
 *
 * The delays are at most 0.1, 0.2, 0.4 … 409.6 s (13 of them, 819.1 s), then 4 of 600 s: 3219.1 s. `equal` jitter takes
 * three quarters of that on average, and half at least: with `full` jitter some records would give up much earlier than
 * others. All attempts fit into what is kept of a record's history.
 */
export const retryDefaults: RetryPolicy = {
  attemptsMax: 18,
  ageMaxMs: hours(24),
  baseMs: 100,
  capMs: seconds(600),
  jitter: 'equal',
  laneWaitMaxMs: seconds(1),
}

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

const yearMs = hours(24 * 365)

/** Reports every mistake of a policy in words; empty when it is sound. */
export function retryProblems(policy: RetryPolicy): Problems {
  const { attemptsMax, ageMaxMs, baseMs, capMs, jitter, laneWaitMaxMs } = policy
  const found = [
    ...whole('retry.attemptsMax', attemptsMax, { min: 1, max: 1_000_000 }),
    ...within('retry.ageMaxMs', ageMaxMs, { min: 1, max: yearMs }),
    ...within('retry.baseMs', baseMs, { min: 0, max: yearMs }),
    ...within('retry.capMs', capMs, { min: 0, max: yearMs }),
    ...oneOf('retry.jitter', jitter, jitters),
    // It is spent in memory, and the position of the partition waits with it.
    ...within('retry.laneWaitMaxMs', laneWaitMaxMs, { min: 0, max: hours(1) }),
  ]
  // Any other value is among the problems already, and not all values can be compared.
  const isBelow = Number.isFinite(capMs) && Number.isFinite(baseMs) && capMs < baseMs
  return isBelow ? [...found, `retry.capMs ${capMs} is below retry.baseMs ${baseMs}`] : found
}
