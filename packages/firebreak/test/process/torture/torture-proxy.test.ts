import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import test, { type TestContext } from 'node:test'
import { type TcpProxy, tcpProxy } from '../../../torture/process/tcp-proxy.ts'

/** A server that answers everything with the same, behind a proxy. */
async function echoBehindProxy(t: TestContext): Promise<{ proxy: TcpProxy; heard: string[] }> {
  const heard: string[] = []
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      heard.push(String(chunk))
      socket.write(chunk)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const proxy = await tcpProxy(0, () => port)
  t.after(async () => {
    await proxy.close()
    server.close()
  })
  return { proxy, heard }
}

async function client(t: TestContext, { port }: TcpProxy): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  t.after(() => socket.destroy())
  await once(socket, 'connect')
  return socket
}

async function answer(socket: Socket): Promise<string> {
  const [chunk] = await once(socket, 'data')
  return String(chunk)
}

test('a proxy passes everything on in both directions', async (t) => {
  const { proxy } = await echoBehindProxy(t)
  const socket = await client(t, proxy)
  socket.write('ping')
  assert.equal(await answer(socket), 'ping')
})

test('what is sent over a way that is cut arrives once it is healed, and not before', async (t) => {
  const { proxy, heard } = await echoBehindProxy(t)
  const cut = await client(t, proxy)
  cut.write('before')
  assert.equal(await answer(cut), 'before')
  proxy.cut()
  await new Promise<void>((resolve) => cut.write('late', () => resolve()))
  // A second way to the same server is cut too; that its bytes stay away shows that time has passed for the first.
  const fresh = await client(t, proxy)
  await new Promise<void>((resolve) => fresh.write('new', () => resolve()))
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(heard, ['before'])
  proxy.heal()
  assert.deepEqual(await Promise.all([answer(cut), answer(fresh)]), ['late', 'new'])
})

test('a way that was never cut, or is healed twice, passes everything on once', async (t) => {
  const { proxy, heard } = await echoBehindProxy(t)
  const socket = await client(t, proxy)
  socket.write('ping')
  assert.equal(await answer(socket), 'ping')
  proxy.heal()
  proxy.cut()
  proxy.heal()
  proxy.heal()
  socket.write('pong')
  assert.equal(await answer(socket), 'pong')
  socket.write('end')
  assert.equal(await answer(socket), 'end')
  assert.deepEqual(heard, ['ping', 'pong', 'end'])
})

test('a proxy that closes ends its connections', async (t) => {
  const { proxy } = await echoBehindProxy(t)
  const socket = await client(t, proxy)
  const closed = once(socket, 'close')
  await proxy.close()
  await closed
})
