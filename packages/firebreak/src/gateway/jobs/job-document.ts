import type { JobView } from '../../ledger/jobs/read-jobs.ts'

export type JobStatus = 'accepted' | 'running' | 'succeeded' | 'failed' | 'cancelled' | 'expired'

/** What a caller is told of its job. */
export interface JobDocument {
  readonly id: string
  readonly type: string
  readonly status: JobStatus
  /** Whether it has ended, in whatever way. */
  readonly done: boolean
  readonly progress?: unknown
  readonly result?: { readonly href: string }
  /** As RFC 9457 has it. */
  readonly error?: { readonly title: string }
}

const statuses: Readonly<Record<JobView['state'], JobStatus>> = {
  waiting: 'accepted',
  ready: 'accepted',
  blocked: 'accepted',
  running: 'running',
  cancelling: 'running',
  done: 'succeeded',
  failed: 'failed',
  cancelled: 'cancelled',
  expired: 'expired',
  discarded: 'failed',
}

// What its handler threw may name tables and files: it stands in the dead letter.
const errors: Readonly<Partial<Record<JobStatus, string>>> = {
  failed: 'The job has failed',
  cancelled: 'The job was cancelled',
  expired: 'The job was not done in its time',
}

export const statusOf = ({ state }: JobView): JobStatus => statuses[state]

export const isDone = ({ endedAtMs }: JobView): boolean => endedAtMs !== null

/** `path` is that of the job. */
export function documentOf(view: JobView, path: string): JobDocument {
  const status = statusOf(view)
  const title = errors[status]
  return {
    ...{ id: view.id, type: view.type, status, done: isDone(view) },
    ...(view.progress === null ? {} : { progress: JSON.parse(view.progress) }),
    ...(view.result === null ? {} : { result: { href: `${path}/result` } }),
    ...(title === undefined ? {} : { error: { title } }),
  }
}

const retryMaxSec = 60

/** When it is of use to ask again; nothing where it has ended. */
export function retryAfter(view: JobView, nowMs: number): Readonly<Record<string, string>> {
  if (isDone(view)) return {}
  const dueSec = Math.ceil(((view.dueAtMs ?? nowMs) - nowMs) / 1000)
  return { 'retry-after': String(Math.min(retryMaxSec, Math.max(1, dueSec))) }
}
