import { FirebreakError } from '../../contracts/errors.ts'
import type { AnyJob, JobInput } from '../../contracts/job.ts'
import {
  bytes,
  choice,
  ms,
  type OptionTable,
  optionProblems,
  other,
  type Problems,
  shown,
} from '../../contracts/option.ts'
import { fieldOf } from '../../contracts/text/text-of.ts'

export interface AcceptOptions<J extends AnyJob = AnyJob> {
  /** Whether each request needs an `Idempotency-Key`; default `required`. */
  readonly idempotency?: 'required' | 'optional'
  /** The longest body; default 1 MB. */
  readonly bodyBytesMax?: number
  /** How long a body may take to come; default 10 s. */
  readonly bodyTimeoutMs?: number
  /** How long `Prefer: wait` may keep a request; default 30 s. */
  readonly waitMaxMs?: number
  /** More members for the body of the 202, made from what was sent once that is known to be sound. */
  readonly answer?: (input: JobInput<J>) => Readonly<Record<string, unknown>>
}

export const acceptOptions: OptionTable<AcceptOptions> = {
  idempotency: choice({
    choices: ['required', 'optional'],
    default: 'required',
    meaning: 'whether each request needs an `Idempotency-Key`',
  }),
  bodyBytesMax: bytes({ least: 1, default: 1_000_000, meaning: 'the longest body' }),
  bodyTimeoutMs: ms({ least: 1, default: 10_000, meaning: 'how long a body may take to come' }),
  waitMaxMs: ms({ least: 0, default: 30_000, meaning: 'how long `Prefer: wait` may keep a request' }),
  answer: other,
}

/** A route on which requests become jobs; `accept` makes it. */
export interface AcceptRoute {
  readonly kind: 'accept'
  readonly method: string
  readonly path: string
  readonly job: AnyJob
  readonly idempotency: 'required' | 'optional'
  readonly body: { readonly bytesMax: number; readonly timeoutMs: number }
  readonly waitMaxMs: number
  readonly answer: ((input: never) => Readonly<Record<string, unknown>>) | undefined
}

/** The routes on which jobs are looked up and cancelled; `jobRoutes` makes it. */
export interface JobRoutes {
  readonly kind: 'jobs'
  readonly path: string
}

export type GatewayRoute = AcceptRoute | JobRoutes

const methods = ['POST', 'PUT', 'PATCH', 'DELETE']
const pathPattern = /^(?:\/[\w.~!$&'()*+,;=@-]+)+$/
const pathMax = 200

/**
 * A route on which each request becomes a job: its body is the input, and the answer is 202 with the place to ask for the end.
 *
 * **Guarantee** What was answered with 202 is committed. A repetition with the same `Idempotency-Key`, for a day and while its job
 * is known, is not run again, and gets the same answer.
 * **Errors** `FB_CONFIG` with every mistake at once.
 *
 * @example
 * ```ts
 * import { job } from 'firebreak'
 * import { accept } from 'firebreak/http'
 * import { z } from 'zod'
 *
 * const PlaceOrder = job({ type: 'order.place', schema: z.object({ orderId: z.string() }), keepMs: 86_400_000 })
 * export const orders = accept('POST /api/orders', PlaceOrder, { idempotency: 'required' })
 * ```
 */
export function accept<J extends AnyJob>(route: string, job: J, options: AcceptOptions<J> = {}): GatewayRoute {
  const [method = '', path = '', ...more] = typeof route === 'string' ? route.split(' ') : []
  const at = `accept ${shown(route)}: `
  const problems = [...optionProblems(acceptOptions, options, at), ...jobProblems(job, at)]
  if (!methods.includes(method) || more.length > 0 || !isPath(path))
    problems.push(`${at}a route is a method (${methods.join(', ')}), a space and a path without parameters`)
  if (options?.answer !== undefined && typeof options.answer !== 'function')
    problems.push(`${at}answer must be a function, not ${shown(options.answer)}`)
  if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
  const { idempotency = 'required', bodyBytesMax = 1_000_000, bodyTimeoutMs = 10_000, waitMaxMs = 30_000 } = options
  const body = { bytesMax: bodyBytesMax, timeoutMs: bodyTimeoutMs }
  return Object.freeze({ kind: 'accept', method, path, job, idempotency, body, waitMaxMs, answer: options.answer })
}

// Its callers are told where to ask for its end, so there must be something to find.
function jobProblems(job: AnyJob, at: string): Problems {
  if (fieldOf(job, 'kind') !== 'job') return [`${at}it takes a job(), not ${shown(job)}`]
  if (job.keepMs > 0) return []
  return [`${at}of the job ${job.type} nothing is kept once it has ended: set keepMs in its definition`]
}

/**
 * The routes under which a caller finds its jobs: `GET /:id` for the status, `GET /:id/result`, and `POST /:id/cancel`.
 *
 * **Errors** `FB_CONFIG` for what is no path.
 *
 * @example
 * ```ts
 * import { jobRoutes } from 'firebreak/http'
 *
 * export const jobs = jobRoutes('/api/jobs')
 * ```
 */
export function jobRoutes(path: string): GatewayRoute {
  if (isPath(path)) return Object.freeze({ kind: 'jobs', path })
  throw new FirebreakError('FB_CONFIG', { problems: `jobRoutes: ${shown(path)} must be a path such as /api/jobs` })
}

const isPath = (path: unknown): boolean => typeof path === 'string' && path.length <= pathMax && pathPattern.test(path)
