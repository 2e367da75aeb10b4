import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Database } from '../../../src/contracts/database.ts'
import { permanent } from '../../../src/contracts/errors.ts'
import { type Handler, handle } from '../../../src/define/handle.ts'
import { service } from '../../../src/define/service.ts'
import { verifyLedger } from '../../../src/ledger/verify/verify.ts'
import { createRuntime, type Runtime } from '../../../src/runtime/runtime.ts'
import { sqliteDatabase } from '../../../src/sqlite/database/sqlite-database.ts'
import { memoryLog } from '../../../src/testing/memory-log/memory-log.ts'
import { virtualClock } from '../../../src/testing/virtual-time/virtual-clock.ts'
import { Followed, Happened } from '../../thing-scene.ts'

const ann = { by: 'ann', note: 'no longer needed' }
const broken = handle(Happened, () => {
  throw permanent('a bug')
})
const other = handle(Followed, () => {})

/** Releases of one service, one after the other, on one log and one database. */
async function releases(): Promise<{
  release(handlers: readonly Handler[], work: (runtime: Runtime) => Promise<void>): Promise<void>
  pass(ms: number): Promise<void>
  end(): Promise<void>
  readonly database: Database
}> {
  const clock = virtualClock()
  const log = memoryLog({ clock })
  const database = sqliteDatabase({ path: ':memory:', clock })
  return {
    release: async (handlers, work) => {
      const one = service({ name: 'one', publishes: [Happened], handlers })
      const runtime = createRuntime({ service: one, log, database, clock, observe: false })
      await runtime.start()
      await work(runtime)
      const stopping = runtime.stop()
      await clock.advance(5000)
      await stopping
    },
    pass: (ms) => clock.advance(ms),
    end: () => database.close(),
    database,
  }
}

test('a letter that nobody handles any more is not replayed, says so, stays open and can be discarded', async () => {
  const { release, pass, end } = await releases()
  await release([broken, other], async (runtime) => {
    await runtime.publish(Happened, { id: 'k', n: 1 })
    await pass(1000)
  })
  await release([other], async ({ deadLetters: letters }) => {
    const [letter] = await letters.list()
    assert.ok(letter !== undefined)
    await assert.rejects(letters.replay(letter.id, ann), {
      code: 'FB_REPLAY_INVALID',
      message: /one has no handler for it on topic thing\.events/,
    })
    assert.equal((await letters.get(letter.id)).state, 'open')
    await letters.discard(letter.id, ann)
    assert.equal((await letters.get(letter.id)).state, 'discarded')
  })
  await end()
})

test('a replay that meets a release without its handler goes back into its letter', async () => {
  const { release, pass, end } = await releases()
  // Another type of the same topic, so that the topic is still read.
  const sibling = handle({ ...Happened, type: 'thing.moved' }, () => {})
  await release([broken], async (runtime) => {
    await runtime.publish(Happened, { id: 'k', n: 1 })
    await pass(1000)
    const [letter] = await runtime.deadLetters.list()
    await runtime.stop()
    await runtime.deadLetters.replay(letter?.id ?? '', ann)
  })
  await release([sibling], async ({ deadLetters: letters }) => {
    await pass(10_000)
    const [letter] = await letters.list()
    assert.deepEqual([letter?.state, letter?.errorClass], ['open', 'FB_EVENT_UNKNOWN'])
  })
  await end()
})

test('a replay on a topic that is read no more says so, and can be discarded: the ledger adds up', async () => {
  const { release, pass, end, database } = await releases()
  await release([broken, other], async (runtime) => {
    await runtime.publish(Happened, { id: 'k', n: 1 })
    await pass(1000)
    const [letter] = await runtime.deadLetters.list()
    await runtime.stop()
    await runtime.deadLetters.replay(letter?.id ?? '', ann)
  })
  await release([other], async ({ deadLetters: letters }) => {
    await pass(10_000)
    const [letter] = await letters.list()
    assert.ok(letter !== undefined)
    assert.equal(letter.state, 'replaying')
    await assert.rejects(letters.replay(letter.id, ann), {
      code: 'FB_REPLAY_INVALID',
      message: /on topic thing\.events/,
    })
    await letters.discard(letter.id, ann)
    assert.equal((await letters.get(letter.id)).state, 'discarded')
    await assert.rejects(letters.discard(letter.id, ann), { code: 'FB_DEAD_LETTER_STATE' })
  })
  const { ok, partitions } = await verifyLedger(database)
  assert.ok(ok)
  assert.deepEqual(
    partitions.filter(({ discarded }) => discarded > 0).map(({ parked, dead, discarded }) => [parked, dead, discarded]),
    [[0, 0, 1]],
  )
  await end()
})

test('a letter that is being replayed where its service reads is not discarded', async () => {
  const { release, pass, end } = await releases()
  await release([broken], async (runtime) => {
    await runtime.publish(Happened, { id: 'k', n: 1 })
    await pass(1000)
    const [letter] = await runtime.deadLetters.list()
    await runtime.stop()
    await runtime.deadLetters.replay(letter?.id ?? '', ann)
    await assert.rejects(runtime.deadLetters.discard(letter?.id ?? '', ann), { code: 'FB_DEAD_LETTER_STATE' })
  })
  await end()
})
