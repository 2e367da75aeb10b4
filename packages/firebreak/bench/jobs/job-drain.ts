import { createRuntime, type Database, handle, type JobHandler, job, service } from 'firebreak'
import { memoryLog } from 'firebreak/testing'
import { measured, measuredSchema } from '../common/events.ts'
import { insertEffect } from '../common/postgres-databases.ts'
import { perSecond } from '../common/settings.ts'

/** Jobs of one instance that run at the same time. */
export const jobsMax = 500

const Work = job({ type: 'bench.work', schema: measuredSchema })
const KeptWork = job({ type: 'bench.kept', schema: measuredSchema, keepMs: 3_600_000 })

export type JobVariant = 'noop' | 'kept' | 'effect'

/** Leaves nothing, leaves its end, or leaves a row of the user's. */
function handlerOf(variant: JobVariant, ended: () => void): JobHandler {
  if (variant !== 'effect') return handle(variant === 'kept' ? KeptWork : Work, ended)
  return handle(Work, async ({ n, id }, ctx) => {
    await ctx.transaction((tx) => tx.query(insertEffect, [n, id]))
    ended()
  })
}

export interface JobRates {
  /** Twenty jobs in each transaction, fifty transactions at the same time. */
  readonly enqueuedPerSec: number
  /** From the start of the instance that runs them to the end of the last one's commit. */
  readonly donePerSec: number
}

/** Enqueues `count` jobs while nobody runs any, then measures one instance running all of them. */
export async function jobRates(database: Database, variant: JobVariant, count: number): Promise<JobRates> {
  const log = memoryLog()
  const finished = Promise.withResolvers<void>()
  let left = count
  const handler = handlerOf(variant, () => undefined)
  const worker = service({ name: 'bench', handlers: [handler] })
  const opening = createRuntime({ service: worker, log, database, observe: false })
  await opening.start()
  await opening.stop()
  // One that was not started enqueues, and runs nothing.
  const enqueuing = createRuntime({ service: worker, log, database, observe: false })
  let next = 0
  const enqueue = async (): Promise<void> => {
    while (next < count) {
      await enqueuing.transaction(async (tx) => {
        for (let i = 0; i < 20 && next < count; i++)
          await tx.enqueue(variant === 'kept' ? KeptWork : Work, measured(next++))
      })
    }
  }
  const startedMs = performance.now()
  await Promise.all(Array.from({ length: 50 }, enqueue))
  const enqueuedPerSec = perSecond(count, performance.now() - startedMs)
  await enqueuing.stop()
  const running = createRuntime({
    service: worker,
    log,
    database,
    limits: { jobsMax },
    observe: ({ kind }) => {
      if (kind === 'done' && --left === 0) finished.resolve()
      if (kind === 'failed' || kind === 'halted') finished.reject(new Error(`a job has ${kind}`))
    },
  })
  const drainMs = performance.now()
  await running.start()
  await finished.promise
  const donePerSec = perSecond(count, performance.now() - drainMs)
  await running.stop()
  await log.close()
  return { enqueuedPerSec, donePerSec }
}
