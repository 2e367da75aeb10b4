import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { isFirebreakError, permanent } from '../../../src/contracts/errors.ts'
import type { JobContext } from '../../../src/contracts/job-context.ts'
import { handle } from '../../../src/define/handle.ts'
import { job } from '../../../src/define/job.ts'
import { type ServiceDefinition, service } from '../../../src/define/service.ts'
import { missingJobs, readJobAccounts } from '../../../src/ledger/jobs/job-accounts.ts'
import { deadLetters as lettersOf } from '../../../src/runtime/operator/dead-letters.ts'
import { jobs as jobsOf } from '../../../src/runtime/operator/jobs.ts'
import { gate } from '../../../src/testing/conformance/database-scene.ts'
import { rejectsWith } from '../../../src/testing/conformance/log-scene.ts'
import { createTestRuntime, type TestRuntimeOptions } from '../../../src/testing/test-runtime.ts'
import type { TestService } from '../../../src/testing/test-service.ts'

const schema = z.object({ orderId: z.string() })
const SendReceipt = job({ type: 'receipt.send', schema, keepMs: 3_600_000 })
const by = { by: 'ada', note: 'no longer needed' }

type Send = (orderId: string, ctx: JobContext) => unknown

const billingThat = (send: Send): ServiceDefinition =>
  service({ name: 'billing', handlers: [handle(SendReceipt, ({ orderId }, ctx) => send(orderId, ctx))] })

/** One service with one kind of job, and the table in which its handler writes. */
async function scene(send: Send, more: Partial<TestRuntimeOptions> = {}) {
  const billing = billingThat(send)
  const prepare: TestRuntimeOptions['prepare'] = (database) => database.query('CREATE TABLE sent (order_id TEXT)')
  const app = await createTestRuntime({ services: [billing], prepare, observe: false, ...more })
  const one = app.service(billing)
  const enqueue = async (orderId: string, afterMs = 0): Promise<string> =>
    (await one.runtime.transaction((tx) => tx.enqueue(SendReceipt, { orderId }, { afterMs }))).id
  const sent = async (): Promise<unknown[]> => (await one.database.query('SELECT * FROM sent')).flatMap(Object.values)
  return { app, one, enqueue, sent, [Symbol.asyncDispose]: () => app.stop() }
}

/** What became of all jobs; the accounts must add up, and say what the tables say. */
async function accounts(one: TestService): Promise<Record<string, number>> {
  const found = (await readJobAccounts(one.database)).get('receipt.send')
  assert.ok(found)
  assert.equal(missingJobs(found), 0)
  const { problems } = await one.ledger()
  assert.deepEqual(problems, [])
  return Object.fromEntries(Object.entries(found).filter(([, n]) => n > 0))
}

const stateOf = async ({ runtime }: TestService, id: string): Promise<string> => (await runtime.jobs.get(id)).state

const insertAs = (orderId: string, ctx: JobContext): Promise<unknown> =>
  ctx.transaction((tx) => tx.query('INSERT INTO sent VALUES ($1)', [orderId]))

test('jobs are listed newest first, page by page, by type and state', async () => {
  await using all = await scene(insertAs)
  const ids = [await all.enqueue('1'), await all.enqueue('2', 60_000), await all.enqueue('3', 60_000)]
  await all.app.settle()
  const { jobs } = all.one.runtime
  const listed = async (page = {}): Promise<unknown[]> => (await jobs.list(page)).map(({ id }) => ids.indexOf(id))
  assert.deepEqual(await listed(), [2, 1, 0])
  assert.deepEqual(await listed({ max: 2 }), [2, 1])
  assert.deepEqual(await listed({ max: 2, after: ids[1] }), [0])
  assert.deepEqual(await listed({ state: 'waiting' }), [2, 1])
  assert.deepEqual(await listed({ state: 'done' }), [0])
  assert.deepEqual(await listed({ type: 'nothing' }), [])
  await rejectsWith(jobs.list({ max: -1 }), 'FB_CONFIG')
})

