import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { FirebreakError, permanent, throttled } from '../../../src/contracts/errors.ts'
import type { Fact } from '../../../src/contracts/journal.ts'
import { event } from '../../../src/define/event.ts'
import { handle } from '../../../src/define/handle.ts'
import { job } from '../../../src/define/job.ts'
import { service } from '../../../src/define/service.ts'
import { releaseHolder } from '../../../src/ledger/jobs/holders.ts'
import { createRuntime } from '../../../src/runtime/runtime.ts'
import type { Around } from '../../../src/testing/around.ts'
import { gate } from '../../../src/testing/conformance/database-scene.ts'
import { rejectsWith } from '../../../src/testing/conformance/log-scene.ts'
import { createTestRuntime, type TestRuntimeOptions } from '../../../src/testing/test-runtime.ts'

const schema = z.object({ orderId: z.string() })
const SendReceipt = job({ type: 'receipt.send', schema })
const ReceiptSent = event({ type: 'receipt.sent', topic: 'receipts', key: 'orderId', schema })
const OrderPlaced = event({ type: 'order.placed', topic: 'orders', key: 'orderId', schema })

const prepare: TestRuntimeOptions['prepare'] = (database) => database.query('CREATE TABLE sent (order_id TEXT)')

test('a job runs after the commit that enqueued it, and its effects and events are in the commit of its end', async () => {
  const send = handle(SendReceipt, async ({ orderId }, ctx) => {
    await ctx.transaction(async (tx) => {
      await tx.query('INSERT INTO sent VALUES ($1)', [orderId])
      tx.publish(ReceiptSent, { orderId })
    })
  })
  const billing = service({ name: 'billing', handlers: [send], publishes: [ReceiptSent] })
  await using app = await createTestRuntime({ services: [billing], prepare })
  const { runtime, database } = app.service(billing)
  const { id, joined } = await runtime.transaction((tx) => tx.enqueue(SendReceipt, { orderId: '4711' }))
  assert.equal(joined, false)
  await app.settle()
  assert.deepEqual((await database.query('SELECT order_id FROM sent')).map(Object.values), [['4711']])
  const [published] = await app.published(ReceiptSent)
  assert.equal(published?.envelope.causationId, id)
  assert.equal(published?.envelope.correlationId, id)
  assert.deepEqual(await database.query('SELECT id FROM fb_jobs'), [])
  const { ok, jobs } = await app.service(billing).ledger()
  assert.ok(ok)
  assert.deepEqual(
    jobs.map(({ type, enqueued, live, done }) => [type, enqueued, live, done]),
    [['receipt.send', 1, 0, 1]],
  )
})

test('scenario 1: a transaction that fails leaves no job', async () => {
  let runs = 0
  const send = handle(SendReceipt, () => {
    runs++
  })
  const billing = service({ name: 'billing', handlers: [send] })
  await using app = await createTestRuntime({ services: [billing], prepare })
  const { runtime, database } = app.service(billing)
  const failing = runtime.transaction(async (tx) => {
    await tx.enqueue(SendReceipt, { orderId: '4711' })
    await tx.query('INSERT INTO nowhere VALUES (1)')
  })
  await assert.rejects(failing)
  await app.settle()
  assert.equal(runs, 0)
  assert.deepEqual(await database.query('SELECT * FROM fb_job_accounts'), [])
})

test('a handler of an event enqueues with its own commit', async () => {
  const done: string[] = []
  const onOrder = handle(OrderPlaced, ({ orderId }, ctx) => ctx.enqueue(SendReceipt, { orderId }))
  const send = handle(SendReceipt, ({ orderId }) => void done.push(orderId))
  const billing = service({ name: 'billing', handlers: [onOrder, send] })
  await using app = await createTestRuntime({ services: [billing], prepare })
  await app.publish(OrderPlaced, { orderId: '4711' })
  await app.settle()
  assert.deepEqual(done, ['4711'])
})

test('a delayed job starts when its time has come, and no earlier', async () => {
  const done: string[] = []
  const billing = service({
    name: 'billing',
    handlers: [handle(SendReceipt, ({ orderId }) => void done.push(orderId))],
  })
  await using app = await createTestRuntime({ services: [billing] })
  await app.service(billing).runtime.transaction((tx) => tx.enqueue(SendReceipt, { orderId: '1' }, { afterMs: 60_000 }))
  await app.advance(59_999)
  assert.deepEqual(done, [])
  await app.advance(1000)
  assert.deepEqual(done, ['1'])
})

