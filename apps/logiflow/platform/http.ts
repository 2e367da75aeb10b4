import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { isFirebreakError } from 'firebreak'
import { ZodError } from 'zod'
import { DomainError } from '../domain/values/domain-error.ts'
import { complain } from './terminal.ts'

const BODY_BYTES_MAX = 256 * 1024

export type ApiRequest = {
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  readonly json: () => Promise<unknown>
}
export type Reply = {
  readonly status: number
  readonly json?: unknown
  readonly bytes?: Uint8Array
  readonly headers?: Readonly<Record<string, string>>
  /** Takes the response over: a stream. */
  readonly stream?: (response: ServerResponse) => void
}
export type Handle = (request: ApiRequest) => Promise<Reply> | Reply
/** `'POST /positions'` or `'GET /api/orders/:orderId'`. */
export type Routes = Readonly<Record<string, Handle>>

/** An answer that is not a success, as RFC 9457 problem details. */
export class Problem extends Error {
  readonly status: number
  /** Of the request, where one field is the reason. */
  readonly field: string | undefined
  constructor(status: number, message: string, field?: string) {
    super(message)
    this.name = 'Problem'
    this.status = status
    this.field = field
  }
}

type Compiled = { readonly method: string; readonly pattern: RegExp; readonly handle: Handle }

const compile = (routes: Routes): readonly Compiled[] =>
  Object.entries(routes).map(([route, handle]) => {
    const [method = 'GET', path = '/'] = route.split(' ')
    const pattern = new RegExp(`^${path.replace(/:(\w+)/g, '(?<$1>[^/]+)')}$`)
    return { method, pattern, handle }
  })

const readJson = async (request: IncomingMessage): Promise<unknown> => {
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? ''))
    throw new Problem(415, 'send application/json')
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length
    if (bytes > BODY_BYTES_MAX) throw new Problem(413, `a body may have ${BODY_BYTES_MAX} bytes`)
    chunks.push(chunk as Buffer)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch {
    throw new Problem(400, 'the body is no JSON')
  }
}

/** Pages of other sites must not reach a local server: neither under another name nor by a foreign form. */
const refuseForeign = (request: IncomingMessage): void => {
  const host = request.headers.host ?? ''
  if (!/^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(host))
    throw new Problem(421, 'this server answers to 127.0.0.1')
  const { origin } = request.headers
  if (origin !== undefined && origin !== `http://${host}`) throw new Problem(403, `requests from ${origin} are refused`)
}

type FieldProblem = { readonly field: string; readonly message: string }

const problemOf = (error: unknown): { status: number; title: string; fields?: readonly FieldProblem[] } => {
  if (error instanceof Problem) {
    const { status, message, field } = error
    return { status, title: message, ...(field === undefined ? {} : { fields: [{ field, message }] }) }
  }
  if (error instanceof ZodError) {
    const fields = error.issues.slice(0, 5).map(({ path, message }) => ({ field: path.join('.'), message }))
    return { status: 422, title: fields.map(({ field, message }) => `${field}: ${message}`).join('; '), fields }
  }
  if (error instanceof DomainError) return { status: 422, title: error.message }
  // What failed here, paths of this machine among it, is for the person who runs it.
  if (isFirebreakError(error) && error.kind === 'transient') {
    complain(`a request is refused for a moment: ${error.message}`)
    return { status: 503, title: 'this server cannot do that at this moment' }
  }
  complain(`a request failed: ${error instanceof Error ? error.stack : error}`)
  return { status: 500, title: 'this server has failed' }
}

const send = (response: ServerResponse, reply: Reply): void => {
  if (reply.stream !== undefined) {
    reply.stream(response)
    return
  }
  const body = reply.bytes ?? (reply.json === undefined ? undefined : JSON.stringify(reply.json))
  const type = reply.bytes === undefined ? { 'content-type': 'application/json' } : {}
  response.writeHead(reply.status, {
    ...type,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...reply.headers,
  })
  response.end(body)
}

/** **Errors** `Problem` 400: `//`, or a target that is no path. */
const urlOf = (target: string): URL => {
  // Behind two slashes would stand another server.
  if (target.startsWith('/') && !target.startsWith('//') && URL.canParse(target, 'http://127.0.0.1'))
    return new URL(target, 'http://127.0.0.1')
  throw new Problem(400, 'the path cannot be read')
}

/** **Errors** `Problem` 400: an escape that is none, a control character. */
const textOf = (segment: string): string => {
  try {
    const text = decodeURIComponent(segment)
    if (!/\p{Cc}/u.test(text)) return text
  } catch {
    // As below.
  }
  throw new Problem(400, 'the path cannot be read')
}

const answer = async (routes: readonly Compiled[], request: IncomingMessage): Promise<Reply> => {
  refuseForeign(request)
  const url = urlOf(request.url ?? '/')
  const known = routes.filter((route) => route.pattern.test(url.pathname))
  const route = known.find((candidate) => candidate.method === request.method)
  if (route === undefined) {
    throw known.length > 0 ? new Problem(405, `${request.method} is not possible here`) : new Problem(404, 'not found')
  }
  const params = Object.entries(route.pattern.exec(url.pathname)?.groups ?? {})
  return route.handle({
    params: Object.fromEntries(params.map(([name, value]) => [name, textOf(value)])),
    query: url.searchParams,
    headers: request.headers,
    json: () => readJson(request),
  })
}

/** Serves on 127.0.0.1 only; resolves when it listens. Port 0 takes a free one. */
export const serve = async (routes: Routes, port: number): Promise<{ port: number; close: () => void }> => {
  const compiled = compile(routes)
  const server: Server = createServer((request, response) => {
    answer(compiled, request)
      .catch((error: unknown): Reply => {
        const { status, ...problem } = problemOf(error)
        const retry = status === 503 ? { 'retry-after': '2' } : {}
        return {
          status,
          json: { ...problem, status },
          headers: { 'content-type': 'application/problem+json', ...retry },
        }
      })
      .then((reply) => send(response, reply))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'EADDRINUSE' ? new Error(`port ${port} is taken by another program`) : error),
    )
    server.listen(port, '127.0.0.1', resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
