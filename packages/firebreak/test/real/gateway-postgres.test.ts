import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { z } from 'zod'
import { inTransaction } from '../../src/contracts/sql/in-transaction.ts'
import { handle } from '../../src/define/handle.ts'
import { job } from '../../src/define/job.ts'
import { service } from '../../src/define/service.ts'
import { createGateway, type Gateway } from '../../src/gateway/jobs/gateway.ts'
import { accept, jobRoutes } from '../../src/gateway/jobs/routes.ts'
import { inLedger } from '../../src/ledger/ledger-place.ts'
import { forgetRequests } from '../../src/ledger/requests.ts'
import { systemClock } from '../../src/node/clock.ts'
import { createRuntime, type Runtime } from '../../src/runtime/runtime.ts'
import { memoryLog } from '../../src/testing/memory-log/memory-log.ts'
import { bodyOf, request } from '../gateway-scene.ts'
import { needsPostgres, PostgresScene } from './postgres/scene.ts'

const options = { skip: needsPostgres, timeout: 120_000 }
let scene: PostgresScene
before(async () => {
  if (needsPostgres === false) scene = await PostgresScene.start()
})
after(() => scene?.end())

const PlaceOrder = job({
  type: 'order.place',
  schema: z.object({ orderId: z.string() }),
  result: z.object({ number: z.string() }),
})
const ordering = service({
  name: 'ordering',
  handlers: [handle(PlaceOrder, async ({ orderId }) => ({ number: `N-${orderId}` }))],
})

const gatewayOf = (runtime: Runtime): Gateway =>
  createGateway({
    runtime,
    scope: (one) => one.headers.get('x-customer'),
    routes: [accept('POST /api/orders', PlaceOrder, {}), jobRoutes('/api/jobs')],
  })

test('scenario 42: one request 50 times at once, at two instances, is one job with one answer', options, async () => {
  const log = memoryLog()
  const databases = [scene.open(), scene.open()]
  const runtimes = databases.map((database) => createRuntime({ service: ordering, log, database, observe: false }))
  for (const runtime of runtimes) await runtime.start()
  const gateways = runtimes.map(gatewayOf)
  const posting = Array.from({ length: 50 }, (_, i) => {
    const body = JSON.stringify({ orderId: '4711' })
    return gateways[i % 2]?.fetch(
      request('POST', '/api/orders', { 'idempotency-key': 'one' }, body),
    ) as Promise<Response>
  })
  const answers = await Promise.all(posting)
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [202])
  const places = new Set(answers.map(({ headers }) => headers.get('location')))
  assert.equal(places.size, 1)
  const [place = ''] = places
  let last: Readonly<Record<string, unknown>> = {}
  while (last['done'] !== true)
    last = await bodyOf(await gatewayOf(runtimes[1] as Runtime).fetch(request('GET', place ?? '')))
  assert.equal(last['status'], 'succeeded')
  const [database] = databases
  assert.ok(database)
  const ledger = inLedger(database)
  assert.deepEqual(await ledger.query('SELECT CAST(COUNT(*) AS BIGINT) AS n FROM fb_requests'), [{ n: 1 }])
  assert.deepEqual(
    (await ledger.query<{ enqueued: number }>('SELECT SUM(enqueued)::BIGINT AS enqueued FROM fb_job_accounts'))[0]
      ?.enqueued,
    1,
  )
  // Long after: its end and the request are forgotten, also by two at once.
  const later = systemClock.now() + 10 * 24 * 3_600_000
  const forgetting = databases.map((one) => inTransaction(inLedger(one), (sql) => forgetRequests(sql, later, 100)))
  assert.ok((await Promise.all(forgetting)).reduce((sum, n) => sum + n, 0) >= 1)
  for (const runtime of runtimes) await runtime.stop()
  for (const one of databases) await one.close()
  await log.close()
})
