import { FirebreakError, invariant, isFirebreakError } from '../../contracts/errors.ts'
import type { AnyJob } from '../../contracts/job.ts'
import type { ServiceDefinition } from '../../define/service.ts'
import { discardFailed } from '../../ledger/jobs/discard-job.ts'
import { enqueueJobs, replayJobs } from '../../ledger/jobs/enqueue-jobs.ts'
import type { NewJob } from '../../ledger/jobs/job-rows.ts'
import type { DeadLetter } from '../../ledger/letters.ts'
import { JobMaker } from '../message/job-maker.ts'
import { PayloadWriter } from '../message/payload-writer.ts'
import { actionOf, editedAction, type LedgerChange, type LetterActions, moveLetter } from './letter-actions.ts'
import { accountOfPeople, type Decision, type OperatorDeps } from './operator-deps.ts'

const decoder = new TextDecoder()

/** Letters of jobs. What is handed back is due at once, before what waits in its key, and joined by nobody. */
export function jobLetters(deps: OperatorDeps): LetterActions {
  const { clock, entropy, service } = deps
  // What was enqueued once is not too large for a person.
  const writer = new PayloadWriter({ clock, readBack: 'when-changed', bytesMax: Number.MAX_SAFE_INTEGER })
  const maker = new JobMaker(service, { clock, entropy, writer })
  return {
    replay: (letter, by) => replayed(deps, letter, by),
    async edit(letter, payload, by) {
      return edited(deps, letter, await copyOf(maker, service, letter, payload), by)
    },
    check: async (letter, payload) => void (await copyOf(maker, service, letter, payload)),
    discard: (letter, by) => async (sql) => {
      await moveLetter(sql, letter, { to: 'discarded', action: actionOf(deps, 'discarded', by) })
      await discardFailed(sql, ofLetter(letter), accountOfPeople)
    },
  }
}

function replayed(deps: OperatorDeps, letter: DeadLetter, by: Decision): LedgerChange {
  const { priority, deadlineMs } = jobOf(deps.service, letter)
  const { key, headers, value, atMs } = letter.entry
  const nowMs = deps.clock.now()
  const job = {
    ...ofLetter(letter),
    ...{ priority, dueAtMs: nowMs, lane: key, uniqueKey: null, input: decoder.decode(value ?? undefined), headers },
    ...{ enqueuedAtMs: atMs, letterId: letter.id },
    // The one that it had has passed, or nearly so.
    deadlineAtMs: deadlineMs === null ? null : nowMs + deadlineMs,
  }
  return async (sql) => {
    await moveLetter(sql, letter, { to: 'replaying', action: actionOf(deps, 'replayed', by) })
    await replayJobs(sql, [job], accountOfPeople)
  }
}

function edited(deps: OperatorDeps, letter: DeadLetter, copy: NewJob, by: Decision): LedgerChange {
  return async (sql) => {
    await moveLetter(sql, letter, { to: 'superseded', action: editedAction(deps, by, copy.id) })
    await discardFailed(sql, ofLetter(letter), accountOfPeople)
    await enqueueJobs(sql, [copy], accountOfPeople)
  }
}

/** A new job with another input, which names the old one as its cause. **Errors** `FB_REPLAY_INVALID`, `FB_SCHEMA_TIMEOUT`. */
async function copyOf(
  maker: JobMaker,
  service: ServiceDefinition,
  letter: DeadLetter,
  payload: unknown,
): Promise<NewJob> {
  const definition = jobOf(service, letter)
  const { type, version } = definition
  const { id } = ofLetter(letter)
  const traceparent = letter.entry.headers['traceparent'] ?? null
  const cause = { correlationId: letter.correlationId ?? id, causationId: id, traceparent }
  try {
    const { job } = await maker.job(definition, payload, { cause, options: undefined })
    return { ...job, uniqueKey: null }
  } catch (error) {
    if (!isFirebreakError(error, 'FB_CONTRACT_VIOLATED')) throw error
    throw new FirebreakError('FB_REPLAY_INVALID', { type, version, issues: error.detail['issues'] }, error)
  }
}

/** **Errors** `FB_REPLAY_INVALID` where nobody would run it. */
function jobOf(service: ServiceDefinition, { eventType, entry }: DeadLetter): AnyJob {
  const handler = service.jobs.get(eventType ?? '')
  if (handler !== undefined) return handler.job
  const issues = `${service.name} has no handler for the job`
  const version = entry.headers['ce_schemaversion'] ?? '1'
  throw new FirebreakError('FB_REPLAY_INVALID', { type: eventType ?? 'unknown', version, issues })
}

function ofLetter({ eventId, eventType }: DeadLetter): { readonly id: string; readonly type: string } {
  invariant(eventId !== null && eventType !== null, 'the letter of a job has its id and its type')
  return { id: eventId, type: eventType }
}