test('a job that fails is tried again later and holds no place meanwhile; its attempts are counted', async () => {
  const attempts: number[] = []
  const send = handle(SendReceipt, (_, ctx) => {
    attempts.push(ctx.attempt)
    if (ctx.attempt < 3) throw new Error('the mail server is away')
  })
  const billing = service({ name: 'billing', handlers: [send] })
  await using app = await createTestRuntime({ services: [billing], observe: false })
  await app.service(billing).runtime.transaction((tx) => tx.enqueue(SendReceipt, { orderId: '1' }))
  await app.advance(10_000)
  assert.deepEqual(attempts, [1, 2, 3])
})

test('a job that can never succeed is a dead letter at once, with its input', async () => {
  const send = handle(SendReceipt, () => {
    throw permanent('there is no such customer')
  })
  const billing = service({ name: 'billing', handlers: [send] })
  await using app = await createTestRuntime({ services: [billing], expectDeadLetters: true })
  const { runtime, deadLetters } = app.service(billing)
  const { id } = await runtime.transaction((tx) => tx.enqueue(SendReceipt, { orderId: '4711' }))
  await app.settle()
  const [letter] = await deadLetters.list()
  assert.deepEqual((await app.service(billing).ledger()).problems, [])
  assert.equal(letter?.eventId, id)
  assert.equal(letter?.eventType, 'receipt.send')
  assert.equal(letter?.reason, 'permanent')
  assert.equal(Buffer.from(letter?.entry.value ?? []).toString(), '{"orderId":"4711"}')
})

test('jobs of one key run one after the other, in the order in which they were enqueued; other keys go on', async () => {
  const Render = job({ type: 'render', schema: z.object({ customer: z.string(), n: z.int() }), key: 'customer' })
  const order: string[] = []
  const render = handle(Render, async ({ customer, n }, ctx) => {
    order.push(`${customer}${n}`)
    if (customer === 'a' && n === 1 && ctx.attempt === 1) throw new Error('not yet')
  })
  const billing = service({ name: 'billing', handlers: [render] })
  await using app = await createTestRuntime({ services: [billing], observe: false })
  await app.service(billing).runtime.transaction(async (tx) => {
    for (const n of [1, 2, 3]) for (const customer of ['a', 'b']) await tx.enqueue(Render, { customer, n })
  })
  await app.advance(5000)
  const of = (customer: string): string[] => order.filter((one) => one.startsWith(customer))
  assert.deepEqual(of('a'), ['a1', 'a1', 'a2', 'a3'])
  assert.deepEqual(of('b'), ['b1', 'b2', 'b3'])
  assert.ok(order.indexOf('b3') < order.lastIndexOf('a1'))
})

test('what is unique is joined while it has not ended, also within one transaction', async () => {
  const Sync = job({ type: 'sync', schema, unique: 'live' })
  const open = gate()
  let runs = 0
  const sync = handle(Sync, async () => {
    runs++
    await open.reached
  })
  const billing = service({ name: 'billing', handlers: [sync] })
  await using app = await createTestRuntime({ services: [billing] })
  const { runtime } = app.service(billing)
  const [first, second] = await runtime.transaction(async (tx) => [
    await tx.enqueue(Sync, { orderId: '1' }),
    await tx.enqueue(Sync, { orderId: '1' }),
  ])
  assert.deepEqual(second, { id: first?.id, joined: true })
  await app.settle()
  const third = await runtime.transaction((tx) => tx.enqueue(Sync, { orderId: '1' }))
  const other = await runtime.transaction((tx) => tx.enqueue(Sync, { orderId: '2' }))
  assert.deepEqual([third.joined, other.joined], [true, false])
  open.open()
  await app.settle()
  const after = await runtime.transaction((tx) => tx.enqueue(Sync, { orderId: '1' }))
  assert.equal(after.joined, false)
  await app.settle()
  assert.equal(runs, 3)
})

