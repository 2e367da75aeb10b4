import { postgresDatabase } from 'firebreak/postgres'
import { memoryLog } from 'firebreak/testing'
import { drain, publishPiped } from '../common/drain.ts'
import { eventsOn } from '../common/events.ts'
import { effectHandler } from '../common/handlers.ts'
import { createEffects, expectEffects } from '../common/postgres-databases.ts'

/**
 * Effect-once handlers over a log in memory, so that the database is all there is to wait for: inbox mark, one user row and
 * one published event each, from the first handler until the last event has left the outbox.
 */
export async function effectOncePerSec(url: string, count: number): Promise<number> {
  const events = eventsOn('bench')
  const log = memoryLog()
  await publishPiped(log, events, { name: 'fb-bench-publisher', inFlight: 2000, count })
  await createEffects(url)
  const database = postgresDatabase({ url })
  const handler = effectHandler(events)
  const { fromFirstPerSec } = await drain({
    ...{ log, database, events, count, handler },
    name: 'fb-bench-consumer',
    published: 1,
  })
  await database.close()
  await log.close()
  await expectEffects(url, count)
  return fromFirstPerSec
}
