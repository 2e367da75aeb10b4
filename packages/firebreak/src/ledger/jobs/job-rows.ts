import type { SqlRow, SqlValue } from '../../contracts/database.ts'
import type { Attempt } from '../../contracts/disposition.ts'
import { storable } from '../../contracts/text/storable.ts'

/** 0 first. */
export type Priority = 0 | 1 | 2

/** A job as it comes into the ledger. */
export interface NewJob {
  /** UUID version 7: ids rise with time. */
  readonly id: string
  readonly type: string
  readonly priority: Priority
  readonly dueAtMs: number
  /** Jobs of one type and lane run one after the other, in the order of their ids. */
  readonly lane: string | null
  readonly uniqueKey: string | null
  /** JSON. */
  readonly input: string
  readonly headers: Readonly<Record<string, string>>
  readonly enqueuedAtMs: number
  readonly deadlineAtMs: number | null
}

/** Who may end it: a claim is fenced when the row has another number, or nobody holds it. */
export interface JobClaim {
  readonly id: string
  readonly type: string
  readonly lane: string | null
  readonly claim: number
}

/** A job that somebody holds. */
export interface ClaimedJob extends NewJob, JobClaim {
  readonly attempts: readonly Attempt[]
  readonly firstFailedAtMs: number | null
  /** Holders that died with it. */
  readonly suspects: number
  /** The dead letter that this is a replay of. */
  readonly letterId: string | null
  /** Cancel was asked for while an earlier holder had it. */
  readonly isCancelled: boolean
}

export type JobEndKind = 'done' | 'failed' | 'cancelled' | 'expired' | 'discarded'

/** How a job ends. */
export interface JobEnd {
  /** Of the attempts, their number is kept. */
  readonly job: JobClaim & { readonly enqueuedAtMs: number; readonly attempts: readonly Attempt[] }
  readonly how: JobEndKind
  readonly result: string | null
  readonly error: string | null
  readonly letterId: string | null
  /** How long the end can be looked up; 0: not at all. */
  readonly keepMs: number
  readonly endedAtMs: number
}

/** The end of a job that did not do its work is kept for so long at least: people look for it. */
export const unfinishedKeptMs = 86_400_000

/** Text of others as the database will have it, so that it can be compared with what is there. */
export const keptText = <T extends string | null>(text: T): T => (storable(text)?.toWellFormed() ?? null) as T

/** The columns of `claimedJobOf`. */
export const claimedColumns = `id, type, prio, due_at_ms, lane, unique_key, input, headers, enqueued_at_ms, deadline_at_ms, claim, attempts,
  first_failed_at_ms, suspects, letter_id, cancel_at_ms`

export function claimedJobOf(row: SqlRow): ClaimedJob {
  return {
    id: String(row['id']),
    type: String(row['type']),
    priority: Number(row['prio']) as Priority,
    dueAtMs: Number(row['due_at_ms']),
    lane: textOf(row['lane']),
    uniqueKey: textOf(row['unique_key']),
    input: String(row['input']),
    headers: headersOf(row),
    enqueuedAtMs: Number(row['enqueued_at_ms']),
    deadlineAtMs: numberOf(row['deadline_at_ms']),
    claim: Number(row['claim']),
    attempts: attemptsOf(row),
    firstFailedAtMs: numberOf(row['first_failed_at_ms']),
    suspects: Number(row['suspects']),
    letterId: textOf(row['letter_id']),
    isCancelled: numberOf(row['cancel_at_ms']) !== null,
  }
}

// Nearly all have none.
export const attemptsOf = ({ attempts }: SqlRow): readonly Attempt[] =>
  attempts === '[]' ? [] : (JSON.parse(String(attempts)) as Attempt[])

export const headersOf = ({ headers }: SqlRow): Readonly<Record<string, string>> =>
  headers === '{}' ? {} : (JSON.parse(String(headers)) as Record<string, string>)

export const numberOf = (value: SqlValue | undefined): number | null => (value == null ? null : Number(value))

export const textOf = (value: SqlValue | undefined): string | null => (value == null ? null : String(value))