test('what a handler returns is kept as the result; scenario 18: what is none is a dead letter, and nothing is committed', async () => {
  const Count = job({ type: 'count', schema, result: z.object({ rows: z.int() }) })
  let result: unknown = { rows: 3 }
  const count = handle(Count, (_, ctx) =>
    ctx.transaction(async (tx) => {
      await tx.query('INSERT INTO sent VALUES (1)')
      return result as { rows: number }
    }),
  )
  const billing = service({ name: 'billing', handlers: [count] })
  await using app = await createTestRuntime({ services: [billing], prepare, expectDeadLetters: true, observe: false })
  const { runtime, database, deadLetters } = app.service(billing)
  await runtime.transaction((tx) => tx.enqueue(Count, { orderId: '1' }))
  await app.settle()
  const ends = await database.query('SELECT how, result FROM fb_job_ends')
  assert.deepEqual(ends.map(Object.values), [['done', '{"rows":3}']])
  result = { rows: 'many' }
  await runtime.transaction((tx) => tx.enqueue(Count, { orderId: '2' }))
  await app.settle()
  assert.equal((await deadLetters.list())[0]?.reason, 'contract')
  assert.equal((await database.query('SELECT * FROM sent')).length, 1)
})

test('past its deadline a job is not started, and ends as expired', async () => {
  const Late = job({ type: 'late', schema, deadlineMs: 1000 })
  const facts: Fact[] = []
  const late = handle(Late, () => assert.fail('it must not run'))
  const billing = service({ name: 'billing', handlers: [late] })
  const observe = (fact: Fact): void => void facts.push(fact)
  await using app = await createTestRuntime({ services: [billing], observe })
  await app.service(billing).runtime.transaction((tx) => tx.enqueue(Late, { orderId: '1' }, { afterMs: 2000 }))
  await app.advance(5000)
  assert.equal(facts.filter(({ kind }) => kind === 'expired').length, 1)
})

test('scenario 13: the job of an instance that died starts elsewhere when its lease is over', async () => {
  const runs: string[] = []
  const open = gate()
  const send = handle(SendReceipt, async ({ orderId }, ctx) => {
    runs.push(orderId)
    if (runs.length === 1) await open.reached
    await ctx.transaction((tx) => tx.query('INSERT INTO sent VALUES ($1)', [orderId]))
  })
  const billing = service({ name: 'billing', handlers: [send] })
  await using app = await createTestRuntime({ services: [billing], prepare })
  const one = app.service(billing)
  await one.runtime.transaction((tx) => tx.enqueue(SendReceipt, { orderId: '1' }))
  await app.settle()
  await one.crash()
  await one.restart()
  await app.advance(9000)
  assert.deepEqual(runs, ['1'])
  await app.advance(3000)
  assert.deepEqual(runs, ['1', '1'])
  open.open()
  await app.settle()
  assert.equal((await one.database.query('SELECT * FROM sent')).length, 1)
})

test('scenario 24: a stop gives back what has not ended, and no attempt is counted', async () => {
  const attempts: number[] = []
  const send = handle(SendReceipt, async (_, ctx) => {
    attempts.push(ctx.attempt)
    if (attempts.length === 1) await new Promise((_, reject) => ctx.signal.addEventListener('abort', reject))
  })
  const billing = service({ name: 'billing', handlers: [send] })
  await using app = await createTestRuntime({ services: [billing] })
  const one = app.service(billing)
  await one.runtime.transaction((tx) => tx.enqueue(SendReceipt, { orderId: '1' }))
  await app.settle()
  await one.stop()
  await one.restart()
  await app.settle()
  assert.deepEqual(attempts, [1, 1])
})

test('a job that no handler of the service runs is refused where it is enqueued', async () => {
  const Other = job({ type: 'other', schema })
  const billing = service({ name: 'billing', handlers: [handle(SendReceipt, () => {})] })
  await using app = await createTestRuntime({ services: [billing] })
  await rejectsWith(
    app.service(billing).runtime.transaction((tx) => tx.enqueue(Other, { orderId: '1' })),
    'FB_NOT_ENQUEUABLE',
  )
})

