import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ErrorCode } from '../../../src/contracts/error-catalogue.ts'
import { FirebreakError, isFirebreakError } from '../../../src/contracts/errors.ts'
import type { Around } from '../../../src/testing/around.ts'
import { gatewayScene, OrderSeen, request } from '../../gateway-scene.ts'

const order = { orderId: '4711' }
const key = { 'idempotency-key': 'k1' }

/** A port that can be away, before its calls take effect or after. */
function outage(port: 'log' | 'database'): { code: ErrorCode | undefined; after: boolean; readonly around: Around } {
  const state = {
    code: undefined as ErrorCode | undefined,
    after: false,
    around: {
      async call<T>(call: { readonly port: string }, run: () => Promise<T>): Promise<T> {
        const { code, after } = state
        if (code === undefined || call.port !== port) return run()
        if (after) await run()
        throw new FirebreakError(code, { what: '/var/data', reason: 'secret' })
      },
    },
  }
  return state
}

test('scenario 50: while the database is away the answer is 503, and the repetition is accepted', async () => {
  for (const code of ['FB_DATABASE_UNAVAILABLE', 'FB_DATABASE_BUSY', 'FB_DATABASE_FULL'] as const) {
    const database = outage('database')
    await using scene = await gatewayScene({ options: { around: database.around } })
    const { location } = Object.fromEntries((await scene.post(order)).headers)
    database.code = code
    for (const answer of [await scene.post(order, key), await scene.post(order), await scene.get(location ?? '')]) {
      assert.equal(answer.status, 503, code)
      assert.ok(Number(answer.headers.get('retry-after')) >= 1)
      assert.doesNotMatch(await answer.text(), /secret|var|FB_/)
    }
    database.code = undefined
    const again = await scene.post(order, key)
    assert.deepEqual([again.status, again.headers.get('idempotency-replayed')], [202, null])
  }
})

test('scenario 50: when nobody knows whether it was committed, the repetition finds out', async () => {
  const database = outage('database')
  await using scene = await gatewayScene({ options: { around: database.around } })
  Object.assign(database, { code: 'FB_COMMIT_UNKNOWN', after: true })
  const [lost] = await Promise.all([scene.post(order, key), scene.app.advance(60_000)])
  assert.equal(lost.status, 503)
  database.code = undefined
  assert.equal((await scene.post(order, key)).status, 202)
  await scene.app.advance(60_000)
  assert.equal(await scene.count('fb_job_ends'), 1)
  assert.equal(await scene.count('fb_requests'), 1)
})

test('scenario 50: an accepted request is a 202, though the database is gone while its caller waits', async () => {
  const database = outage('database')
  let runs = 0
  await using scene = await gatewayScene({
    options: { around: database.around },
    work: async () => {
      if (++runs === 1) database.code = 'FB_DATABASE_UNAVAILABLE'
      return { number: 'N' }
    },
  })
  const [answer] = await Promise.all([scene.post(order, { prefer: 'wait=5' }), scene.app.advance(10_000)])
  assert.equal(answer.status, 202)
  database.code = undefined
  await scene.app.advance(60_000)
  assert.equal((await scene.get(answer.headers.get('location') ?? '')).status, 200)
})

test('scenario 50: while the log is away requests are accepted until the outbox is full', async () => {
  const log = outage('log')
  await using scene = await gatewayScene({ options: { around: log.around, limits: { outboxMax: 3 } } })
  log.code = 'FB_LOG_UNAVAILABLE'
  assert.equal((await scene.post(order)).status, 202)
  const { runtime } = scene.service
  for (let i = 0; i < 3; i++) await runtime.transaction(async (tx) => tx.publish(OrderSeen, order))
  const full = await scene.post(order, key)
  assert.deepEqual([full.status, full.headers.get('retry-after')], [503, '5'])
  log.code = undefined
  await scene.app.advance(60_000)
  assert.equal((await scene.post(order, key)).status, 202)
})

