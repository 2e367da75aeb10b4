import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import Fastify from 'fastify'
import type { Gateway } from '../../../src/gateway/jobs/gateway.ts'
import { nodeHandler } from '../../../src/gateway/jobs/node-handler.ts'
import { bodyOf, gatewayScene } from '../../gateway-scene.ts'

const order = JSON.stringify({ orderId: '4711' })
const headers = { 'x-customer': 'ada', 'content-type': 'application/json', 'idempotency-key': 'k1' }

async function serve(
  t: TestContext,
  listener: RequestListener,
): Promise<{ readonly port: number; readonly url: string }> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  return { port, url: `http://127.0.0.1:${port}` }
}

/** Says this on a connection of its own, and resolves to all that comes back until it ends, in whatever way. */
function said(port: number, ...words: readonly string[]): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  let all = ''
  const socket = connect(port, '127.0.0.1')
  socket.on('data', (chunk) => {
    all += chunk
  })
  socket.on('error', () => undefined)
  socket.on('close', () => resolve(all))
  for (const one of words) socket.write(one)
  return promise
}

test('node:http: the whole way of a job', async (t) => {
  await using scene = await gatewayScene()
  const { url } = await serve(t, nodeHandler(scene.gateway))
  const accepted = await fetch(`${url}/api/orders`, { method: 'POST', headers, body: order })
  assert.equal(accepted.status, 202)
  const place = `${url}${accepted.headers.get('location')}`
  await scene.app.settle()
  assert.equal((await bodyOf(await fetch(place, { headers })))['status'], 'succeeded')
  assert.deepEqual(await bodyOf(await fetch(`${place}/result`, { headers })), { number: 'N-4711' })
  assert.equal((await fetch(`${place}/cancel`, { method: 'POST', headers })).status, 409)
  const again = await fetch(`${url}/api/orders`, { method: 'POST', headers, body: order })
  assert.equal(again.headers.get('idempotency-replayed'), 'true')
  const head = await fetch(place, { method: 'HEAD', headers })
  assert.deepEqual([head.status, await head.text()], [200, ''])
})

test('scenario 53: node:http: a slow body, a large one, and too many headers', async (t) => {
  await using scene = await gatewayScene({ accept: { bodyTimeoutMs: 500, bodyBytesMax: 1000 } })
  const { port, url } = await serve(t, nodeHandler(scene.gateway))
  const start = 'POST /api/orders HTTP/1.1\r\nhost: shop\r\nx-customer: ada\r\ncontent-type: application/json\r\n'
  const slow = said(port, `${start}content-length: 20\r\n\r\n{"order`)
  await arrived(scene.app.clock)
  await scene.app.advance(501)
  assert.match(await slow, /^HTTP\/1\.1 408 .*connection: close/is)
  assert.match(await said(port, `${start}content-length: 10000000\r\n\r\n`, order), /^HTTP\/1\.1 413 /)
  const chunk = `400\r\n${'x'.repeat(1024)}\r\n`
  assert.match(await said(port, `${start}transfer-encoding: chunked\r\n\r\n`, chunk), /^HTTP\/1\.1 413 /)
  const many = Array.from({ length: 10_000 }, (_, i) => `h${i}: x\r\n`).join('')
  assert.match(await said(port, `${start}${many}\r\n`), /^HTTP\/1\.1 431 /)
  assert.match(await said(port, `${start}idempotency-key: a\0\r\n\r\n`), /^HTTP\/1\.1 400 /)
  const next = await fetch(`${url}/api/orders`, { method: 'POST', headers, body: order })
  assert.equal(next.status, 202)
})

/** Until the request has come so far that its body is waited for. */
async function arrived(clock: { readonly pending: number }): Promise<void> {
  const before = clock.pending
  while (clock.pending <= before) await new Promise((resolve) => setImmediate(resolve))
}

test('node:http: targets that are no paths, and hosts that are none', async (t) => {
  await using scene = await gatewayScene()
  const { port } = await serve(t, nodeHandler(scene.gateway))
  const status = async (target: string, host = 'shop'): Promise<string> =>
    (await said(port, `GET ${target} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`)).slice(9, 12)
  assert.equal(await status('//x/y'), '404')
  assert.equal(await status('*'), '400')
  assert.equal(await status('http://other/api/jobs/1'), '401')
  assert.equal(await status('/api/jobs/1', 'a b'), '401')
})

test('a mistake of the program is a 500 without its words, and the process is told', async (t) => {
  const broken: Gateway = {
    has: () => true,
    fetch: async () => {
      throw new Error('secret')
    },
  }
  const { url } = await serve(t, nodeHandler(broken))
  const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
  const answer = await fetch(url)
  assert.equal(answer.status, 500)
  assert.doesNotMatch(await answer.text(), /secret/)
  assert.match((await warned).message, /secret/)
})

test('Fastify: what the gateway has no route for is left to the app, and so are its errors', async () => {
  await using scene = await gatewayScene()
  const app = Fastify()
  const handle = nodeHandler(scene.gateway)
  app.addHook('onRequest', (request, reply, next) => void handle(request.raw, reply.raw, next))
  app.get('/api/orders', async () => ({ mine: true }))
  app.post('/echo', async ({ body }) => body)
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  try {
    const accepted = await fetch(`${url}/api/orders`, { method: 'POST', headers, body: order })
    assert.equal(accepted.status, 202)
    await scene.app.settle()
    const place = `${url}${accepted.headers.get('location')}`
    assert.equal((await bodyOf(await fetch(place, { headers })))['done'], true)
    assert.deepEqual(await bodyOf(await fetch(`${url}/api/orders`)), { mine: true })
    assert.deepEqual(
      await bodyOf(await fetch(`${url}/echo`, { method: 'POST', headers, body: order })),
      JSON.parse(order),
    )
    const failed = await fetch(`${url}/api/orders`, {
      method: 'POST',
      headers: { ...headers, 'x-customer': 'x'.repeat(300) },
      body: order,
    })
    assert.equal(failed.status, 500)
  } finally {
    await app.close()
  }
})
