import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hours } from '../../../src/contracts/duration.ts'
import { permanent, throttled } from '../../../src/contracts/errors.ts'
import { forgetRequests } from '../../../src/ledger/requests.ts'
import { gate } from '../../../src/testing/conformance/database-scene.ts'
import { bodyOf, type GatewayScene, gatewayScene, request } from '../../gateway-scene.ts'

const order = { orderId: '4711' }
const placeOf = (response: Response): string => response.headers.get('location') ?? ''
const idOf = (response: Response): string => placeOf(response).split('/').at(-1) ?? ''

/** Lets time pass until the answer is there. */
async function during(scene: GatewayScene, answer: Promise<Response>, ms: number): Promise<Response | undefined> {
  let response: Response | undefined
  answer.then((one) => {
    response = one
  })
  await scene.app.advance(ms)
  return response
}

test('a job is seen by the scope that asked for it, and by nobody else', async () => {
  await using scene = await gatewayScene()
  const place = placeOf(await scene.post(order))
  await scene.app.settle()
  const foreign = { 'x-customer': 'grace' }
  for (const path of [place, `${place}/result`]) {
    assert.equal((await scene.get(path)).status, 200)
    assert.equal((await scene.get(path, foreign)).status, 404)
  }
  const cancel = await scene.gateway.fetch(request('POST', `${place}/cancel`, foreign))
  assert.equal(cancel.status, 404)
  const unknown = ['x', '00000000-0000-7000-8000-000000000000', '%00', 'a%27b']
  for (const id of unknown) assert.equal((await scene.get(`/api/jobs/${id}`)).status, 404)
  const head = await scene.gateway.fetch(request('HEAD', place))
  assert.deepEqual([head.status, await head.text()], [200, ''])
})

test('a job that fails says so, and not why', async () => {
  const work = async (): Promise<never> => {
    throw permanent('table orders of 10.0.0.7 has no row')
  }
  await using scene = await gatewayScene({ work, options: { expectDeadLetters: true } })
  const place = placeOf(await scene.post(order))
  await scene.app.settle()
  const shown = await scene.get(place)
  assert.equal(shown.status, 200)
  const { status, done, error } = await bodyOf(shown)
  assert.deepEqual({ status, done, error }, { status: 'failed', done: true, error: { title: 'The job has failed' } })
  assert.equal((await scene.get(`${place}/result`)).status, 404)
  assert.equal((await scene.cancel(place.split('/').at(-1) ?? '')).status, 409)
})

test('scenario 49: a caller that waits gets the result when it is there in time', async () => {
  const work = async (): Promise<{ number: string }> => {
    await sleepIn(2000)
    return { number: 'N' }
  }
  await using scene = await gatewayScene({ work })
  const sleepIn = (ms: number): Promise<void> => new Promise((go) => scene.app.clock.schedule(ms, go))
  const response = await during(scene, scene.post(order, { prefer: 'respond-async, wait=5' }), 3000)
  assert.equal(response?.status, 200)
  const shown = ['preference-applied', 'vary', 'retry-after'].map((name) => response?.headers.get(name))
  assert.deepEqual(shown, ['wait=5', 'Prefer', null])
  assert.deepEqual(await response?.json(), { number: 'N' })
})

test('scenario 49: what takes longer is a 202, and its work goes on; so it does when the caller goes', async () => {
  const open = gate()
  const work = async (): Promise<{ number: string }> => {
    await open.reached
    return { number: 'N' }
  }
  await using scene = await gatewayScene({ work, accept: { waitMaxMs: 7000 } })
  const waiting = scene.post(order, { prefer: 'foo, wait="60"; x=y, respond-async' })
  assert.equal(await during(scene, waiting, 6900), undefined)
  const response = await during(scene, waiting, 200)
  assert.equal(response?.status, 202)
  assert.equal(response?.headers.get('preference-applied'), 'respond-async, wait=7')
  assert.equal((await bodyOf(response as Response))['status'], 'running')
  const leaving = new AbortController()
  const headers = { 'x-customer': 'ada', 'content-type': 'application/json', prefer: 'wait=5' }
  const { signal } = leaving
  const left = scene.gateway.fetch(
    new Request('http://shop/api/orders', { method: 'POST', headers, signal, body: JSON.stringify(order) }),
  )
  await scene.app.advance(100)
  leaving.abort()
  await scene.app.settle()
  const { status, headers: said } = await left
  assert.equal(status, 202)
  open.open()
  await scene.app.settle()
  for (const place of [placeOf(response as Response), said.get('location') ?? ''])
    assert.equal((await bodyOf(await scene.get(place)))['status'], 'succeeded')
})

test('a job that fails while its caller waits is no 200', async () => {
  const work = async (): Promise<never> => {
    throw permanent('no')
  }
  await using scene = await gatewayScene({ work, options: { expectDeadLetters: true } })
  const response = await during(scene, scene.post(order, { prefer: 'wait=5' }), 1000)
  assert.equal(response?.status, 202)
  const { status, done } = await bodyOf(response as Response)
  assert.deepEqual([status, done], ['failed', true])
})

