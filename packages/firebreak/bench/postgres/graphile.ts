import { Logger, makeWorkerUtils, type Runner, run } from 'graphile-worker'
import pg from 'pg'
import { measured } from '../common/events.ts'
import { createEffects, expectEffects, insertEffect } from '../common/postgres-databases.ts'
import { perSecond } from '../common/settings.ts'

export interface GraphileTuning {
  readonly concurrentJobs: number
  /** Jobs fetched at once; -1 fetches one at a time. */
  readonly localQueue: number
  /** Completions that arrive within this many ms share a statement; -1 completes one at a time. */
  readonly completeJobBatchDelayMs: number
}

const silent = new Logger(() => () => undefined)

/**
 * graphile-worker with one user row per job, or without, written in a transaction of its own before the job's completion: at least
 * once, without order per key. `count` jobs wait when it starts; timed from the first one's start until the last is gone from the table.
 */
export async function graphilePerSec(
  url: string,
  count: number,
  tuning: GraphileTuning,
  writes: boolean = true,
): Promise<number> {
  const pool = new pg.Pool({ connectionString: url, max: tuning.concurrentJobs + 4 })
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  await createEffects(url)
  await addJobs(url, pool, count)
  let left = count
  const finished = Promise.withResolvers<void>()
  let firstAt = 0
  const runner: Runner = await run({
    pgPool: pool,
    logger: silent,
    noHandleSignals: true,
    crontab: '',
    preset: {
      worker: {
        concurrentJobs: tuning.concurrentJobs,
        maxPoolSize: tuning.concurrentJobs + 4,
        completeJobBatchDelay: tuning.completeJobBatchDelayMs,
        ...(tuning.localQueue > 0 ? { localQueue: { size: tuning.localQueue } } : {}),
      },
    },
    taskList: {
      effect: async (payload, helpers) => {
        if (firstAt === 0) firstAt = performance.now()
        const { n, id } = payload as { n: number; id: string }
        if (writes)
          await helpers.withPgClient((client) =>
            client.query({ name: 'bench-effect', text: insertEffect, values: [n, id] }),
          )
        if (--left === 0) finished.resolve()
      },
    },
  })
  await finished.promise
  // The last completions may still wait for their batch.
  while ((await waiting(pool)) > 0) await new Promise((resolve) => setTimeout(resolve, 5))
  const rate = perSecond(count, performance.now() - firstAt)
  await runner.stop()
  await pool.end()
  await expectEffects(url, writes ? count : 0)
  return rate
}

async function addJobs(url: string, pool: pg.Pool, count: number): Promise<void> {
  const utils = await makeWorkerUtils({ connectionString: url, logger: silent })
  await utils.migrate()
  for (let from = 0; from < count; from += 5000) {
    const length = Math.min(5000, count - from)
    await utils.addJobs(Array.from({ length }, (_, i) => ({ identifier: 'effect', payload: measured(from + i) })))
  }
  await utils.release()
  await pool.query('ANALYZE graphile_worker._private_jobs')
}

async function waiting(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query<{ n: number }>(
    'SELECT count(*)::int AS n FROM (SELECT 1 FROM graphile_worker._private_jobs LIMIT 1) AS jobs',
  )
  return rows[0]?.n ?? 0
}
