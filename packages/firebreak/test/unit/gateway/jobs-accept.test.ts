import assert from 'node:assert/strict'
import { test } from 'node:test'
import { job } from '../../../src/define/job.ts'
import { createGateway } from '../../../src/gateway/jobs/gateway.ts'
import { idempotencyKeyOf } from '../../../src/gateway/jobs/request-words.ts'
import { accept, jobRoutes } from '../../../src/gateway/jobs/routes.ts'
import { gate } from '../../../src/testing/conformance/database-scene.ts'
import { bodyOf, gatewayScene, PlaceOrder, request } from '../../gateway-scene.ts'

const order = { orderId: '4711' }

test('a request becomes a job, and its caller finds the end', async () => {
  const open = gate()
  await using scene = await gatewayScene({
    accept: { answer: ({ orderId }) => ({ orderNumber: `N-${orderId}`, id: 'not this' }) },
    work: async ({ orderId }, ctx) => {
      ctx.progress({ step: 1 })
      await open.reached
      return { number: `N-${orderId}` }
    },
  })
  const response = await scene.post(order, { 'idempotency-key': 'k1', 'x-correlation-id': 'c1' })
  assert.equal(response.status, 202)
  const body = await bodyOf(response)
  const { id } = body
  const path = `/api/jobs/${id}`
  const type = 'order.place'
  assert.deepEqual(body, { id, type, status: 'accepted', done: false, correlationId: 'c1', orderNumber: 'N-4711' })
  const shown = ['location', 'retry-after', 'vary', 'content-type'].map((name) => response.headers.get(name))
  assert.deepEqual(shown, [path, '1', 'Prefer', 'application/json'])
  await scene.app.advance(1000)
  const waiting = await scene.get(path)
  assert.deepEqual([waiting.status, waiting.headers.get('retry-after')], [200, '1'])
  assert.deepEqual(await bodyOf(waiting), { id, type, status: 'running', done: false, progress: { step: 1 } })
  const early = await scene.get(`${path}/result`)
  assert.deepEqual([early.status, early.headers.get('content-type')], [409, 'application/problem+json'])
  open.open()
  await scene.app.settle()
  const ended = await scene.get(path)
  assert.equal(ended.headers.get('retry-after'), null)
  const result = { href: `${path}/result` }
  assert.deepEqual(await bodyOf(ended), { id, type, status: 'succeeded', done: true, result })
  assert.deepEqual(await bodyOf(await scene.get(result.href)), { number: 'N-4711' })
})

test('scenario 42: one request 50 times at once is one job, with 50 times the same answer', async () => {
  await using scene = await gatewayScene()
  const all = await Promise.all(Array.from({ length: 50 }, () => scene.post(order, { 'idempotency-key': 'k1' })))
  assert.deepEqual(new Set(all.map(({ status }) => status)), new Set([202]))
  assert.equal(new Set(all.map(({ headers }) => headers.get('location'))).size, 1)
  assert.equal(all.filter(({ headers }) => headers.get('idempotency-replayed') === null).length, 1)
  assert.equal(new Set(await Promise.all(all.map((one) => one.text()))).size, 1)
  await scene.app.settle()
  assert.equal(await scene.count('fb_job_ends'), 1)
  assert.equal(await scene.count('fb_requests'), 1)
  assert.deepEqual((await scene.service.ledger()).problems, [])
})

test('scenario 42: at two instances, and where the look before the transaction saw nothing yet', async () => {
  await using scene = await gatewayScene()
  await scene.service.restart()
  const [one, two] = [scene.gateway, scene.another()]
  const send = (at: typeof one): Promise<Response> =>
    at.fetch(request('POST', '/api/orders', { 'idempotency-key': 'k1' }, JSON.stringify(order)))
  const all = await Promise.all([one, two, one, two].map(send))
  assert.equal(new Set(all.map(({ headers }) => headers.get('location'))).size, 1)
  await scene.app.settle()
  assert.equal(await scene.count('fb_job_ends'), 1)
})

test('scenario 43: the same key with another body is refused; on another route and of another scope it is another', async () => {
  await using scene = await gatewayScene()
  const key = { 'idempotency-key': 'k1' }
  const first = await bodyOf(await scene.post(order, key))
  const other = await scene.post({ orderId: '4712' }, key)
  assert.deepEqual([other.status, other.headers.get('content-type')], [422, 'application/problem+json'])
  const put = await scene.gateway.fetch(request('PUT', '/api/orders', key, JSON.stringify(order)))
  const foreign = await scene.post(order, { ...key, 'x-customer': 'grace' })
  const ids = [first, await bodyOf(put), await bodyOf(foreign)].map(({ id }) => id)
  assert.equal(new Set(ids).size, 3)
  assert.equal(await scene.count('fb_requests'), 3)
})

test('scenario 44: a key is bare or quoted, and nothing that is none is taken', async () => {
  await using scene = await gatewayScene()
  const status = async (key: string): Promise<number> => (await scene.post(order, { 'idempotency-key': key })).status
  assert.equal(await status('k1'), 202)
  const quoted = await scene.post(order, { 'idempotency-key': '"k1"' })
  assert.equal(quoted.headers.get('idempotency-replayed'), 'true')
  assert.equal(await status('x'.repeat(255)), 202)
  for (const key of ['', '""', '"', 'x'.repeat(256), `"${'x'.repeat(256)}"`, 'a b', 'k1, k2', 'ü', '"a"b"', '"a\\b"x'])
    assert.equal(await status(key), 400, key)
  // No Headers hold it; a server may.
  assert.equal(idempotencyKeyOf('a\0'), undefined)
  assert.equal(idempotencyKeyOf('"a\\"b\\\\"'), 'a"b\\')
  const missing = await scene.gateway.fetch(request('PUT', '/api/orders', {}, JSON.stringify(order)))
  assert.equal(missing.status, 400)
  assert.equal(await scene.count('fb_requests'), 2)
})

