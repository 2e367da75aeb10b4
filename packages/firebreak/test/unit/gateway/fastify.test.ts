import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import { FirebreakError, isFirebreakError } from '../../../src/contracts/errors.ts'
import { call } from '../../../src/define/call.ts'
import { type Admission, createAdmission } from '../../../src/gateway/admission.ts'
import { fastifyAdmission, serverContext } from '../../../src/gateway/fastify-admission.ts'
import type { ServerContext } from '../../../src/gateway/server-context.ts'
import { policy } from '../../../src/policy/definition/policy.ts'
import { createCaller } from '../../../src/runtime/calls/caller.ts'
import { json } from '../../call-scene.ts'
import { listen, until } from '../../http-scene.ts'

const once = policy({ attemptsMax: 1, attemptTimeoutMs: 20_000, deadlineMs: 20_000, breaker: null })
const inner = call({ name: 'leaf.get', to: 'leaf', method: 'GET', path: '/', policy: once })

interface Scene {
  readonly app: FastifyInstance
  readonly admission: Admission
  readonly contexts: ServerContext[]
  /** What ends the handler of `/slow`. */
  readonly release: () => void
  readonly url: string
}

/** A Fastify server on loopback: one place, and room for two to wait. */
async function scene(t: TestContext, routes: (app: FastifyInstance) => void = () => {}): Promise<Scene> {
  const app = Fastify()
  t.after(() => app.close())
  const admission = createAdmission({ concurrency: 1, queueMax: 2, codel: null, waitMaxMs: 60_000 })
  const contexts: ServerContext[] = []
  const released = Promise.withResolvers<void>()
  await app.register(fastifyAdmission(admission))
  app.get('/slow', async (request) => {
    contexts.push(serverContext(request))
    await released.promise
    return { ok: true }
  })
  app.post('/echo', async (request) => request.body)
  app.get('/plain', (_, reply) => {
    reply.send({ ok: true })
  })
  routes(app)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  return { app, admission, contexts, release: () => released.resolve(), url: `http://127.0.0.1:${port}` }
}

test('requests beyond the room are answered with 503 and Retry-After, before their bodies are read', async (t) => {
  const { url, admission, release, contexts } = await scene(t)
  const first = fetch(`${url}/slow`)
  await until(() => admission.stats.working === 1)
  const waiting = [fetch(`${url}/plain`), fetch(`${url}/echo`, posted({ a: 1 }))]
  await until(() => admission.stats.waiting === 2)
  const refused = await fetch(`${url}/echo`, posted({ b: 2 }))
  assert.equal(refused.status, 503)
  assert.equal(refused.headers.get('retry-after'), '1')
  assert.match(refused.headers.get('content-type') ?? '', /^application\/problem\+json/)
  assert.equal(((await refused.json()) as { status: number }).status, 503)
  release()
  const answers = await Promise.all([first, ...waiting])
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200],
  )
  assert.deepEqual(await answers[2]?.json(), { a: 1 })
  assert.equal(contexts.length, 1)
  await until(() => admission.stats.working === 0)
})

const posted = (value: unknown): RequestInit => ({
  method: 'POST',
  body: JSON.stringify(value),
  headers: { 'content-type': 'application/json' },
})

test('what comes too late is answered with 504 and does not run', async (t) => {
  const { url, contexts } = await scene(t)
  assert.equal((await fetch(`${url}/slow`, { headers: { 'x-request-timeout-ms': '0' } })).status, 504)
  assert.equal(contexts.length, 0)
})

test('when the client goes, the signal aborts, and the place is free when the handler has ended', async (t) => {
  const { url, admission, contexts, release } = await scene(t)
  const [abort, abortWaiting] = [new AbortController(), new AbortController()]
  const first = fetch(`${url}/slow`, { signal: abort.signal }).catch(() => 'gone')
  await until(() => contexts.length === 1)
  const second = fetch(`${url}/plain`, { signal: abortWaiting.signal }).catch(() => 'gone')
  await until(() => admission.stats.waiting === 1)
  abort.abort()
  abortWaiting.abort()
  assert.deepEqual(await Promise.all([first, second]), ['gone', 'gone'])
  await until(() => contexts[0]?.signal.aborted === true && admission.stats.waiting === 0)
  assert.ok(isFirebreakError(contexts[0]?.signal.reason, 'FB_REQUEST_ABANDONED'))
  assert.equal(admission.stats.working, 1)
  release()
  await until(() => admission.stats.working === 0)
  assert.equal((await fetch(`${url}/plain`)).status, 200)
})

test('every way out of a request gives its place back', async (t) => {
  const { url, admission } = await scene(t, (app) => {
    app.get('/throws', () => {
      throw new Error('own')
    })
    app.get('/rejects', async () => {
      throw new Error('own')
    })
    app.get('/nothing', async (_, reply) => {
      reply.code(204)
    })
    app.get('/taken', (_, reply) => {
      reply.hijack()
      reply.raw.end('own way')
    })
  })
  const statuses: number[] = []
  for (const path of ['/plain', '/throws', '/rejects', '/nothing', '/taken', '/not-there'])
    statuses.push((await fetch(url + path)).status)
  statuses.push((await fetch(`${url}/plain`, { method: 'HEAD' })).status)
  statuses.push((await fetch(`${url}/echo`, { ...posted({}), body: '{' })).status)
  assert.deepEqual(statuses, [200, 500, 500, 204, 200, 404, 200, 400])
  await until(() => admission.stats.working === 0)
  assert.equal(admission.stats.started, 8)
})

test('a failed call of a handler becomes 502, 503 or 504, other errors stay what they are', async (t) => {
  const { url } = await scene(t, (app) => {
    app.get('/open', async () => {
      throw new FirebreakError('FB_CALL_OPEN', { afterMs: 3500 })
    })
    app.get('/failed', async () => {
      throw new FirebreakError('FB_CALL_FAILED', { attempts: 1 })
    })
    app.get('/late', async () => {
      throw new FirebreakError('FB_CALL_DEADLINE')
    })
    app.get('/teapot', async () => {
      throw Object.assign(new Error('short and stout'), { statusCode: 418 })
    })
  })
  const open = await fetch(`${url}/open`)
  assert.deepEqual([open.status, open.headers.get('retry-after')], [503, '4'])
  const others = ['/failed', '/late', '/teapot'].map(async (path) => (await fetch(url + path)).status)
  assert.deepEqual(await Promise.all(others), [502, 504, 418])
})

test('a handler passes its context on: the second hop sees less time than the first', async (t) => {
  const seen: Headers[] = []
  const leaf = await listen(t, async (request) => {
    seen.push(request.headers)
    return json({ ok: true })
  })
  const caller = createCaller({ endpoints: { leaf: leaf.url } })
  const { url } = await scene(t, (app) => {
    app.get('/quote', async (request) => caller.call(inner, {}, serverContext(request)))
  })
  const headers = { 'x-request-timeout-ms': '4000', 'x-correlation-id': 'order-7', 'x-priority': 'critical' }
  assert.deepEqual(await (await fetch(`${url}/quote`, { headers })).json(), { ok: true })
  const left = Number(seen[0]?.get('x-request-timeout-ms'))
  assert.ok(left > 0 && left < 4000, String(left))
  assert.equal(seen[0]?.get('x-correlation-id'), 'order-7')
  assert.equal(seen[0]?.get('x-priority'), 'critical')
})

test('a context is there for requests behind the plugin, and for no others', () => {
  assert.throws(() => serverContext({}), { code: 'FB_INVARIANT' })
})
