/**
 * Finds out what became of a COMMIT whose answer was lost.
 *
 * I1  `aborted` can be believed: what the server has once committed it never calls so again.
 * I2  `committed` can be believed only within the run of the server that gave the id out. After a crash it gives ids out
 *     again that were never written down, and then it is speaking of somebody else's transaction.
 * I3  A transaction that waits for its client is ended with its connection: nobody is left who could commit it. One that the
 *     server is at work on is left alone: it has got its COMMIT, and where it waits for a standby, ending it would end the
 *     wait, and show as committed what no standby has.
 */
import { sleep } from '../contracts/clock.ts'
import { errorMessage, FirebreakError } from '../contracts/errors.ts'
import type { Connections } from './connections.ts'
import { serverRun } from './link.ts'
import { postgresError, userError } from './postgres-errors.ts'

/** A COMMIT that was sent and never answered. */
export interface Doubt {
  readonly transactionId: string
  readonly backend: number
  /** Of the run of the server in which the id was given out. */
  readonly run: string
  readonly cause: unknown
  /** What a unit has set may have ended the session. */
  readonly inUnit: boolean
}

const ask = `SELECT pg_xact_status($1::xid8), ${serverRun}`
const end = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE pid = $1 AND backend_xid = $2::xid8::xid AND wait_event = 'ClientRead'`
const pauseMs = 100

/** Returns if it is committed. **Errors** `FB_COMMIT_UNKNOWN`, or what cut the connection when nothing was committed. */
export async function settleDoubt(doubt: Doubt, connections: Connections): Promise<void> {
  const { path, clock, commitDoubtMaxMs } = connections.settings
  const untilMs = clock.monotonic() + commitDoubtMaxMs
  for (;;) {
    const fate = await askFate(doubt, connections)
    if (fate === 'committed') return
    if (fate === 'aborted') throw doubt.inUnit ? userError(doubt.cause, path) : postgresError(doubt.cause, path)
    if (fate === 'unknown' || clock.monotonic() >= untilMs) break
    await sleep(clock, pauseMs)
  }
  throw new FirebreakError('FB_COMMIT_UNKNOWN', { path, reason: errorMessage(doubt.cause) }, doubt.cause)
}

type Fate = 'committed' | 'aborted' | 'unknown' | 'later'

async function askFate({ transactionId, backend, run }: Doubt, connections: Connections): Promise<Fate> {
  try {
    return await connections.lend(async (link): Promise<Fate> => {
      const [answer] = await link.answers([{ text: ask, values: [transactionId] }])
      const [status = null, runNow] = answer?.rows[0] ?? []
      if (status === 'aborted') return 'aborted'
      if (status === 'committed') return runNow === run ? 'committed' : 'unknown'
      if (status === null) return 'unknown'
      await link.answers([{ text: end, values: [String(backend), transactionId] }])
      return 'later'
    })
  } catch {
    return 'later'
  }
}
