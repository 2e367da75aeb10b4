import type { Sql } from '../../contracts/database.ts'
import type { JobState } from './read-jobs.ts'

/** A page of a list: the jobs behind the one with the id `after`, at most `max` of them. */
export interface JobPage {
  readonly type?: string
  readonly state?: JobState
  readonly after?: string
  readonly max?: number
}

const likeIn = (table: 'fb_jobs' | 'fb_job_ends'): string =>
  `SELECT id FROM ${table} WHERE id >= $1 AND id < $2 ORDER BY id LIMIT $3`
const [live, ended] = [likeIn('fb_jobs'), likeIn('fb_job_ends')]

/** The ids that begin like this, `max` at most: of an empty one none, for it is the beginning of all of them. */
export async function jobIdsLike(source: Pick<Sql, 'query'>, start: string, max: number): Promise<readonly string[]> {
  if (start === '') return []
  const found = new Set<string>()
  // Each table for itself: of a union all of it would be read before it is sorted.
  for (const like of [live, ended])
    for (const { id } of await source.query<{ id: string }>(like, [start, `${start}~`, max])) found.add(id)
  return [...found].sort().slice(0, max)
}

/** The letter of a job. */
export interface JobLetter {
  readonly id: string
  readonly jobId: string
}

const letters = `SELECT id, event_id FROM fb_dead_letters
  WHERE topic LIKE 'jobs/%' AND (id LIKE $1 OR event_id LIKE $1) ORDER BY id LIMIT $2`

/** Letters of jobs whose own id begins like this, or that of their job; `max` at most, and of an empty beginning none. */
export async function jobLettersLike(
  source: Pick<Sql, 'query'>,
  start: string,
  max: number,
): Promise<readonly JobLetter[]> {
  // Ids have no character that LIKE obeys.
  if (start === '' || /[%_\\]/.test(start)) return []
  const rows = await source.query<{ id: string; event_id: string }>(letters, [`${start}%`, max])
  return rows.map(({ id, event_id: jobId }) => ({ id, jobId })).filter((one) => beginsLike(one, start))
}

// LIKE makes no difference between small and capital letters everywhere.
const beginsLike = ({ id, jobId }: JobLetter, start: string): boolean => id.startsWith(start) || jobId.startsWith(start)
