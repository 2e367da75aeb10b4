import { sleep } from '../../contracts/clock.ts'
import { FirebreakError, isFirebreakError } from '../../contracts/errors.ts'
import { endReplay, resolvedAt } from '../../ledger/letters.ts'
import { chargesMax } from '../../ledger/suspects.ts'
import { emptyUnit, type Unit } from '../commit/unit.ts'
import { about, reportEnd } from '../delivery/about.ts'
import { decideNext, haltOver } from '../delivery/after-attempt.ts'
import { refuseShut, untilExpired } from '../delivery/attempt.ts'
import { type AttemptFailure, type AttemptState, recordFailure, stateAfter } from '../delivery/attempt-state.ts'
import { type Party, UnitOfWork } from '../delivery/unit-of-work.ts'
import type { AfterFailure, FailurePolicy } from '../instance/decide.ts'
import type { Instance } from '../instance/instance.ts'
import { describeError } from '../message/fingerprint.ts'
import { isThenable } from '../user-code/thenable.ts'
import { decodeJob } from './decode-job.ts'
import { JobHandlerContext } from './job-handler-context.ts'
import { progressOf } from './progress.ts'
import type { RunningJob } from './running-job.ts'
import { settleFailed, settleRetry, settleWithout } from './settle-job.ts'

/** `left`: not settled here. The instance gives it back, or it is somebody else's already. */
export type JobRunEnd = 'settled' | 'left'

/** The hot path of jobs: what happens to one that was claimed. Every way out has committed the outcome, except `left`. */
export async function runJob(instance: Instance, running: RunningJob): Promise<JobRunEnd> {
  try {
    return await run(instance, running)
  } catch (error) {
    if (isFirebreakError(error, 'FB_JOB_FENCED') || isFirebreakError(error, 'FB_FENCED')) return 'left'
    throw error
  }
}

async function run(instance: Instance, running: RunningJob): Promise<JobRunEnd> {
  const { clock, stopping } = instance
  let state = stateOf(instance, running)
  for (;;) {
    // 1 It may have to end without being run.
    const without = endWithout(instance, running)
    if (without !== undefined) return settled(settleWithout(instance, running, without))
    // 2 Read its input. Synchronous schemas cost no turn of the event loop.
    const reading = decodeJob(clock, running)
    if (reading !== undefined) await reading
    // 3 Run the handler, and commit its unit of work with the end of the job.
    const failure = await attempt(instance, running, state)
    if (failure === undefined) return 'settled'
    // What fails because the runtime stops, or the job has gone, is nobody's failure.
    if (stopping.aborted || running.isLeft) return 'left'
    if (running.isCancelled) return settled(settleWithout(instance, running, 'cancelled'))
    // 4 Decide; 5 wait in the ledger, or end as a dead letter.
    state = recordFailure(instance, running, state, failure)
    const next = decideNext(instance, policyOf(running), state)
    if (next.kind !== 'retry') return applyDecision(instance, running, next, state)
    await sleep(clock, next.delayMs, running.signal)
    state = { ...state, previousDelayMs: next.delayMs }
  }
}

const settled = (settling: Promise<void>): Promise<JobRunEnd> => settling.then(() => 'settled')

/** What earlier attempts have left of it. */
function stateOf({ clock }: Instance, { claimed }: RunningJob): AttemptState {
  const { attempts, firstFailedAtMs } = claimed
  const failingSinceMs =
    firstFailedAtMs === null ? null : clock.monotonic() - Math.max(0, clock.now() - firstFailedAtMs)
  return stateAfter(attempts, failingSinceMs, 0)
}

function endWithout({ clock }: Instance, { isCancelled, claimed }: RunningJob): 'cancelled' | 'expired' | undefined {
  if (isCancelled) return 'cancelled'
  return claimed.deadlineAtMs !== null && clock.now() >= claimed.deadlineAtMs ? 'expired' : undefined
}

