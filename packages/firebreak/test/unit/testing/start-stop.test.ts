import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { sqliteDatabase } from '../../../src/sqlite/database/sqlite-database.ts'
import { memoryLog } from '../../../src/testing/memory-log/memory-log.ts'
import { startStopStress } from '../../../src/testing/start-stop.ts'

test('a database survives being started and closed in every order', async () => {
  const create = () => {
    const database = sqliteDatabase({ path: ':memory:' })
    return { start: () => database.query('select 1'), close: () => database.close() }
  }
  await startStopStress({ create, rounds: 5, concurrent: 20 })
})

test('a memory log survives being started and closed in every order', async () => {
  const create = () => {
    const log = memoryLog()
    const start = async (): Promise<void> => {
      await log.ensureTopics([{ name: 't' }])
      const cursor = await log.open('g', ['t'])
      await cursor.poll({ recordsMax: 1, waitMs: 1, signal: new AbortController().signal })
    }
    return { start, close: () => log.close() }
  }
  await startStopStress({ create, rounds: 5, concurrent: 20 })
})

test('what is left behind is reported', async () => {
  const server = createServer()
  const create = () => ({
    start: () => new Promise<void>((ready) => (server.listening ? ready() : server.listen(0, ready))),
    close: async () => {},
  })
  await assert.rejects(startStopStress({ create, rounds: 1, concurrent: 1 }), /left behind/)
  await new Promise((closed) => server.close(closed))
})
