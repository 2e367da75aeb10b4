import type { Attempt } from '../../contracts/disposition.ts'
import { isFirebreakError } from '../../contracts/errors.ts'
import { ageWhenDue, delayOf } from '../../ledger/parked.ts'
import { classify, classifyThrown, type ErrorClassification, failedEngine, isUncounted } from '../instance/decide.ts'
import type { Instance } from '../instance/instance.ts'
import { type DescribedError, describeError } from '../message/fingerprint.ts'
import type { Delivery } from '../partition/partition.ts'
import { about, type Subject } from './about.ts'
import type { Party } from './unit-of-work.ts'

/** What is known of a record between two attempts. */
export interface AttemptState {
  /** Attempts that failed and count, in this process or earlier ones. */
  readonly count: number
  /** What parks with the record, or dies with it. */
  readonly attempts: readonly Attempt[]
  /** When it first failed, on the monotonic scale of this process; it may lie before its start. */
  readonly failingSinceMs: number | null
  /** Of the last attempt. */
  readonly classification: ErrorClassification
  readonly error: unknown
  readonly described: DescribedError | undefined
  readonly previousDelayMs: number
  /** Attempts in a row that failed because the database, or the log, was away. */
  readonly infrastructureFailures: number
}

/** Why an attempt did not end in a commit. */
export interface AttemptFailure {
  readonly error: unknown
  readonly by: Party
  readonly startedAtMs: number
  readonly durationMs: number
}

const ownLossesMax = 3

export const untried: AttemptState = {
  count: 0,
  attempts: [],
  failingSinceMs: null,
  classification: { kind: 'transient' },
  error: undefined,
  described: undefined,
  previousDelayMs: 0,
  infrastructureFailures: 0,
}

/** What earlier processes left of a record that is parked. */
export function firstState({ parked }: Delivery): AttemptState {
  if (parked === null) return untried
  const ageMs = ageWhenDue(parked)
  // What it waited while no process was there to try it does not count: no clock could tell.
  const failingSinceMs = ageMs === null ? null : parked.owedAtMs - ageMs
  // It was put off after its last attempt: what it waited is what the next delay grows from.
  return stateAfter(parked.attempts, failingSinceMs, delayOf(parked))
}

/** The state after attempts that are known from the database. */
export function stateAfter(attempts: readonly Attempt[], failingSinceMs: number | null, delayMs: number): AttemptState {
  const last = attempts.at(-1)
  if (last === undefined) return { ...untried, attempts, failingSinceMs }
  const count = last.number - (isUncounted(last.errorClass) ? 1 : 0)
  return { ...untried, attempts, failingSinceMs, count, previousDelayMs: delayMs }
}

/** The state after one more attempt has failed. */
export function recordFailure(
  instance: Instance,
  subject: Subject,
  state: AttemptState,
  { error, by, startedAtMs, durationMs }: AttemptFailure,
): AttemptState {
  const isOfHandler = by === 'handler' || endsItsConnection(error, state)
  const classification = isOfHandler ? classifyThrown(error) : classify(error)
  if (classification.kind === 'infrastructure') {
    instance.emit({ kind: 'infrastructure-error', where: failedEngine(error), error })
    return { ...state, classification, error, infrastructureFailures: state.infrastructureFailures + 1 }
  }
  if (classification.kind === 'fenced' || classification.kind === 'not-started')
    return { ...state, classification, error }
  const number = state.count + 1
  // First: a listener could change it.
  const described = describeError(error)
  instance.emit({ kind: 'failed', attempt: number, durationMs, error, ...about(subject) })
  return {
    count: classification.kind === 'throttled' ? state.count : number,
    attempts: withAttempt(
      state.attempts,
      { number, startedAtMs, durationMs: Math.round(durationMs), ...described },
      instance.limits.attemptsKept,
    ),
    failingSinceMs: state.failingSinceMs ?? instance.clock.monotonic(),
    classification,
    error,
    described,
    previousDelayMs: state.previousDelayMs,
    infrastructureFailures: 0,
  }
}

/** A connection that is lost again and again at the statements of one unit, which is alone on it, is not lost by chance. */
function endsItsConnection(error: unknown, { infrastructureFailures }: AttemptState): boolean {
  return infrastructureFailures >= ownLossesMax && isFirebreakError(error) && error.detail['inUnit'] === true
}

/** Adds an attempt to a bounded history: the first one stays, because it often says more than the last. */
function withAttempt(attempts: readonly Attempt[], attempt: Attempt, max: number): readonly Attempt[] {
  if (attempts.length < max) return [...attempts, attempt]
  return [attempts[0] as Attempt, ...attempts.slice(attempts.length - max + 2), attempt]
}
