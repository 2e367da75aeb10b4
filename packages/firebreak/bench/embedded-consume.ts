import { join } from 'node:path'
import { createRuntime, type Handler, handle, type Log, service, sqliteDatabase, sqliteLog } from 'firebreak'
import { Followed, Happened, measured } from './events.ts'
import { perSecond } from './settings.ts'

/** Fills the topic with `count` events. */
async function preload(log: Log, count: number): Promise<void> {
  const runtime = createRuntime({ service: service({ name: 'bench-publisher', publishes: [Happened] }), log })
  await runtime.start()
  let next = 0
  const line = async (): Promise<void> => {
    while (next < count) await runtime.publish(Happened, measured(next++))
  }
  await Promise.all(Array.from({ length: 2000 }, line))
  await runtime.stop()
}

/** Preloads `count` events, then measures one service handling all of them, from its start to the last commit. */
async function drainPerSec(
  folder: string,
  count: number,
  spec: { handler: Handler; handlersMax?: number },
): Promise<number> {
  const log = sqliteLog({ path: folder })
  await preload(log, count)
  const database = sqliteDatabase({ path: join(folder, 'service.db') })
  await database.query('CREATE TABLE effect (n BIGINT NOT NULL, id TEXT NOT NULL)')
  let left = count
  let finish = (): void => {}
  const finished = new Promise<void>((resolve) => {
    finish = resolve
  })
  const definition = service({
    name: 'bench-consumer',
    handlers: [spec.handler],
    publishes: [Followed],
    handlersMax: spec.handlersMax ?? 100,
  })
  const observe = (fact: { kind: string }): void => {
    if (fact.kind === 'done' && --left === 0) finish()
  }
  const runtime = createRuntime({ service: definition, log, database, observe })
  const started = performance.now()
  await runtime.start()
  await finished
  const elapsedMs = performance.now() - started
  await runtime.stop({ drainMs: 30_000 })
  await database.close()
  await log.close()
  return perSecond(count, elapsedMs)
}

/** A handler that does nothing, with the inbox on. */
export const consumePerSec = (folder: string, count: number): Promise<number> =>
  drainPerSec(folder, count, { handler: handle(Happened, () => {}) })

/** Inbox mark, one row of the user's and one published event, in one unit of work each. */
export const effectOncePerSec = (folder: string, count: number): Promise<number> =>
  drainPerSec(folder, count, {
    handler: handle(Happened, async (payload, ctx) => {
      await ctx.transaction(async (sql) => {
        await sql.query('INSERT INTO effect (n, id) VALUES ($1, $2)', [payload.n, payload.id])
        ctx.publish(Followed, payload)
      })
    }),
  })

/** A handler that waits 5 ms, 100 at once over 1,000 keys, each key in order: 20,000/s is the ceiling. */
export const handler5msPerSec = (folder: string, count: number): Promise<number> =>
  drainPerSec(folder, count, {
    handler: handle(Happened, () => new Promise<void>((resolve) => setTimeout(resolve, 5))),
    handlersMax: 100,
  })