test('a job is found by its id, or by a beginning that no other has', async () => {
  await using all = await scene(insertAs)
  const [first, second] = [await all.enqueue('1', 60_000), await all.enqueue('2', 60_000)]
  const { jobs } = all.one.runtime
  assert.equal((await jobs.get(first)).input, '{"orderId":"1"}')
  const same = [...first].findIndex((letter, i) => letter !== second[i])
  assert.equal((await jobs.get(first.slice(0, same + 1))).id, first)
  await assert.rejects(jobs.get(first.slice(0, same)), (error) => {
    assert.ok(isFirebreakError(error, 'FB_JOB_AMBIGUOUS'))
    assert.deepEqual(error.detail['candidates'], [first, second].sort())
    return true
  })
  await rejectsWith(jobs.get('ffff'), 'FB_JOB_NOT_FOUND')
  await rejectsWith(jobs.get(''), 'FB_JOB_NOT_FOUND')
})

test('scenario 25: a job that is cancelled before it starts never runs, and its end says who and why', async () => {
  await using all = await scene(() => assert.fail('it must not run'))
  const id = await all.enqueue('1', 60_000)
  assert.equal(await all.one.runtime.jobs.cancel(id, by), 'cancelled')
  await all.app.advance(120_000)
  const { state, error } = await all.one.runtime.jobs.get(id)
  assert.deepEqual([state, error], ['cancelled', 'cancelled by ada: no longer needed'])
  assert.deepEqual(await accounts(all.one), { enqueued: 1, cancelled: 1 })
})

test('scenario 25: a job that is cancelled while it runs is told by its signal within a second, and ends', async () => {
  let [heard, isTold] = [false, false]
  await using all = await scene(
    (_, { signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          heard = true
          reject(signal.reason)
        })
      }),
  )
  const { pending } = all.app.clock
  const id = await all.enqueue('1')
  await all.app.settle()
  all.one.runtime.on('cancelled', () => {
    isTold = true
  })
  assert.equal(await all.one.runtime.jobs.cancel(id, by), 'cancelling')
  assert.deepEqual((await all.one.runtime.jobs.get(id)).decision?.note, by.note)
  await all.app.advance(1000)
  assert.deepEqual([heard, isTold], [true, true])
  const { state, error } = await all.one.runtime.jobs.get(id)
  assert.deepEqual([state, error], ['cancelled', 'cancelled by ada: no longer needed'])
  assert.deepEqual(await accounts(all.one), { enqueued: 1, cancelled: 1 })
  assert.equal(all.app.clock.pending, pending, 'nothing waits for its handler any more')
})

test('scenario 25: a job that is cancelled in its commit is done, and who cancels is told', async () => {
  const [inside, goOn] = [gate(), gate()]
  await using all = await scene((orderId, ctx) =>
    ctx.transaction(async (tx) => {
      await tx.query('INSERT INTO sent VALUES ($1)', [orderId])
      inside.open()
      await goOn.reached
    }),
  )
  const id = await all.enqueue('1')
  await inside.reached
  const cancelled = all.one.runtime.jobs.cancel(id, by).catch((error) => error)
  goOn.open()
  const answer = await cancelled
  await all.app.settle()
  assert.ok(isFirebreakError(answer, 'FB_JOB_STATE'), String(answer))
  assert.deepEqual([answer.detail['state'], answer.detail['action']], ['done', 'cancelled'])
  assert.deepEqual([await stateOf(all.one, id), await all.sent()], ['done', ['1']])
  assert.deepEqual(await accounts(all.one), { enqueued: 1, done: 1 })
})

test('scenario 25: what a handler commits after the cancel, and before its signal, is committed', async () => {
  const go = gate()
  await using all = await scene(async (orderId, ctx) => {
    await go.reached
    await insertAs(orderId, ctx)
  })
  const id = await all.enqueue('1')
  await all.app.settle()
  assert.equal(await all.one.runtime.jobs.cancel(id, by), 'cancelling')
  go.open()
  await all.app.settle()
  assert.deepEqual([await stateOf(all.one, id), await all.sent()], ['done', ['1']])
  assert.deepEqual(await accounts(all.one), { enqueued: 1, done: 1 })
})

test('scenario 25: a job that has ended is not cancelled: the error says how it ended', async () => {
  await using all = await scene(insertAs)
  const id = await all.enqueue('1')
  await all.app.settle()
  await assert.rejects(all.one.runtime.jobs.cancel(id, by), /is done, so it cannot be cancelled/)
  await all.app.advance(3_700_000)
  await rejectsWith(all.one.runtime.jobs.cancel(id, by), 'FB_JOB_NOT_FOUND')
})

