import type { Sql } from '../../contracts/database.ts'

/** What bounds the starts of a type over all instances. */
export interface ClaimLimits {
  readonly type: string
  readonly nowMs: number
  /** How many run at once. */
  readonly concurrency: number | null
  /** `max` in a burst, then one each `perMs / max`. */
  readonly rate: { readonly max: number; readonly perMs: number } | null
}

/** How many may start, and what is to be written when so many have. */
export interface Allowed {
  readonly max: number
  started(ledger: Sql, jobs: number): Promise<void>
}

// An instance that claims jobs of the type waits here for the commit of the one before, and counts what that has claimed.
const lock = `INSERT INTO fb_job_limits (type, tat_ms) VALUES ($1, 0)
  ON CONFLICT (type) DO UPDATE SET tat_ms = fb_job_limits.tat_ms RETURNING tat_ms`
const moveTat = 'UPDATE fb_job_limits SET tat_ms = $2 WHERE type = $1'
// By so much the clocks of instances may differ.
const skewMaxMs = 10_000
const running = 'SELECT COUNT(*) AS n FROM fb_jobs WHERE holder IS NOT NULL AND type = $1'

/**
 * How many of `max` may start now. Of a type without limits all of them, and nothing is asked.
 *
 * **Source** of the rate: GCRA, ITU-T I.371; `tat_ms` is the theoretical arrival time of the next start.
 */
export async function allowedStarts(ledger: Sql, max: number, limits: ClaimLimits): Promise<Allowed> {
  const { type, nowMs, concurrency, rate } = limits
  if (concurrency === null && rate === null) return { max, started: async () => undefined }
  const [row] = await ledger.query<{ tat_ms: number }>(lock, [type])
  let room = max
  if (concurrency !== null) {
    const [count] = await ledger.query<{ n: number }>(running, [type])
    room = Math.min(room, concurrency - (count?.n ?? 0))
  }
  if (rate === null) return { max: Math.max(0, room), started: async () => undefined }
  const eachMs = rate.perMs / rate.max
  const tatMs = await arrivalMs(ledger, { type, nowMs, rate, tatMs: row?.tat_ms ?? 0 })
  // The quotient of what was added up may be just short of a whole number.
  room = Math.min(room, Math.floor((nowMs + rate.perMs - tatMs) / eachMs + 1e-6))
  return {
    max: Math.max(0, room),
    started: async (sql, jobs) => {
      await sql.query(moveTat, [type, tatMs + jobs * eachMs])
    },
  }
}

/** Not in the past. */
async function arrivalMs(
  ledger: Sql,
  at: {
    readonly type: string
    readonly nowMs: number
    readonly rate: { readonly perMs: number }
    readonly tatMs: number
  },
): Promise<number> {
  const latestMs = at.nowMs + at.rate.perMs
  if (at.tatMs <= latestMs + skewMaxMs) return Math.max(at.tatMs, at.nowMs)
  // Of a clock that was far ahead: nobody must wait until it would have been right.
  await ledger.query(moveTat, [at.type, latestMs])
  return latestMs
}
