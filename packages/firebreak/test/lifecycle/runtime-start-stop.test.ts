import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createRuntime, event, handle, type Log, service, sqliteDatabase, sqliteLog } from 'firebreak'
import { memoryLog, startStopStress } from 'firebreak/testing'
import { z } from 'zod'

const Happened = event({ type: 'life.happened', topic: 'life.events', key: 'id', schema: z.object({ id: z.string() }) })
const consumer = service({ name: 'life', publishes: [Happened], handlers: [handle(Happened, () => {})] })

// A runtime with its own log and database, as a process has them.
const life = (log: Log, path: string) => {
  const database = sqliteDatabase({ path })
  const runtime = createRuntime({ service: consumer, log, database, observe: false })
  return {
    start: async () => {
      await runtime.start()
      await runtime.publish(Happened, { id: 'a' })
    },
    close: async () => {
      await runtime.stop()
      await database.close()
      await log.close()
    },
  }
}

test('a runtime in memory survives being started and stopped in every order', async () => {
  await startStopStress({ create: () => life(memoryLog(), ':memory:'), rounds: 5, concurrent: 10 })
})

test('a runtime on the embedded engine survives being started and stopped in every order', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'firebreak-life-'))
  let number = 0
  const create = () => {
    const own = join(folder, String(++number))
    return life(sqliteLog({ path: own }), join(own, 'service.db'))
  }
  await startStopStress({ create, rounds: 5, concurrent: 3 })
  await rm(folder, { recursive: true, force: true })
})
