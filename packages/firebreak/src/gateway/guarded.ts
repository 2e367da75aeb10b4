import { type Admission, type AdmissionOptions, admissionOf } from './admission.ts'
import type { Refusal } from './admission-request.ts'
import { failureAnswer, refusalAnswer } from './answer.ts'
import { responseOf } from './problem.ts'
import type { ServerContext } from './server-context.ts'

/** Answers one request. Pass `ctx` to the calls that it makes, and `ctx.signal` to whatever else it waits for. */
export type RequestHandler = (request: Request, ctx: ServerContext) => Promise<Response>

/**
 * Puts a handler behind an admission: what the server has no room for is answered with 503 and `Retry-After`, what comes or
 * waits beyond its deadline with 504, and neither starts.
 *
 * A call that failed inside the handler becomes 502, 503 or 504; other errors are thrown on.
 */
export function guarded(
  handler: RequestHandler,
  options: Admission | AdmissionOptions,
): (request: Request) => Promise<Response> {
  const admission = admissionOf(options)
  return async (request) => {
    const { promise, resolve } = Promise.withResolvers<Refusal | undefined>()
    const listener = { admitted: () => resolve(undefined), refused: resolve }
    const entry = admission.prepare((name) => request.headers.get(name), listener)
    const gone = (): void => entry.abandon()
    request.signal.addEventListener('abort', gone, { once: true })
    try {
      entry.enter()
      if (request.signal.aborted) gone()
      const refusal = await promise
      return refusal === undefined ? await handler(request, entry.scope) : responseOf(refusalAnswer(refusal))
    } catch (error) {
      const answer = failureAnswer(error)
      if (answer === undefined) throw error
      return responseOf(answer)
    } finally {
      request.signal.removeEventListener('abort', gone)
      entry.leave()
    }
  }
}
