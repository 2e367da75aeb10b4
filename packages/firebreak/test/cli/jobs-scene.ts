import { join } from 'node:path'
import { z } from 'zod'
import { permanent } from '../../src/contracts/errors.ts'
import type { JobDefinition } from '../../src/contracts/job.ts'
import type { Fact } from '../../src/contracts/journal.ts'
import type { Schema } from '../../src/contracts/schema.ts'
import { handle } from '../../src/define/handle.ts'
import { job } from '../../src/define/job.ts'
import { type ServiceDefinition, service } from '../../src/define/service.ts'
import { createRuntime, type Runtime } from '../../src/runtime/runtime.ts'
import { defineConfig } from '../../src/runtime/system/config.ts'
import { sqliteDatabase } from '../../src/sqlite/database/sqlite-database.ts'
import { memoryLog } from '../../src/testing/memory-log/memory-log.ts'
import { type Cleanup, emptyScene, run, type Scene } from './scene.ts'

type Receipt = { orderId: string; customer: string }

const SendReceipt: JobDefinition<Schema<Receipt>, Schema<{ mails: number }>, Schema<{ sent: number }>> = job({
  type: 'receipt.send',
  key: 'customer',
  schema: z.object({ orderId: z.string(), customer: z.string().min(1) }),
  result: z.object({ mails: z.number() }),
  progress: z.object({ sent: z.number() }),
})

/** `bad` orders fail for good, `slow` ones say how far they are and wait for the signal, `poor` ones fail each time. */
export const receipts: ServiceDefinition = service({
  name: 'receipts',
  handlers: [
    handle(SendReceipt, async ({ orderId }, { signal, progress }) => {
      if (orderId.startsWith('bad')) throw permanent(`no such order: ${orderId}`)
      if (orderId.startsWith('poor')) throw new Error('the mail server is away')
      if (orderId.startsWith('slow')) {
        progress({ sent: 3 })
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      }
      return { mails: 1 }
    }),
  ],
})

/** A service with jobs: those of `receipts`, and whatever is enqueued while it runs. */
export function jobsScene(t: Cleanup): Scene {
  const { folder } = emptyScene(t)
  const database = () =>
    sqliteDatabase({ path: join(folder, 'receipts.db'), durability: 'survives-process-crash-only' })
  return { folder, config: defineConfig({ log: () => memoryLog(), services: [{ service: receipts, database }] }) }
}

export interface Running {
  readonly runtime: Runtime
  /** Resolves when so many facts of this kind have been told since the start. */
  told(kind: Fact['kind'], count?: number): Promise<void>
  enqueue(orderId: string, more?: { readonly customer?: string; readonly afterMs?: number }): Promise<string>
}

/** Runs the service while `during` does something, then stops it. */
export async function whileRunning<T>(scene: Scene, during: (running: Running) => Promise<T>): Promise<T> {
  const log = scene.config.log()
  const database = scene.config.services[0]!.database!()
  const heard: Fact[] = []
  let waiting: (() => void)[] = []
  const observe = (fact: Fact): void => {
    heard.push(fact)
    const wake = waiting
    waiting = []
    for (const go of wake) go()
  }
  const runtime = createRuntime({ service: receipts, log, database, observe })
  await runtime.start()
  try {
    return await during({
      runtime,
      async told(kind, count = 1) {
        while (heard.filter((fact) => fact.kind === kind).length < count)
          await new Promise<void>((resolve) => waiting.push(resolve))
      },
      async enqueue(orderId, { customer = orderId, afterMs = 0 } = {}) {
        const input = { orderId, customer }
        return (await runtime.transaction((tx) => tx.enqueue(SendReceipt, input, { afterMs }))).id
      },
    })
  } finally {
    await runtime.stop({ drainMs: 0 })
    await database.close()
    await log.close()
  }
}

/** The ids of a job that is done, one that failed, one that waits for an hour, and one of the same key behind it. */
export interface FilledJobs {
  readonly scene: Scene
  readonly done: string
  readonly failed: string
  readonly waiting: string
  readonly blocked: string
}

export async function filledJobs(t: Cleanup): Promise<FilledJobs> {
  const scene = jobsScene(t)
  return whileRunning(scene, async ({ enqueue, told }) => {
    const done = await enqueue('R-1')
    await told('done')
    const failed = await enqueue('bad-2', { customer: 'ann' })
    await told('dead-lettered')
    const waiting = await enqueue('R-3', { customer: 'bob', afterMs: 3_600_000 })
    const blocked = await enqueue('R-4', { customer: 'bob' })
    return { scene, done, failed, waiting, blocked }
  })
}

/** What a command says with `--json`. */
export async function jsonOf(scene: Scene, argv: readonly string[]) {
  return JSON.parse((await run(scene, [...argv, '--json'])).out)
}