test('a gateway of a runtime that has stopped answers 503', async () => {
  await using scene = await gatewayScene()
  await scene.service.runtime.stop()
  assert.equal((await scene.post(order)).status, 503)
})

test('scenario 53: a body that is too large is refused, whatever it says of its length', async () => {
  await using scene = await gatewayScene({ accept: { bodyBytesMax: 100 } })
  assert.equal((await scene.post({ orderId: 'x'.repeat(200) })).status, 413)
  const chunk = new TextEncoder().encode('x'.repeat(60))
  let pulled = 0
  const body = new ReadableStream({
    pull(controller) {
      pulled++
      controller.enqueue(chunk)
    },
  })
  const headers = { 'x-customer': 'ada', 'content-type': 'application/json' }
  const endless = new Request('http://shop/api/orders', { method: 'POST', headers, body, duplex: 'half' })
  assert.equal((await scene.gateway.fetch(endless)).status, 413)
  assert.ok(pulled < 6)
  assert.equal((await scene.post({ orderId: 'x'.repeat(80) })).status, 202)
})

test('scenario 53: a body that does not come is given up', async () => {
  await using scene = await gatewayScene({ accept: { bodyTimeoutMs: 500 } })
  let isCancelled = false
  const body = new ReadableStream({
    cancel() {
      isCancelled = true
    },
  })
  const headers = { 'x-customer': 'ada', 'content-type': 'application/json' }
  const slow = new Request('http://shop/api/orders', { method: 'POST', headers, body, duplex: 'half' })
  const [answer] = await Promise.all([scene.gateway.fetch(slow), scene.app.advance(501)])
  assert.deepEqual([answer.status, isCancelled], [408, true])
})

test('a scope that is none is a mistake of the program, and no answer', async () => {
  await using scene = await gatewayScene()
  for (const customer of ['', 'x'.repeat(201)])
    await assert.rejects(scene.post(order, { 'x-customer': customer }), (error) => isFirebreakError(error, 'FB_CONFIG'))
})

const methods = fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH', 'X')
const visible = fc.string({ unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)) })
const ids = fc.oneof(fc.uuid(), visible.map(encodeURIComponent), fc.constantFrom('%00', "'", '..', '%2e%2e'))
const paths = fc.oneof(
  fc.constantFrom('/api/orders', '/api/counts', '/api/jobs', '/', '//x', '/api/orders?a=%00'),
  ids.map((id) => `/api/jobs/${id}`),
  fc.tuple(ids, fc.constantFrom('result', 'cancel', 'x')).map(([id, action]) => `/api/jobs/${id}/${action}`),
)
const sound = fc.constantFrom('k1', '"k1"', 'wait=0', 'respond-async', 'application/json', 'ada')
const names = ['idempotency-key', 'prefer', 'content-type', 'content-length', 'x-correlation-id', 'traceparent']
const headers = fc.dictionary(fc.constantFrom(...names), fc.oneof(sound, visible))
const bodies = fc.oneof(
  fc.constant(undefined),
  fc.json(),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'binary' }).map((orderId) => JSON.stringify({ orderId })),
)

test('2,000 random requests: no failure but 503, and nothing of the inside in an answer', async () => {
  await using scene = await gatewayScene()
  const seen = new Set<number>()
  const property = fc.asyncProperty(methods, paths, headers, bodies, async (method, path, given, body) => {
    const isBodyless = method === 'GET' || method === 'HEAD'
    const response = await scene.gateway.fetch(request(method, path, given, isBodyless ? undefined : body))
    const text = await response.text()
    seen.add(response.status)
    assert.ok(response.status < 500 || response.status === 503, `${response.status}`)
    assert.doesNotMatch(text, /\bat .*:\d+:\d+|SELECT|INSERT|fb_|FB_|sqlite/i)
    if (text !== '') JSON.parse(text)
  })
  await fc.assert(property, { numRuns: 2000, seed: 1 })
  for (const status of [202, 400, 404, 405, 415]) assert.ok(seen.has(status), `${status} is among them`)
})
