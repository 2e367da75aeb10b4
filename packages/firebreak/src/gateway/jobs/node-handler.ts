import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { errorMessage } from '../../contracts/errors.ts'
import { warn } from '../../node/warning.ts'
import { problemAnswer, responseOf } from '../problem.ts'
import type { Gateway } from './gateway.ts'

/** Handles a request of node:http. With `next`, as frameworks give it, what the gateway has no route for is left to them. */
export type NodeHandler = (
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  next?: (error?: Error) => void,
) => Promise<void>

/**
 * A gateway for servers that stand on node:http: `createServer(nodeHandler(gateway))`, and `app.use(nodeHandler(gateway))` of
 * Express. It reads the body itself, so it stands before whatever parses bodies.
 *
 * What fails by a mistake of the program goes to `next`; without it, the answer is 500 and the process gets a warning.
 *
 * @example
 * ```ts
 * import { type Gateway, nodeHandler } from 'firebreak/http'
 * import Fastify from 'fastify'
 *
 * export async function listen(gateway: Gateway): Promise<void> {
 *   const app = Fastify()
 *   const handle = nodeHandler(gateway)
 *   app.addHook('onRequest', (request, reply, next) => void handle(request.raw, reply.raw, next))
 *   await app.listen({ port: 8080 })
 * }
 * ```
 */
export function nodeHandler(gateway: Gateway): NodeHandler {
  return async (incoming, outgoing, next) => {
    const { method = 'GET' } = incoming
    const url = urlOf(incoming)
    if (url === undefined) return send(incoming, outgoing, refused('the target of the request is no address'))
    if (next !== undefined && !gateway.has(method, url.pathname)) return next()
    try {
      await send(incoming, outgoing, await gateway.fetch(requestOf(url, incoming, outgoing)))
    } catch (error) {
      if (next !== undefined)
        return next(error instanceof Error ? error : new Error(errorMessage(error), { cause: error }))
      warn(`a request of ${url.pathname} failed: ${errorMessage(error)}`, 'FirebreakWarning')
      await send(incoming, outgoing, responseOf(problemAnswer(500, 'the request could not be answered')))
    }
  }
}

const refused = (detail: string): Response => responseOf(problemAnswer(400, detail))

function urlOf({ url = '', headers }: IncomingMessage): URL | undefined {
  const target = url.startsWith('/') ? `http://${headers.host ?? 'localhost'}${url}` : url
  if (URL.canParse(target)) return new URL(target)
  return url.startsWith('/') && URL.canParse(`http://localhost${url}`) ? new URL(`http://localhost${url}`) : undefined
}

function requestOf(url: URL, incoming: IncomingMessage, outgoing: ServerResponse): Request {
  const { method = 'GET' } = incoming
  const headers = new Headers()
  const raw = incoming.rawHeaders
  for (let i = 0; i + 1 < raw.length; i += 2)
    if (!raw[i]?.startsWith(':')) headers.append(raw[i] ?? '', raw[i + 1] ?? '')
  const gone = new AbortController()
  outgoing.once('close', () => outgoing.writableFinished || gone.abort())
  const hasBody = method !== 'GET' && method !== 'HEAD'
  const body = hasBody ? { body: Readable.toWeb(incoming) as ReadableStream, duplex: 'half' as const } : {}
  return new Request(url, { method, headers, signal: gone.signal, ...body })
}

async function send(incoming: IncomingMessage, outgoing: ServerResponse, response: Response): Promise<void> {
  const body = new Uint8Array(await response.arrayBuffer())
  if (outgoing.destroyed) return
  // The rest of a body that nobody reads is in the way of the next request.
  if (!incoming.complete) outgoing.setHeader('connection', 'close')
  outgoing.writeHead(response.status, Object.fromEntries(response.headers))
  outgoing.end(body)
}
