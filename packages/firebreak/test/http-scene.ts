import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

/** A server on loopback, closed with its test. */
export interface Listening {
  readonly url: string
  /** Connections that were ever opened. */
  connections(): number
  /** Ends all connections, in the middle of whatever they carry. */
  cut(): void
  close(): Promise<void>
}

/** Serves a fetch-style handler with node:http; the request's signal aborts when its client goes. */
export async function listen(t: TestContext, handler: (request: Request) => Promise<Response>): Promise<Listening> {
  const server = createServer((incoming, outgoing) => {
    handler(requestOf(incoming, outgoing)).then(
      (response) => answer(outgoing, response),
      () => answer(outgoing, new Response('fault', { status: 500 })),
    )
  })
  return opened(t, server)
}

async function opened(t: TestContext, server: Server): Promise<Listening> {
  let connections = 0
  server.on('connection', () => connections++)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const cut = (): void => server.closeAllConnections()
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      cut()
    })
  t.after(close)
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, connections: () => connections, cut, close }
}

function requestOf(incoming: IncomingMessage, outgoing: ServerResponse): Request {
  const abort = new AbortController()
  outgoing.once('close', () => outgoing.writableFinished || abort.abort())
  const headers = new Headers()
  for (const [name, value] of Object.entries(incoming.headers)) headers.set(name, String(value))
  const url = `http://${incoming.headers.host}${incoming.url}`
  return new Request(url, { method: incoming.method ?? 'GET', headers, signal: abort.signal })
}

async function answer(outgoing: ServerResponse, response: Response): Promise<void> {
  outgoing.writeHead(response.status, Object.fromEntries(response.headers))
  for await (const chunk of response.body ?? []) {
    if (outgoing.destroyed) return
    if (!outgoing.write(chunk))
      await new Promise<void>((resolve) => {
        outgoing.once('drain', resolve)
        outgoing.once('close', resolve)
      })
  }
  outgoing.end()
}

/** Resolves when something has become true that other work in this process brings about. */
export async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise<void>((resolve) => setImmediate(resolve))
}
