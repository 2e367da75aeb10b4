import type { Sql, SqlRow, SqlValue } from '../../contracts/database.ts'
import type { Attempt } from '../../contracts/disposition.ts'
import { decisionOf, type JobDecision } from './job-decisions.ts'
import { attemptsOf, headersOf, type JobEndKind, numberOf, type Priority, textOf } from './job-rows.ts'

export type JobState = 'waiting' | 'ready' | 'blocked' | 'running' | 'cancelling' | JobEndKind

/** A job as people see it. What is null was never there, or has ended with the job. */
export interface JobView {
  readonly id: string
  readonly type: string
  readonly state: JobState
  readonly priority: Priority | null
  readonly lane: string | null
  readonly enqueuedAtMs: number
  readonly dueAtMs: number | null
  readonly deadlineAtMs: number | null
  readonly firstFailedAtMs: number | null
  readonly cancelAtMs: number | null
  readonly endedAtMs: number | null
  /** Until when its end can be looked up. */
  readonly expiresAtMs: number | null
  readonly attemptsCount: number
  readonly attempts: readonly Attempt[]
  readonly suspects: number
  readonly holder: string | null
  /** The newest one. */
  readonly decision: JobDecision | null
  readonly progress: string | null
  readonly result: string | null
  readonly error: string | null
  readonly input: string | null
  readonly headers: Readonly<Record<string, string>> | null
  readonly letterId: string | null
}

/** A page of a list: the jobs behind the one with the id `after`, at most `limit` of them. */
export interface JobFilter {
  readonly type?: string
  readonly state?: JobState
  readonly limit: number
  readonly after?: string
  /** What waits for a later date than this is `waiting`; without it, everything is `ready` that nothing but its date holds up. */
  readonly nowMs?: number
}

const live = `id, type, prio, state, due_at_ms, lane, input, headers, holder, attempts, first_failed_at_ms, suspects,
  deadline_at_ms, cancel_at_ms, decision, progress, enqueued_at_ms, letter_id`
const ended = 'id, type, how, result, error, attempts, enqueued_at_ms, ended_at_ms, expires_at_ms, letter_id'
const liveStates: readonly JobState[] = ['ready', 'blocked', 'running', 'cancelling']

/** The one with this id, while it lives or its end is kept. `nowMs` as in `JobFilter`. */
export async function readJob(sql: Pick<Sql, 'query'>, id: string, nowMs?: number): Promise<JobView | undefined> {
  const [row] = await sql.query<SqlRow>(`SELECT ${live} FROM fb_jobs WHERE id = $1`, [id])
  if (row !== undefined) return liveView(row, nowMs)
  const [end] = await sql.query<SqlRow>(`SELECT ${ended} FROM fb_job_ends WHERE id = $1`, [id])
  if (end !== undefined) return endedView(end)
  // A replay may have gone back between the two looks.
  const [again] = await sql.query<SqlRow>(`SELECT ${live} FROM fb_jobs WHERE id = $1`, [id])
  return again && liveView(again, nowMs)
}

/** Newest first, live and ended ones. */
export async function listJobs(sql: Pick<Sql, 'query'>, filter: JobFilter): Promise<readonly JobView[]> {
  const rows = await select(sql, `${live} FROM fb_jobs`, liveConditions(filter), filter)
  const ends = await select(sql, `${ended} FROM fb_job_ends`, endConditions(filter), filter)
  // Of one that has ended between the two looks, the later one tells.
  const views = new Map(rows.map((row) => [String(row['id']), liveView(row, filter.nowMs)]))
  for (const row of ends) views.set(String(row['id']), endedView(row))
  return [...views.values()].sort((a, b) => (a.id > b.id ? -1 : 1)).slice(0, filter.limit)
}

/** `column operator`, and what is compared; undefined: none is such. */
type Conditions = readonly (readonly [comparison: string, value: SqlValue])[] | undefined

function liveConditions({ state, nowMs = Number.MAX_SAFE_INTEGER }: JobFilter): Conditions {
  if (state === undefined) return []
  if (state === 'waiting' || state === 'ready')
    return [
      ['state =', 0],
      [state === 'ready' ? 'due_at_ms <=' : 'due_at_ms >', nowMs],
    ]
  const number = liveStates.indexOf(state)
  return number === -1 ? undefined : [['state =', number]]
}

function endConditions({ state }: JobFilter): Conditions {
  if (state === undefined) return []
  const isLive = state === 'waiting' || liveStates.includes(state)
  return isLive ? undefined : [['how =', state]]
}

async function select(
  sql: Pick<Sql, 'query'>,
  what: string,
  conditions: Conditions,
  { type, after, limit }: JobFilter,
): Promise<readonly SqlRow[]> {
  if (conditions === undefined) return []
  const all = [...conditions]
  if (type !== undefined) all.push(['type =', type])
  if (after !== undefined) all.push(['id <', after])
  const where = all.map(([comparison], i) => `${comparison} $${i + 1}`).join(' AND ')
  const text = `SELECT ${what}${where === '' ? '' : ` WHERE ${where}`} ORDER BY id DESC LIMIT $${all.length + 1}`
  return sql.query<SqlRow>(text, [...all.map(([, value]) => value), limit])
}

const nothing = {
  ...{ priority: null, lane: null, dueAtMs: null, deadlineAtMs: null, firstFailedAtMs: null, cancelAtMs: null },
  ...{ endedAtMs: null, expiresAtMs: null, attempts: [], suspects: 0, holder: null, decision: null },
  ...{ progress: null, result: null, error: null, input: null, headers: null },
}

function liveView(row: SqlRow, nowMs: number = Number.MAX_SAFE_INTEGER): JobView {
  const state = liveStates[Number(row['state'])] ?? 'ready'
  const dueAtMs = Number(row['due_at_ms'])
  const attempts = attemptsOf(row)
  return {
    ...nothing,
    ...{ id: String(row['id']), type: String(row['type']), priority: Number(row['prio']) as Priority },
    ...{ state: state === 'ready' && dueAtMs > nowMs ? 'waiting' : state, lane: textOf(row['lane']), dueAtMs },
    ...{ enqueuedAtMs: Number(row['enqueued_at_ms']), deadlineAtMs: numberOf(row['deadline_at_ms']) },
    ...{ firstFailedAtMs: numberOf(row['first_failed_at_ms']), cancelAtMs: numberOf(row['cancel_at_ms']) },
    ...{ attempts, attemptsCount: attempts.length, suspects: Number(row['suspects']), holder: textOf(row['holder']) },
    ...{ progress: textOf(row['progress']), input: String(row['input']), headers: headersOf(row) },
    ...{ decision: decisionOf(row), letterId: textOf(row['letter_id']) },
  }
}

function endedView(row: SqlRow): JobView {
  return {
    ...nothing,
    ...{ id: String(row['id']), type: String(row['type']), state: String(row['how']) as JobEndKind },
    ...{ enqueuedAtMs: Number(row['enqueued_at_ms']), endedAtMs: Number(row['ended_at_ms']) },
    ...{ expiresAtMs: Number(row['expires_at_ms']), attemptsCount: Number(row['attempts']) },
    ...{ result: textOf(row['result']), error: textOf(row['error']), letterId: textOf(row['letter_id']) },
  }
}