async function attempt(
  instance: Instance,
  running: RunningJob,
  state: AttemptState,
): Promise<AttemptFailure | undefined> {
  const { clock, jobSlots } = instance
  const startedAtMs = clock.now()
  const sinceMs = clock.monotonic()
  const number = state.count + 1
  let unit: UnitOfWork | undefined
  let by: Party = 'engine'
  try {
    if (running.broken !== undefined) throw running.broken
    if (running.claimed.suspects > chargesMax) throw new FirebreakError('FB_CRASH_SUSPECT', { deaths: chargesMax + 1 })
    const place = jobSlots.acquire(running.isAlone)
    if (place !== undefined) await place
    unit = openUnit(instance, running, state)
    refuseToStart(instance, running, state)
    by = 'handler'
    const value = await handled(instance, running, unit)
    // What a transaction has resolved to is the result already.
    if (unit.isOpen) await running.takeResult(value)
    by = 'engine'
    await unit.complete()
    reportEnd(instance, running, { kind: 'done', attempt: number, sinceMs })
    return undefined
  } catch (error) {
    if ((await unit?.settled()) === true) {
      if (error !== unit?.lost) instance.emit({ kind: 'error-after-commit', error, ...about(running) })
      reportEnd(instance, running, { kind: 'done', attempt: number, sinceMs })
      return undefined
    }
    const failure = unit?.failure ?? { error, by: error !== undefined && error === unit?.readFailure ? 'engine' : by }
    const reason = failure.error ?? new Error('the handler threw nothing')
    return { error: reason, by: failure.by, startedAtMs, durationMs: clock.monotonic() - sinceMs }
  } finally {
    running.onCancel = undefined
    unit?.end(unit.failure?.error)
    if (unit !== undefined) instance.deadlines.remove(unit)
  }
}

/** Asked once it has its place: while it waited for one, a stop may have begun, or a breaker opened. */
function refuseToStart(instance: Instance, running: RunningJob, state: AttemptState): void {
  const { id, type } = running.claim
  if (instance.stopping.aborted || running.isLeft || running.isCancelled)
    throw new FirebreakError('FB_JOB_FENCED', { type, id })
  refuseShut(instance, running.kind.handler, state)
}

function openUnit(
  instance: Instance,
  running: RunningJob,
  { count, infrastructureFailures }: AttemptState,
): UnitOfWork {
  const { envelope, kind } = running
  if (envelope === null) throw new FirebreakError('FB_INVARIANT', { claim: 'only what could be decoded is run' })
  // A unit that ends its own connection takes those along that share its commit: once is enough.
  const own = infrastructureFailures > 0 && instance.database.capabilities.shared
  return new UnitOfWork(instance, {
    subject: running,
    envelope,
    attempt: count + 1,
    handler: kind.handler,
    slots: instance.jobSlots,
    unit: { ...emptyUnit, job: running, own, ledgerSql: resolving(instance, running) },
  })
}

/** A replay that succeeds resolves its letter, in the commit of its effects. */
function resolving({ clock, database }: Instance, { claimed: { letterId } }: RunningJob): Unit['ledgerSql'] {
  if (letterId === null) return null
  return (sql) => endReplay(sql, database.capabilities, letterId, resolvedAt(clock.now()))
}

async function handled(instance: Instance, running: RunningJob, unit: UnitOfWork): Promise<unknown> {
  const context = new JobHandlerContext(unit, progressOf(instance, running))
  const result: unknown = running.kind.handler.run(running.payload as never, context as never)
  if (!isThenable(result)) return result
  instance.deadlines.add(unit)
  const waiting = untilExpired(unit, result, (value) => ({ value }))
  running.onCancel = (error) => {
    unit.end(error)
    unit.onExpire?.(error)
  }
  return (await waiting).value
}

// What waits is a row: no place is held meanwhile.
const policyOf = ({ kind: { handler } }: RunningJob): FailurePolicy => ({
  ...handler.retry,
  laneWaitMaxMs: -1,
  onExhausted: handler.onExhausted,
})

function applyDecision(
  instance: Instance,
  running: RunningJob,
  to: Exclude<AfterFailure, { kind: 'retry' }>,
  state: AttemptState,
): Promise<JobRunEnd> | JobRunEnd {
  switch (to.kind) {
    case 'park':
      return settled(settleRetry(instance, running, to.dueAtMs, state))
    case 'dead-letter': {
      const { reason, hold } = to
      const described = state.described ?? describeError(state.error)
      return settled(settleFailed(instance, running, { reason, hold, error: state.error, described }, state.attempts))
    }
    case 'halt':
      haltOver(instance, state)
      return 'left'
  }
}