test('scenario 26: a handler that ignores its signal loses its place after ten seconds, and commits nothing later', async () => {
  const go = gate()
  let late: unknown
  const done: string[] = []
  await using all = await scene(
    async (orderId, ctx) => {
      if (orderId === 'next') return void done.push(orderId)
      await go.reached
      late = await insertAs(orderId, ctx).catch((error) => error)
    },
    { limits: { jobsMax: 1 } },
  )
  const id = await all.enqueue('stubborn')
  await all.app.settle()
  await all.enqueue('next')
  await all.one.runtime.jobs.cancel(id, by)
  await all.app.advance(9000)
  assert.deepEqual([await stateOf(all.one, id), done], ['cancelling', []])
  await all.app.advance(2500)
  assert.deepEqual([await stateOf(all.one, id), done], ['cancelled', ['next']])
  go.open()
  await all.app.settle()
  assert.ok(isFirebreakError(late, 'FB_UNIT_ENDED'), String(late))
  assert.deepEqual(await all.sent(), [])
  assert.deepEqual(await accounts(all.one), { enqueued: 2, done: 1, cancelled: 1 })
})

test('a job that waits is started now, at once in this process and within a second from another one', async () => {
  await using all = await scene(insertAs)
  const [here, there] = [await all.enqueue('here', 3_600_000), await all.enqueue('there', 3_600_000)]
  await all.one.runtime.jobs.runNow(here, by)
  await all.app.settle()
  assert.deepEqual(await all.sent(), ['here'])
  const { clock, entropy } = all.app
  const { database, definition } = all.one
  const elsewhere = jobsOf({ database, service: definition, clock, entropy, onChange: () => {} })
  await elsewhere.runNow(there, by)
  assert.deepEqual((await elsewhere.get(there)).decision, { atMs: clock.now(), action: 'run-now', ...by })
  await all.app.advance(1000)
  assert.deepEqual(await all.sent(), ['here', 'there'])
  await assert.rejects(elsewhere.runNow(there, by), /is done, so it cannot be started now/)
})

test('a job that waits for its next attempt is started now', async () => {
  let attempts = 0
  await using all = await scene(() => {
    if (++attempts === 1) throw new Error('not yet')
  })
  const id = await all.enqueue('1')
  await all.app.settle()
  assert.equal(await stateOf(all.one, id), 'waiting')
  await all.one.runtime.jobs.runNow(id, by)
  await all.app.settle()
  assert.deepEqual([attempts, await stateOf(all.one, id)], [2, 'done'])
})

test('of a job whose end is not kept, that it was not done is kept for a day', async () => {
  const Short = job({ type: 'receipt.send', schema })
  const run = ({ orderId }: { orderId: string }): void => {
    if (orderId === 'bad') throw permanent('no')
  }
  const billing = service({ name: 'billing', handlers: [handle(Short, run)] })
  await using app = await createTestRuntime({ services: [billing], observe: false, expectDeadLetters: true })
  const { runtime } = app.service(billing)
  for (const orderId of ['good', 'bad']) await runtime.transaction((tx) => tx.enqueue(Short, { orderId }))
  await app.settle()
  const states = async (): Promise<string[]> => (await runtime.jobs.list()).map(({ state }) => state)
  assert.deepEqual(await states(), ['failed'])
  await app.advance(86_300_000)
  assert.deepEqual(await states(), ['failed'])
  await app.advance(200_000)
  assert.deepEqual(await states(), [])
})

/** A job whose dead letter waits for somebody; it fails as long as `works` is false. */
async function failedScene() {
  const now = { works: false }
  const all = await scene(
    async (orderId, ctx) => {
      if (orderId === 'wait') await new Promise(() => {})
      if (!now.works && orderId !== 'good') throw permanent('there is no such customer')
      await insertAs(orderId, ctx)
    },
    { expectDeadLetters: true },
  )
  const id = await all.enqueue('bad')
  await all.app.settle()
  assert.deepEqual(await accounts(all.one), { enqueued: 1, failed: 1 })
  const [letter] = await all.one.deadLetters.list()
  assert.ok(letter)
  const letterOf = () => all.one.deadLetters.get(letter.id)
  const history = async (): Promise<string[]> => (await letterOf()).history.map(({ action }) => action)
  return { ...all, now, id, letter, letterOf, history }
}

test('a job that is replayed runs under its id, and its success resolves the letter in the same commit', async () => {
  await using all = await failedScene()
  all.now.works = true
  await all.one.deadLetters.replay(all.letter.id, by)
  await all.app.settle()
  assert.deepEqual([await stateOf(all.one, all.id), await all.sent()], ['done', ['bad']])
  const { state, replays } = await all.letterOf()
  assert.deepEqual([state, replays], ['resolved', 1])
  assert.deepEqual(await all.history(), ['dead-lettered', 'replayed', 'resolved'])
  assert.deepEqual(await accounts(all.one), { enqueued: 1, done: 1 })
})