test('ends are forgotten when they need not be kept any more', async () => {
  const Count = job({ type: 'count', schema, result: z.object({ rows: z.int() }), keepMs: 3_600_000 })
  const billing = service({ name: 'billing', handlers: [handle(Count, () => ({ rows: 1 }))] })
  await using app = await createTestRuntime({ services: [billing] })
  const { runtime, database } = app.service(billing)
  await runtime.transaction((tx) => tx.enqueue(Count, { orderId: '1' }))
  await app.advance(3_500_000)
  assert.equal((await database.query('SELECT * FROM fb_job_ends')).length, 1)
  await app.advance(200_000)
  assert.equal((await database.query('SELECT * FROM fb_job_ends')).length, 0)
})

test('scenario 23: a job that kills its process three times is a dead letter; what runs beside it is not harmed', async () => {
  const done: string[] = []
  let kill = (): void => {}
  const send = handle(SendReceipt, async ({ orderId }, ctx) => {
    if (orderId === 'guilty') {
      kill()
      await new Promise(() => {})
    }
    if (orderId === 'beside' && done.length === 0)
      await new Promise((resolve) => app.clock.schedule(1000, () => resolve(0)))
    await ctx.transaction(async () => void done.push(orderId))
  })
  const billing = service({ name: 'billing', handlers: [send] })
  await using app = await createTestRuntime({ services: [billing], expectDeadLetters: true, observe: false })
  const one = app.service(billing)
  kill = () => one.crashAt(1)
  await one.runtime.transaction(async (tx) => {
    await tx.enqueue(SendReceipt, { orderId: 'beside' })
    await tx.enqueue(SendReceipt, { orderId: 'guilty' })
  })
  for (let i = 0; i < 12; i++) {
    await app.advance(20_000)
    if (one.instances === 0) await one.restart()
  }
  const [letter, ...others] = await one.deadLetters.list()
  assert.equal(letter?.reason, 'crash')
  assert.equal(letter?.crash, true)
  assert.deepEqual(others, [])
  assert.deepEqual(done, ['beside'])
  assert.ok((await one.ledger()).ok)
})

test('jobs that must run alone are not kept waiting by those that always come', async () => {
  const order: string[] = []
  const send = handle(SendReceipt, async ({ orderId }, ctx) => {
    order.push(orderId)
    if (orderId === 'first' && order.length === 1) await new Promise(() => {})
    await new Promise((resolve) => app.clock.schedule(700, () => resolve(0)))
    if (orderId.startsWith('next')) ctx.enqueue(SendReceipt, { orderId: `next${order.length}` })
  })
  const billing = service({ name: 'billing', handlers: [send] })
  await using app = await createTestRuntime({ services: [billing] })
  const one = app.service(billing)
  await one.runtime.transaction((tx) => tx.enqueue(SendReceipt, { orderId: 'first' }))
  await app.settle()
  await one.crash()
  await one.restart()
  await one.runtime.transaction((tx) => tx.enqueue(SendReceipt, { orderId: 'next' }))
  await one.runtime.transaction((tx) => tx.enqueue(SendReceipt, { orderId: 'next' }, { afterMs: 350 }))
  await app.advance(60_000)
  assert.equal(order.filter((id) => id === 'first').length, 2)
  assert.ok(order.length > 20, `${order.length} jobs`)
})

test('scenario 14: an instance that goes on with a job which another one has by now commits nothing of it', async () => {
  const gates = [gate(), gate()]
  const facts: Fact[] = []
  let runs = 0
  const send = handle(SendReceipt, async ({ orderId }, ctx) => {
    const run = runs++
    await gates[run]?.reached
    await ctx.transaction((tx) => tx.query('INSERT INTO sent VALUES ($1)', [`${orderId} in run ${run}`]))
  })
  const billing = service({ name: 'billing', handlers: [send] })
  await using app = await createTestRuntime({ services: [billing], prepare, observe: (fact) => void facts.push(fact) })
  const one = app.service(billing)
  const { database } = one
  await one.runtime.transaction((tx) => tx.enqueue(SendReceipt, { orderId: '1' }))
  await app.settle()
  // As if its lease were over: for everybody else it is dead.
  const [held] = await database.query<{ holder: string }>('SELECT holder FROM fb_jobs')
  await database.transaction((sql) => releaseHolder(sql, held?.holder ?? '', app.clock.now()))
  gates[0]?.open()
  await app.settle()
  assert.deepEqual(await database.query('SELECT * FROM sent'), [])
  gates[1]?.open()
  await app.advance(15_000)
  const rows = await database.query<{ order_id: string }>('SELECT order_id FROM sent')
  assert.deepEqual(
    rows.map(({ order_id: text }) => text),
    ['1 in run 1'],
  )
  assert.equal(facts.filter(({ kind }) => kind === 'failed').length, 0)
  assert.ok((await one.ledger()).ok)
})

