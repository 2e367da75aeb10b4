import { hours, seconds } from '../contracts/duration.ts'
import type { Backoff } from './backoff.ts'

/** When a failed handler is tried again, and when it is given up. Both caps hold: whichever is reached first. */
export interface RetryPolicy extends Backoff {
  /** Attempts in all, the first included; 1 or more. */
  readonly attemptsMax: number
  /** Time since the first failure after which no further attempt starts. */
  readonly ageMaxMs: number
  /** Delays up to this wait in the lane, in memory; longer ones are parked in the database. */
  readonly laneWaitMaxMs: number
}

/** Twelve attempts over roughly 40 minutes on average: long enough to survive a deployment of the dependency. */
export const retryDefaults: RetryPolicy = {
  attemptsMax: 12,
  ageMaxMs: hours(24),
  baseMs: 100,
  capMs: seconds(600),
  jitter: 'full',
  laneWaitMaxMs: seconds(1),
}

/** Reports every mistake of a policy in words; empty when it is sound. */
export function retryProblems(policy: RetryPolicy): readonly string[] {
  const problems: string[] = []
  const positive = (name: 'attemptsMax' | 'ageMaxMs' | 'baseMs' | 'capMs', least: number): void => {
    if (!(policy[name] >= least)) problems.push(`retry.${name} must be ${least} or more, not ${policy[name]}`)
  }
  positive('attemptsMax', 1)
  positive('ageMaxMs', 1)
  positive('baseMs', 0)
  positive('capMs', 0)
  if (policy.capMs < policy.baseMs) problems.push(`retry.capMs ${policy.capMs} is below retry.baseMs ${policy.baseMs}`)
  return problems
}
