import type { Sql } from '../../contracts/database.ts'
import type { Attempt, DeadReason } from '../../contracts/disposition.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import { retryJob } from '../../ledger/jobs/end-jobs.ts'
import { cancelWords, lostReplay, readDecision } from '../../ledger/jobs/job-decisions.ts'
import { type JobEnd, unfinishedKeptMs } from '../../ledger/jobs/job-rows.ts'
import { type DeadLetter, endReplay, findLetter, insertLetter, reopenLetter } from '../../ledger/letters.ts'
import { emptyUnit, type HeldJob, type Unit } from '../commit/unit.ts'
import { about } from '../delivery/about.ts'
import type { AttemptState } from '../delivery/attempt-state.ts'
import type { LetterCause } from '../delivery/settlements.ts'
import { commitUntilDone } from '../delivery/settlements.ts'
import type { Instance } from '../instance/instance.ts'
import { fingerprintOf } from '../message/fingerprint.ts'
import type { RunningJob } from './running-job.ts'

const encoder = new TextEncoder()

/** It waits for its next attempt, and keeps its place in its key. `dueMs` is on the monotonic scale. **Errors** `FB_JOB_FENCED`. */
export async function settleRetry(
  instance: Instance,
  running: RunningJob,
  dueMs: number,
  state: Pick<AttemptState, 'attempts' | 'failingSinceMs'>,
): Promise<void> {
  const { clock, emit } = instance
  const [atMs, nowMs] = [clock.now(), clock.monotonic()]
  const dated = (ms: number): number => atMs + Math.round(ms - nowMs)
  const firstFailedAtMs = state.failingSinceMs === null ? null : dated(state.failingSinceMs)
  const next = { dueAtMs: dated(dueMs), attempts: state.attempts, firstFailedAtMs }
  const unit: Unit = {
    ...emptyUnit,
    ledgerSql: async (sql) => {
      if (await retryJob(sql, running.claim, next)) return
      throw new FirebreakError('FB_JOB_FENCED', { type: running.claim.type, id: running.claim.id })
    },
  }
  await commitUntilDone(instance, unit, running.gone)
  emit({ kind: 'parked', dueAtMs: next.dueAtMs, ...about(running) })
}

/** It ends without being done, and without a dead letter: that of a replay is given up. **Errors** `FB_JOB_FENCED`. */
export async function settleWithout(
  instance: Instance,
  running: RunningJob,
  how: 'cancelled' | 'expired',
): Promise<void> {
  const { clock, database } = instance
  const { id, letterId } = running.claimed
  let error: string | null = null
  const unit: Unit = {
    ...endedAs(running, () => ({ how, error })),
    ledgerSql: async (sql) => {
      // Who asked has written it beside the claim.
      const decision = how === 'cancelled' ? await readDecision(sql, id) : null
      error = cancelWords(decision)
      if (letterId === null) return
      const end = { by: decision?.by ?? instance.name, note: lostReplay(how, decision?.note), atMs: clock.now() }
      await endReplay(sql, database.capabilities, letterId, { to: 'discarded', ...end })
    },
  }
  await commitUntilDone(instance, unit, running.gone)
  instance.emit({ kind: how, ...about(running) })
}

/** It ends as a dead letter, with its input and its attempts. **Errors** `FB_JOB_FENCED`. */
export async function settleFailed(
  instance: Instance,
  running: RunningJob,
  cause: LetterCause,
  attempts: readonly Attempt[],
): Promise<void> {
  const letter = letterOf(instance, running, cause, attempts)
  const { message } = cause.described
  const kept = instance.database.capabilities
  const unit: Unit = {
    ...endedAs(running, () => ({ how: 'failed', error: message, letterId: letter.id }), attempts),
    ledgerSql: async (sql: Sql) => {
      const before = running.claimed.letterId === null ? undefined : await findLetter(sql, letter.id, kept)
      if (before === undefined) return insertLetter(sql, letter)
      const all = [...before.attempts, ...letter.attempts].slice(-instance.limits.attemptsKept)
      await reopenLetter(sql, before, { ...letter, attempts: all, history: [...before.history, ...letter.history] })
    },
  }
  await commitUntilDone(instance, unit, running.gone)
  const { id: letterId, reason } = letter
  instance.emit({ kind: 'dead-lettered', letterId, reason, error: cause.error, ...about(running) })
}

type Ending = Pick<JobEnd, 'how'> & Partial<Pick<JobEnd, 'error' | 'letterId'>>

/** A unit that ends the job in another way than its handler would; `ending` is asked for when it is committed. */
function endedAs(running: RunningJob, ending: () => Ending, attempts = running.claimed.attempts): Unit {
  const end = (): JobEnd => {
    const done = running.end()
    const keepMs = Math.max(done.keepMs, unfinishedKeptMs)
    return { ...done, result: null, keepMs, ...ending(), job: { ...running.claimed, attempts } }
  }
  const job: HeldJob = {
    claim: running.claim,
    signal: running.signal,
    isAlone: running.isAlone,
    takeResult: () => undefined,
    end,
  }
  return { ...emptyUnit, job }
}

function letterOf(
  instance: Instance,
  running: RunningJob,
  { reason, hold, described }: LetterCause,
  attempts: readonly Attempt[],
): DeadLetter {
  const { claimed, entry } = running
  const nowMs = instance.clock.now()
  const { id, type, input, headers, enqueuedAtMs } = claimed
  const action = { atMs: nowMs, action: 'dead-lettered', by: instance.name, note: reason as DeadReason } as const
  return {
    id: claimed.letterId ?? instance.entropy.uuid(),
    state: 'open',
    reason,
    crash: reason === 'crash',
    hold,
    entry: { ...entry, value: encoder.encode(input), headers, atMs: enqueuedAtMs },
    lane: claimed.lane ?? '',
    eventId: id,
    eventType: type,
    correlationId: running.envelope?.correlationId ?? null,
    errorClass: described.errorClass,
    message: described.message,
    fingerprint: fingerprintOf(described),
    attempts,
    replays: 0,
    atMs: nowMs,
    history: [action],
  }
}