test('scenario 16: a claim whose commit took effect without an answer is given back, and the job runs', async () => {
  const done: string[] = []
  const billing = service({
    name: 'billing',
    handlers: [handle(SendReceipt, ({ orderId }) => void done.push(orderId))],
  })
  let claims = 0
  let isClaim = false
  const around: Around = {
    statement: (sql) => {
      isClaim ||= sql.includes('SET state = 2')
    },
    call: async (_, run) => {
      const result = await run()
      if (!isClaim) return result
      isClaim = false
      claims++
      if (claims === 1) throw new FirebreakError('FB_COMMIT_UNKNOWN', { path: 'test', reason: 'the answer was lost' })
      return result
    },
  }
  await using app = await createTestRuntime({ services: [billing], around, observe: false })
  const one = app.service(billing)
  await one.runtime.transaction((tx) => tx.enqueue(SendReceipt, { orderId: '1' }))
  await app.advance(5000)
  assert.deepEqual(done, ['1'])
  assert.equal(claims, 2)
  assert.ok((await one.ledger()).ok)
})

test('of several delays the shortest decides when an instance looks again', async () => {
  const done: string[] = []
  const billing = service({
    name: 'billing',
    handlers: [handle(SendReceipt, ({ orderId }) => void done.push(orderId))],
  })
  await using app = await createTestRuntime({ services: [billing] })
  await app.service(billing).runtime.transaction(async (tx) => {
    await tx.enqueue(SendReceipt, { orderId: 'soon' }, { afterMs: 20 })
    await tx.enqueue(SendReceipt, { orderId: 'later' }, { afterMs: 900 })
  })
  await app.advance(25)
  assert.deepEqual(done, ['soon'])
})

test('scenario 19: an input that this version cannot read is a dead letter at once, and its key goes on', async () => {
  const Old = job({ type: 'render', schema: z.object({ customer: z.string() }), key: 'customer' })
  const New = job({ type: 'render', schema: z.object({ customer: z.string(), pages: z.int() }), key: 'customer' })
  const done: string[] = []
  const later = handle(Old, ({ customer }) => void done.push(`old ${customer}`))
  const before = service({ name: 'billing', handlers: [later] })
  await using app = await createTestRuntime({ services: [before], expectDeadLetters: true, observe: false })
  const { runtime, database } = app.service(before)
  await runtime.transaction((tx) => tx.enqueue(Old, { customer: 'ada' }, { afterMs: 1000 }))
  await app.service(before).stop()
  const now = service({ name: 'billing', handlers: [handle(New, ({ pages }) => void done.push(`${pages} pages`))] })
  await using next = createRuntime({ service: now, log: app.log, database, clock: app.clock, observe: false })
  await next.start()
  await next.transaction((tx) => tx.enqueue(New, { customer: 'ada', pages: 3 }))
  await app.advance(2000)
  const [letter] = await next.deadLetters.list()
  assert.equal(letter?.reason, 'contract')
  assert.deepEqual(done, ['3 pages'])
})

test('scenario 21: a handler that asks for pauses loses no attempt', async () => {
  const attempts: number[] = []
  const send = handle(SendReceipt, (_, ctx) => {
    attempts.push(ctx.attempt)
    if (attempts.length <= 50) throw throttled(100)
  })
  const billing = service({ name: 'billing', handlers: [send] })
  await using app = await createTestRuntime({ services: [billing], observe: false })
  await app.service(billing).runtime.transaction((tx) => tx.enqueue(SendReceipt, { orderId: '1' }))
  await app.advance(60_000)
  assert.deepEqual(new Set(attempts), new Set([1]))
  assert.equal(attempts.length, 51)
})
