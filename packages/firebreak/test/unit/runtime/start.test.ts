import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FirebreakError } from '../../../src/contracts/errors.ts'
import { createRuntime } from '../../../src/runtime/runtime.ts'
import { sqliteDatabase } from '../../../src/sqlite/database/sqlite-database.ts'
import { type Around, aroundDatabase, aroundLog, type PortCall } from '../../../src/testing/around.ts'
import { memoryLog } from '../../../src/testing/memory-log/memory-log.ts'
import { virtualClock } from '../../../src/testing/virtual-time/virtual-clock.ts'
import { Followed, writer } from '../../thing-scene.ts'

const minuteMs = 60_000

/** Ports that answer so many calls, and no more. */
class Dying implements Around {
  calls = 0
  readonly #answered: number

  constructor(answered: number) {
    this.#answered = answered
  }

  async call<T>({ port }: PortCall, run: () => Promise<T>): Promise<T> {
    if (this.calls++ < this.#answered) return run()
    const code = port === 'database' ? 'FB_DATABASE_UNAVAILABLE' : 'FB_LOG_UNAVAILABLE'
    throw new FirebreakError(code, { path: 'test', reason: 'planted' })
  }
}

/** Starts a runtime whose ports die after so many calls, and lets a minute pass. Does not stop it. */
async function started(answered: number) {
  const clock = virtualClock()
  const around = new Dying(answered)
  const log = memoryLog({ clock })
  const database = sqliteDatabase({ path: ':memory:' })
  const runtime = createRuntime({
    service: writer('one', undefined, { publishes: Followed }),
    log: aroundLog(log, around),
    database: aroundDatabase(database, around),
    clock,
    observe: false,
  })
  runtime.done.catch(() => undefined)
  let error: unknown
  runtime.start().catch((reason) => {
    error = reason
  })
  await clock.advance(minuteMs)
  const callsBefore = around.calls
  await clock.advance(minuteMs)
  const end = async (): Promise<void> => {
    const stopped = runtime.stop()
    await clock.advance(minuteMs)
    await stopped
    await log.close()
    await database.close()
  }
  return { clock, error, runtime, callsAfter: around.calls - callsBefore, end }
}

test('wherever a start fails, nothing of the runtime goes on', async () => {
  let failures = 0
  for (let answered = 0; ; answered++) {
    const { clock, error, runtime, callsAfter, end } = await started(answered)
    if (error === undefined) {
      await end()
      break
    }
    failures++
    const where = `after ${answered} calls`
    assert.ok(error instanceof FirebreakError && error.kind === 'transient', `${where}: ${error}`)
    assert.equal(callsAfter, 0, `calls to the ports ${where}`)
    assert.equal(clock.nextAtMs, undefined, `something waits ${where}`)
    await assert.rejects(runtime.publish(Followed, { id: 'k', n: 1 }), { code: 'FB_CLOSED' }, where)
    await end()
  }
  assert.ok(failures >= 4, `only ${failures} calls can fail a start`)
})

test('a runtime that was stopped does not start again', async () => {
  const { clock, runtime, end } = await started(Number.POSITIVE_INFINITY)
  const stopping = runtime.stop()
  await clock.advance(5000)
  await stopping
  await assert.rejects(runtime.start(), { code: 'FB_CLOSED' })
  await end()
})