test('whenever the process dies in a replay, the job and its letter agree', async () => {
  for (let call = 1; ; call++) {
    await using all = await failedScene()
    all.now.works = true
    const { clock, entropy } = all.app
    const { database, definition } = all.one
    all.one.crashAt(call)
    await lettersOf({ database, service: definition, clock, entropy, onChange: () => {} }).replay(all.letter.id, by)
    await all.app.advance(1000)
    const isOver = all.one.instances > 0
    // An end without its letter, or a letter without its job, is a problem of the ledger.
    const { live = 0, done = 0, failed = 0 } = await accounts(all.one)
    assert.equal(live + done + failed, 1)
    if (isOver) return assert.ok(call > 5)
    await all.one.restart()
  }
})

test('while a job is replayed it lives, and its letter is replaying', async () => {
  await using all = await failedScene()
  await all.one.crash()
  await all.one.deadLetters.replay(all.letter.id, by)
  assert.equal((await all.letterOf()).state, 'replaying')
  assert.deepEqual(await accounts(all.one), { enqueued: 1, live: 1 })
  await rejectsWith(all.one.deadLetters.replay(all.letter.id, by), 'FB_DEAD_LETTER_STATE')
  await rejectsWith(all.one.deadLetters.discard(all.letter.id, by), 'FB_DEAD_LETTER_STATE')
  await all.one.restart()
})

test('a replay that fails again opens the same letter, with the attempts of both', async () => {
  await using all = await failedScene()
  await all.one.deadLetters.replay(all.letter.id, by)
  await all.app.settle()
  const letters = await all.one.deadLetters.list()
  assert.deepEqual(
    letters.map(({ id, state, attempts }) => [id, state, attempts.length]),
    [[all.letter.id, 'open', 2]],
  )
  assert.deepEqual(await all.history(), ['dead-lettered', 'replayed', 'dead-lettered'])
  assert.deepEqual(await accounts(all.one), { enqueued: 1, failed: 1 })
})

test('an edited job is a new one that names the old one as its cause; the old one is discarded', async () => {
  await using all = await failedScene()
  const { deadLetters, runtime } = all.one
  await rejectsWith(deadLetters.edit(all.letter.id, { orderId: 7 }, by), 'FB_REPLAY_INVALID')
  await rejectsWith(deadLetters.check(all.letter.id, null), 'FB_REPLAY_INVALID')
  assert.equal((await all.letterOf()).state, 'open')
  await deadLetters.check(all.letter.id, { orderId: 'good' })
  const waiting = await all.one.runtime.jobs.list({ state: 'waiting' })
  assert.deepEqual(waiting, [])
  await deadLetters.edit(all.letter.id, { orderId: 'wait' }, by)
  await all.app.settle()
  const [copy] = await runtime.jobs.list({ state: 'running' })
  assert.ok(copy)
  assert.notEqual(copy.id, all.id)
  assert.equal(copy.headers?.['ce_causationid'], all.id)
  assert.equal(copy.headers?.['ce_correlationid'], all.letter.correlationId)
  assert.equal((await all.letterOf()).state, 'superseded')
  assert.deepEqual((await all.letterOf()).history.at(-1)?.note, `no longer needed (as ${copy.id})`)
  assert.equal(await stateOf(all.one, all.id), 'discarded')
  assert.deepEqual(await accounts(all.one), { enqueued: 2, live: 1, discarded: 1 })
})

test('a job that is discarded counts as that, and its letter keeps the reason', async () => {
  await using all = await failedScene()
  await rejectsWith(all.one.deadLetters.discard(all.letter.id, { by: 'ada', note: ' ' }), 'FB_DEAD_LETTER_REASON')
  await all.one.deadLetters.discard(all.letter.id, by)
  assert.equal((await all.letterOf()).state, 'discarded')
  assert.equal(await stateOf(all.one, all.id), 'discarded')
  assert.deepEqual(await accounts(all.one), { enqueued: 1, discarded: 1 })
})

