import { invariant } from '../contracts/errors.ts'
import { type Admission, type AdmissionOptions, admissionOf } from './admission.ts'
import type { AdmissionRequest } from './admission-request.ts'
import { type FailureAnswer, failureAnswer, refusalAnswer } from './answer.ts'
import type { ServerContext } from './server-context.ts'

/** What is used of a Fastify request. */
export interface FastifyRequestLike {
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
}

/** What is used of a Fastify reply. */
export interface FastifyReplyLike {
  readonly raw: {
    readonly writableEnded: boolean
    once(event: 'close', listener: () => void): unknown
  }
  code(status: number): unknown
  headers(values: Record<string, string>): unknown
  send(body: string): unknown
}

type RouteHandler = (this: unknown, request: FastifyRequestLike, reply: FastifyReplyLike) => unknown

/** What is used of a Fastify instance. */
export interface FastifyLike {
  // biome-ignore lint/suspicious/noExplicitAny: the hooks of Fastify have many shapes, and this library none of its types
  addHook(name: any, hook: any): unknown
}

export type FastifyAdmissionPlugin = (app: FastifyLike, options: unknown, done: () => void) => void

/** A request that has been admitted. Its place is free when its handler has ended and its connection has nothing to send. */
interface Stay {
  readonly entry: AdmissionRequest
  isWorking: boolean
  isClosed: boolean
}

const stays = new WeakMap<object, Stay>()

/**
 * A Fastify plugin that puts the routes of its instance behind an admission, before their bodies are read. Register it
 * before them, and await it:
 *
 *     await app.register(fastifyAdmission({ concurrency: 50 }))
 *     app.get('/quotes/:id', async (request) => caller.call(quote, { id }, serverContext(request)))
 *
 * A call that failed inside a handler becomes 502, 503 or 504; other errors go to Fastify's own handling.
 */
export function fastifyAdmission(options: Admission | AdmissionOptions): FastifyAdmissionPlugin {
  const admission = admissionOf(options)
  const wrapped = new WeakSet<RouteHandler>()
  const plugin: FastifyAdmissionPlugin = (app, _, done) => {
    app.addHook('onRequest', (request: FastifyRequestLike, reply: FastifyReplyLike, next: () => void) =>
      enter(admission, { request, reply, next }),
    )
    app.addHook('onRoute', (route: { handler: RouteHandler }) => {
      // The HEAD route that Fastify adds to a GET has its handler already.
      if (wrapped.has(route.handler)) return
      route.handler = watched(route.handler)
      wrapped.add(route.handler)
    })
    done()
  }
  // Fastify's mark for a plugin that is about the instance around it, not about one of its own.
  return Object.assign(plugin, { [Symbol.for('skip-override')]: true })
}

/** The context of a request that `fastifyAdmission` has admitted. **Errors** `FB_INVARIANT` for any other. */
export function serverContext(request: object): ServerContext {
  const stay = stays.get(request)
  invariant(stay !== undefined, 'serverContext is asked for requests behind fastifyAdmission')
  return stay.entry.scope
}

function enter(
  admission: Admission,
  { request, reply, next }: { request: FastifyRequestLike; reply: FastifyReplyLike; next: () => void },
): void {
  const header = (name: string): string | null => {
    const value = request.headers[name]
    return typeof value === 'string' ? value : null
  }
  const entry = admission.prepare(header, {
    admitted: next,
    refused: (refusal) => void reply.send(fill(reply, refusalAnswer(refusal))),
  })
  const stay: Stay = { entry, isWorking: false, isClosed: false }
  stays.set(request, stay)
  reply.raw.once('close', () => {
    stay.isClosed = true
    if (!reply.raw.writableEnded) entry.abandon()
    settle(stay)
  })
  entry.enter()
}

function settle(stay: Stay): void {
  if (stay.isClosed && !stay.isWorking) stay.entry.leave()
}

function watched(handler: RouteHandler): RouteHandler {
  return function (request, reply) {
    const stay = stays.get(request)
    if (stay === undefined) return handler.call(this, request, reply)
    const ended = (): void => {
      stay.isWorking = false
      settle(stay)
    }
    const failed = (error: unknown): string => {
      const answer = failureAnswer(error)
      if (answer === undefined) throw error
      return fill(reply, answer)
    }
    const result = handler.call(this, request, reply)
    if (!(result instanceof Promise)) return result
    stay.isWorking = true
    return result.catch(failed).finally(ended)
  }
}

/** Status and headers; the body is what remains to be sent. */
function fill(reply: FastifyReplyLike, { status, headers, body }: FailureAnswer): string {
  reply.code(status)
  reply.headers({ ...headers })
  return body
}