test('scenario 45: what was committed before the process died is answered as before', async () => {
  await using scene = await gatewayScene()
  const key = { 'idempotency-key': 'k1' }
  const first = await scene.post(order, key)
  await scene.service.crash()
  await scene.service.restart()
  const again = await scene.another().fetch(request('POST', '/api/orders', key, JSON.stringify(order)))
  assert.equal(again.status, 202)
  assert.equal(again.headers.get('idempotency-replayed'), 'true')
  assert.equal(again.headers.get('location'), first.headers.get('location'))
  assert.equal(await again.text(), await first.text())
})

test('scenario 45: wherever the process dies, a repetition finds one job', async () => {
  for (let call = 1; call <= 3; call++)
    for (const when of ['before', 'after'] as const) {
      await using scene = await gatewayScene()
      const sent = (): Promise<Response> =>
        scene.another().fetch(request('POST', '/api/orders', { 'idempotency-key': 'k1' }, JSON.stringify(order)))
      const first = sent()
      scene.service.crashAt(call, when)
      // Of a process that has died nothing comes.
      void first.catch(() => undefined)
      await scene.app.settle()
      await scene.service.restart()
      assert.equal((await sent()).status, 202)
      await scene.app.advance(60_000)
      assert.equal(await scene.count('fb_job_ends'), 1)
      assert.equal(await scene.count('fb_requests'), 1)
    }
})

test('scenario 48: what does not fit is refused with the places, stores nothing, and leaves the key free', async () => {
  await using scene = await gatewayScene()
  const key = { 'idempotency-key': 'k1' }
  const wrong = await scene.post({ orderId: '', lines: [{ n: 1 }, { n: 'two' }] }, key)
  assert.deepEqual([wrong.status, wrong.headers.get('content-type')], [400, 'application/problem+json'])
  const { errors } = (await wrong.json()) as { errors: { pointer: string; detail: string }[] }
  assert.deepEqual(
    errors.map(({ pointer }) => pointer),
    ['#/orderId', '#/lines/1/n'],
  )
  assert.ok(errors.every(({ detail }) => detail.length > 5))
  assert.equal(await scene.count('fb_requests'), 0)
  assert.equal(await scene.count('fb_jobs'), 0)
  assert.equal((await scene.post(order, key)).status, 202)
})

test('a body is JSON in UTF-8, of the type that says so', async () => {
  await using scene = await gatewayScene()
  const status = async (type: string, body = JSON.stringify(order)): Promise<number> =>
    (await scene.gateway.fetch(request('POST', '/api/orders', { 'content-type': type }, body))).status
  for (const type of ['application/json', 'Application/JSON; charset="UTF-8"', 'application/vnd.order+json; v=1'])
    assert.equal(await status(type), 202, type)
  for (const type of [
    'text/plain',
    'application/jsonx',
    'application/json; charset=latin1',
    'multipart/form-data; x=json',
  ])
    assert.equal(await status(type), 415, type)
  for (const body of ['', '{', '[]', 'null', '{"orderId":1}', '['.repeat(100_000)])
    assert.equal(await status('application/json', body), 400, body.slice(0, 20))
})

test('scenario 51: another instance knows a job as soon as it was accepted', async () => {
  await using scene = await gatewayScene()
  await scene.service.restart()
  const { headers } = await scene.post(order)
  const shown = await scene.another().fetch(request('GET', headers.get('location') ?? ''))
  assert.equal(shown.status, 200)
})

test('routes and methods that are not there, and callers that nobody knows', async () => {
  await using scene = await gatewayScene()
  for (const path of ['/', '/api/orders/', '/api/jobs', '/api/jobs/', '/api/jobs/1/2', '/api/jobs/1/result/2'])
    assert.equal((await scene.get(path)).status, 404, path)
  const wrong = await scene.get('/api/orders')
  assert.deepEqual([wrong.status, wrong.headers.get('allow')], [405, 'POST, PUT'])
  const anonymous = await scene.gateway.fetch(new Request('http://shop/api/jobs/1'))
  assert.deepEqual([anonymous.status, anonymous.headers.get('content-type')], [401, 'application/problem+json'])
})

test('a gateway names every mistake at once', async () => {
  const { runtime } = (await gatewayScene()).service
  assert.throws(
    () => accept('GET /x/:id', PlaceOrder, { idempotency: 'maybe', answer: 1 } as never),
    /idempotency.*\n.*route is.*\n.*answer/,
  )
  assert.throws(() => accept('POST /x', job({ type: 'x', schema: PlaceOrder.schema })), /nothing is kept/)
  assert.throws(() => jobRoutes('jobs'), /must be a path/)
  const unknown = job({ type: 'unknown', schema: PlaceOrder.schema, keepMs: 1 })
  const routes = [accept('POST /x', unknown), accept('POST /x', PlaceOrder)]
  assert.throws(
    () => createGateway({ runtime, routes, scope: 'me' as never }),
    /scope must be.*\n.*no handler for the job unknown.*\n.*twice.*\n.*jobRoutes/,
  )
  assert.throws(() => createGateway({ runtime: {} as never, routes: [], scope: () => null }), /createRuntime returns/)
})