test('a replay that is cancelled before it starts gives its letter up', async () => {
  await using all = await failedScene()
  await all.one.crash()
  await all.one.deadLetters.replay(all.letter.id, by)
  const { clock, entropy } = all.app
  const { database, definition } = all.one
  const jobs = jobsOf({ database, service: definition, clock, entropy, onChange: () => {} })
  assert.equal(await jobs.cancel(all.id, by), 'cancelled')
  const { state, history } = await all.letterOf()
  assert.deepEqual([state, history.at(-1)?.note], ['discarded', 'its replay was cancelled: no longer needed'])
  assert.deepEqual(await accounts(all.one), { enqueued: 1, cancelled: 1 })
  await all.one.restart()
})

/** A letter whose job waits in its handler for good when it is replayed. */
async function stuckScene() {
  let attempts = 0
  const all = await scene(
    async (_, { signal }) => {
      if (++attempts === 1) throw permanent('no')
      await new Promise((_, reject) => signal.addEventListener('abort', reject))
    },
    { expectDeadLetters: true },
  )
  const id = await all.enqueue('1')
  await all.app.settle()
  const [letter] = await all.one.deadLetters.list()
  assert.ok(letter)
  await all.one.deadLetters.replay(letter.id, by)
  await all.app.settle()
  assert.equal(await all.one.runtime.jobs.cancel(id, by), 'cancelling')
  return { ...all, id, letterId: letter.id }
}

test('a replay that is cancelled while it runs gives its letter up', async () => {
  await using all = await stuckScene()
  await all.app.advance(2000)
  const { state, history } = await all.one.deadLetters.get(all.letterId)
  assert.deepEqual([state, history.at(-1)?.by], ['discarded', 'ada'])
  assert.equal(history.at(-1)?.note, 'its replay was cancelled: no longer needed')
  assert.deepEqual(await accounts(all.one), { enqueued: 1, cancelled: 1 })
})

test('a replay that is cancelled while its holder is dead gives its letter up', async () => {
  await using all = await stuckScene()
  await all.one.crash()
  await all.one.restart()
  await all.app.advance(30_000)
  const { state, history } = await all.one.deadLetters.get(all.letterId)
  assert.deepEqual([state, history.at(-1)?.by], ['discarded', 'ada'])
  const { error } = await all.one.runtime.jobs.get(all.id)
  assert.equal(error, 'cancelled by ada: no longer needed')
  assert.deepEqual(await accounts(all.one), { enqueued: 1, cancelled: 1 })
})

test('a replay has the time of its definition anew; one that comes too late gives its letter up', async () => {
  const Late = job({ type: 'receipt.send', schema, deadlineMs: 60_000 })
  const run = (): void => {
    throw permanent('no')
  }
  const billing = service({ name: 'billing', handlers: [handle(Late, run)] })
  await using app = await createTestRuntime({ services: [billing], observe: false, expectDeadLetters: true })
  const one = app.service(billing)
  await one.runtime.transaction((tx) => tx.enqueue(Late, { orderId: '1' }))
  await app.settle()
  const [letter] = await one.deadLetters.list()
  assert.ok(letter)
  await app.advance(120_000)
  await one.deadLetters.replay(letter.id, by)
  await app.settle()
  const again = await one.deadLetters.get(letter.id)
  assert.deepEqual([again.state, again.attempts.length], ['open', 2])
  await one.crash()
  await one.deadLetters.replay(letter.id, by)
  await app.advance(61_000)
  await one.restart()
  await app.settle()
  const { state, history } = await one.deadLetters.get(letter.id)
  assert.deepEqual([state, history.at(-1)?.note], ['discarded', 'its replay came too late for its deadline'])
  assert.deepEqual(await accounts(one), { enqueued: 1, expired: 1 })
})

test('a letter whose job nobody runs any more is not replayed and not edited; it can be discarded', async () => {
  await using all = await failedScene()
  await all.one.crash()
  const Other = job({ type: 'other', schema })
  const without = service({ name: 'billing', handlers: [handle(Other, () => {})] })
  const { clock, entropy } = all.app
  const letters = lettersOf({ database: all.one.database, service: without, clock, entropy, onChange: () => {} })
  await rejectsWith(letters.replay(all.letter.id, by), 'FB_REPLAY_INVALID')
  await rejectsWith(letters.edit(all.letter.id, { orderId: 'good' }, by), 'FB_REPLAY_INVALID')
  assert.equal((await all.letterOf()).state, 'open')
  await letters.discard(all.letter.id, by)
  assert.deepEqual(await accounts(all.one), { enqueued: 1, discarded: 1 })
  await all.one.restart()
})
