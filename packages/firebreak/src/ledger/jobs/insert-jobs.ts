import type { Sql, SqlValue } from '../../contracts/database.ts'
import { keptText, type NewJob } from './job-rows.ts'
import { queryWide, wideStatement } from './wide-statement.ts'

/** A job, and the dead letter that it is a replay of. */
export type Replay = NewJob & { readonly letterId: string }

const columns =
  'id, type, prio, state, due_at_ms, lane, unique_key, input, headers, enqueued_at_ms, deadline_at_ms, letter_id'
const insert = `INSERT INTO fb_jobs (${columns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`
const insertUnlessThere = `${insert} ON CONFLICT DO NOTHING`
const insertOne = `${insertUnlessThere} RETURNING id`
// In the order of ids, as claims are locked: two that lock the same rows cannot wait for each other.
const lockHeads = wideStatement({ fixed: 0, columns: 2 }, (list) => {
  return `SELECT type, lane FROM fb_jobs WHERE state <> 1 AND id IN (SELECT (
      SELECT id FROM fb_jobs AS head
      WHERE head.type = listed.column1 AND head.lane = listed.column2 AND head.lane IS NOT NULL AND head.state <> 1)
    FROM ${list}) ORDER BY id /* FOR UPDATE */`
})
const whichAreThere = wideStatement(
  { fixed: 0, columns: 1 },
  (list) => `SELECT id FROM fb_jobs WHERE id IN (SELECT listed.column1 FROM ${list})`,
)

/** Each time somebody else was faster. After that the database may say what is wrong. */
export const triesMax = 8

/** Jobs of one lane, in order. */
interface Lane {
  readonly type: string
  readonly lane: string
  readonly head: NewJob
  readonly followers: readonly NewJob[]
}

/** Adds rows. In a lane, those behind another one are blocked. */
export async function insertJobs(ledger: Sql, jobs: readonly (NewJob | Replay)[]): Promise<void> {
  const free = jobs.filter(({ lane }) => lane === null).map((job) => valuesOf(job, 'ready'))
  if (free.length > 0) await ledger.batch(insert, free)
  if (free.length < jobs.length) await insertLanes(ledger, lanesOf(jobs))
}

/** Adds a row unless one of its unique key is there, or one of its lane came in between; false: it is not in. */
export async function insertUnlessJoinable(ledger: Sql, job: NewJob): Promise<boolean> {
  const [lane] = lanesOf([job])
  const isBlocked = lane !== undefined && (await lockedHeads(ledger, [lane])).size > 0
  const rows = await ledger.query(insertOne, valuesOf(job, isBlocked ? 'blocked' : 'ready'))
  return rows.length > 0
}

/**
 * Behind the head of a lane, and under its lock, jobs are blocked: so its end finds them. Of a lane without a head the first
 * one becomes it, unless somebody else's was faster; then it is tried again.
 */
async function insertLanes(ledger: Sql, lanes: readonly Lane[]): Promise<void> {
  let left = lanes
  for (let tries = 1; left.length > 0; tries++) {
    const locked = await lockedHeads(ledger, left)
    const free = left.filter((lane) => !locked.has(nameOf(lane)))
    const placed = await placeHeads(ledger, free, tries < triesMax)
    const blocked = left.flatMap((lane) => {
      if (locked.has(nameOf(lane))) return [lane.head, ...lane.followers]
      return placed.has(lane.head.id) ? lane.followers : []
    })
    const rows = blocked.map((job) => valuesOf(job, 'blocked'))
    if (rows.length > 0) await ledger.batch(insert, rows)
    left = free.filter(({ head }) => !placed.has(head.id))
  }
}

/** The ids of those that are in. */
async function placeHeads(ledger: Sql, lanes: readonly Lane[], mayLose: boolean): Promise<ReadonlySet<string>> {
  if (lanes.length === 0) return new Set()
  const rows = lanes.map(({ head }) => valuesOf(head, 'ready'))
  const placed = await ledger.batch(mayLose ? insertUnlessThere : insert, rows)
  const ids = lanes.map(({ head }) => head.id)
  if (placed === ids.length) return new Set(ids)
  const found = await queryWide<{ id: string }>(ledger, whichAreThere, { fixed: [], rows: ids.map((id) => [id]) })
  return new Set(found.map(({ id }) => id))
}

/** The lanes that have a head; nobody ends it before this transaction does. */
async function lockedHeads(ledger: Sql, lanes: readonly Lane[]): Promise<ReadonlySet<string>> {
  const rows = lanes.map(({ type, lane }) => [type, lane])
  return new Set((await queryWide<{ type: string; lane: string }>(ledger, lockHeads, { fixed: [], rows })).map(nameOf))
}

/** In one order for everybody, as who inserts a head waits for others that do. */
function lanesOf(jobs: readonly NewJob[]): readonly Lane[] {
  const inLanes = jobs.flatMap((job) => (job.lane === null ? [] : [{ job, type: job.type, lane: keptText(job.lane) }]))
  const groups = [...Map.groupBy(inLanes, nameOf)].sort(([a], [b]) => (a < b ? -1 : 1))
  return groups.flatMap(([, group]) => {
    const [first, ...others] = group.toSorted((a, b) => (a.job.id < b.job.id ? -1 : 1))
    if (first === undefined) return []
    return [{ type: first.type, lane: first.lane, head: first.job, followers: others.map(({ job }) => job) }]
  })
}

// No type has the character NUL, and no text that is kept.
const nameOf = ({ type, lane }: Pick<Lane, 'type' | 'lane'>): string => `${type}\0${lane}`

function valuesOf(job: NewJob | Replay, state: 'ready' | 'blocked'): SqlValue[] {
  return [
    ...[job.id, job.type, job.priority, state === 'ready' ? 0 : 1, job.dueAtMs, keptText(job.lane)],
    ...[keptText(job.uniqueKey), keptText(job.input), keptText(JSON.stringify(job.headers))],
    ...[job.enqueuedAtMs, job.deadlineAtMs, 'letterId' in job ? job.letterId : null],
  ]
}
