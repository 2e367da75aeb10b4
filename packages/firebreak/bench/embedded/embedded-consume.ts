import { join } from 'node:path'
import { type Handler, sqliteDatabase, sqliteLog } from 'firebreak'
import { drain, publishPiped } from '../common/drain.ts'
import { eventsOn } from '../common/events.ts'
import { effectHandler, emptyHandler, waitingHandler } from '../common/handlers.ts'

const events = eventsOn('bench')

/** Preloads `count` events, then measures one service handling all of them, from its start to the last commit. */
async function drainPerSec(folder: string, count: number, handler: Handler): Promise<number> {
  const log = sqliteLog({ path: folder })
  await publishPiped(log, events, { name: 'bench-publisher', inFlight: 2000, count })
  const database = sqliteDatabase({ path: join(folder, 'service.db') })
  await database.query('CREATE TABLE effect (n BIGINT NOT NULL, id TEXT NOT NULL)')
  const { fromStartPerSec } = await drain({ log, database, events, name: 'bench-consumer', count, handler })
  await database.close()
  await log.close()
  return fromStartPerSec
}

/** A handler that does nothing, with the inbox on. */
export const consumePerSec = (folder: string, count: number): Promise<number> =>
  drainPerSec(folder, count, emptyHandler(events))

/** Inbox mark, one row of the user's and one published event, in one unit of work each. */
export const effectOncePerSec = (folder: string, count: number): Promise<number> =>
  drainPerSec(folder, count, effectHandler(events))

/** A handler that waits 5 ms, 100 at once over 1,000 keys, each key in order: 20,000/s is the ceiling. */
export const handler5msPerSec = (folder: string, count: number): Promise<number> =>
  drainPerSec(folder, count, waitingHandler(events))
