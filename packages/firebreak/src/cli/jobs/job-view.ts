import type { JobView } from '../../ledger/jobs/read-jobs.ts'
import { toRfc3339 } from '../../node/clock.ts'
import { attemptDocuments } from '../program/attempts.ts'
import { duration } from '../program/output.ts'
import type { JobPick } from './job-pick.ts'

type Json = Readonly<Record<string, unknown>>

const dated = (atMs: number | null): string | null => (atMs === null ? null : toRfc3339(atMs))

/** One row of `--json`. Texts are JSON, as they were written. */
export function jobSummary({ ledger, job }: JobPick): Json {
  return {
    ...{ id: job.id, service: ledger.service.name, type: job.type, state: job.state },
    ...{ priority: job.priority, key: job.lane, attempts: job.attemptsCount, progressText: job.progress },
    ...{ enqueuedAt: toRfc3339(job.enqueuedAtMs), dueAt: dated(job.dueAtMs), endedAt: dated(job.endedAtMs) },
    ...{ error: job.error, letterId: job.letterId },
  }
}

/** All that is known of it. */
export function jobDetail(pick: JobPick): Json {
  const { job } = pick
  const { decision } = job
  return {
    ...jobSummary(pick),
    ...{ deadlineAt: dated(job.deadlineAtMs), firstFailedAt: dated(job.firstFailedAtMs) },
    ...{ cancelledAt: dated(job.cancelAtMs), keptUntil: dated(job.expiresAtMs) },
    ...{ holder: job.holder, suspects: job.suspects },
    correlationId: correlationOf(job),
    decision: decision === null ? null : { ...decision, at: toRfc3339(decision.atMs) },
    headers: job.headers,
    ...{ inputText: job.input, resultText: job.result },
    attemptsCount: job.attemptsCount,
    attempts: attemptDocuments(job.attempts),
  }
}

export const correlationOf = ({ headers }: JobView): string | null => headers?.['ce_correlationid'] ?? null

/** When it is due, or how long ago that was: `in 5 min`, `3 s ago`. */
export const whenOf = (atMs: number, nowMs: number): string =>
  atMs > nowMs ? `in ${duration(atMs - nowMs)}` : `${duration(nowMs - atMs)} ago`