test('preferences that are none count as not said', async () => {
  await using scene = await gatewayScene()
  for (const prefer of ['wait', 'wait=', 'wait=-1', 'wait=1.5', 'wait=1e3', 'waits=5', ',,', '"', 'return=minimal']) {
    const { status, headers } = await scene.post(order, { prefer })
    assert.deepEqual([status, headers.get('preference-applied')], [202, null], prefer)
  }
})

test('a job is cancelled at once while nobody runs it, and asked to end otherwise', async () => {
  const aborted = gate()
  await using scene = await gatewayScene({
    options: { limits: { jobsMax: 1 } },
    work: (_, ctx) =>
      new Promise((_, reject) => {
        ctx.signal.addEventListener('abort', () => {
          aborted.open()
          reject(ctx.signal.reason)
        })
      }),
  })
  const running = idOf(await scene.post(order))
  await scene.app.settle()
  const waiting = idOf(await scene.post(order))
  const cancelled = await scene.cancel(waiting)
  assert.deepEqual([cancelled.status, (await bodyOf(cancelled))['status']], [200, 'cancelled'])
  assert.equal((await scene.cancel(waiting)).status, 200)
  const cancelling = await scene.cancel(running)
  assert.deepEqual([cancelling.status, (await bodyOf(cancelling))['status']], [202, 'running'])
  await scene.app.advance(60_000)
  await aborted.reached
  assert.equal((await bodyOf(await scene.get(`/api/jobs/${running}`)))['status'], 'cancelled')
})

test('a job that two scopes share is seen by both, and cancelled by neither', async () => {
  await using scene = await gatewayScene({ options: { limits: { jobsMax: 1 } }, work: () => new Promise(() => {}) })
  await scene.post(order)
  await scene.app.settle()
  const ask = (customer: string): Promise<Response> =>
    scene.gateway.fetch(request('POST', '/api/counts', { 'x-customer': customer }, '{}'))
  const [ada, grace] = [await ask('ada'), await ask('grace')]
  assert.equal(placeOf(ada), placeOf(grace))
  assert.equal((await scene.get(placeOf(grace), { 'x-customer': 'grace' })).status, 200)
  assert.equal((await scene.cancel(idOf(ada))).status, 409)
  assert.equal((await scene.get(placeOf(ada), { 'x-customer': 'mallory' })).status, 404)
})

test('scenario 46: a key is kept while its job lives, and for a day after its end is gone', async () => {
  let isOpen = false
  const work = async (): Promise<{ number: string }> => {
    if (isOpen) return { number: 'N' }
    throw throttled(hours(1))
  }
  await using scene = await gatewayScene({ work })
  const { app, service } = scene
  const pass = async (ms: number): Promise<void> => {
    app.clock.jump(ms)
    await app.advance(125_000)
  }
  const key = { 'idempotency-key': 'k1' }
  const first = await scene.post(order, key)
  await app.settle()
  await service.database.query('UPDATE fb_jobs SET due_at_ms = due_at_ms + $1', [hours(1000)])
  for (let day = 0; day < 3; day++) await pass(hours(24))
  const later = await scene.post(order, key)
  assert.equal(placeOf(later), placeOf(first))
  isOpen = true
  await service.database.query('UPDATE fb_jobs SET due_at_ms = 0')
  await app.advance(5000)
  await pass(hours(23))
  assert.equal((await scene.get(placeOf(first))).status, 200)
  await pass(hours(2))
  assert.equal((await scene.get(placeOf(first))).status, 410)
  assert.equal((await scene.get(`${placeOf(first)}/result`)).status, 410)
  assert.equal((await scene.cancel(idOf(first))).status, 410)
  assert.equal((await scene.post(order, key)).headers.get('idempotency-replayed'), 'true')
  await pass(hours(25))
  assert.equal(await scene.count('fb_requests'), 0)
  assert.equal((await scene.get(placeOf(first))).status, 404)
})

test('a key whose job left no end is forgotten two days after the job was last known to live', async () => {
  await using scene = await gatewayScene()
  const { database } = scene.service
  await scene.post(order, { 'idempotency-key': 'k1' })
  await scene.app.settle()
  await database.query('DELETE FROM fb_job_ends')
  const atMs = scene.app.clock.now()
  const forget = (ms: number): Promise<number> => database.transaction((sql) => forgetRequests(sql, atMs + ms, 10))
  assert.equal(await forget(hours(23)), 0)
  assert.equal(await forget(hours(24)), 1)
  assert.equal(await forget(hours(47)), 0)
  assert.equal(await scene.count('fb_requests'), 1)
  assert.equal(await forget(hours(48)), 1)
  assert.equal(await scene.count('fb_requests'), 0)
})
