/**
 * Requests that become jobs. A route of `accept` answers with 202 when the job is committed, or with its result where the caller
 * waits for it; those of `jobRoutes` say how it goes.
 *
 * I1 A caller sees the jobs of its own scope, and of no other that there are any.
 * I2 What it is told names nothing of the inside: no statement, no stack, no message of an error.
 */
import { FirebreakError, isFirebreakError } from '../../contracts/errors.ts'
import { listProblems, type OptionTable, optionProblems, other, type Problems, shown } from '../../contracts/option.ts'
import { fieldOf } from '../../contracts/text/text-of.ts'
import { insideOf, type Runtime, type RuntimeInside } from '../../runtime/runtime.ts'
import { failureAnswer } from '../answer.ts'
import { type ProblemAnswer, problemAnswer, responseOf } from '../problem.ts'
import { answerAccept, type GatewayParts } from './accept-request.ts'
import { answerJob, type JobAction } from './job-requests.ts'
import type { AcceptRoute, GatewayRoute, JobRoutes } from './routes.ts'

export interface GatewayOptions {
  /** Runs the jobs, or another instance of its service does. */
  readonly runtime: Runtime
  /**
   * Whose request it is, a customer or a tenant: text of 1 to 200 characters; null where nobody says, which is answered with 401.
   * Keys and jobs of one scope are out of reach for all others.
   */
  readonly scope: (request: Request) => string | null | Promise<string | null>
  readonly routes: readonly GatewayRoute[]
}

export const gatewayOptions: OptionTable<GatewayOptions> = { runtime: other, scope: other, routes: other }

/** Answers requests as the web standards have them: `fetch` is all that Hono, Bun or a route of Next needs. */
export interface Gateway {
  /** **Errors** what `scope` and `answer` throw, and what is a mistake of the program. */
  readonly fetch: (request: Request) => Promise<Response>
  /** Whether it has a route for this. */
  readonly has: (method: string, path: string) => boolean
}

/** What a path leads to, by method. */
type Target = ReadonlyMap<string, (request: Request, scope: string) => Promise<Response>>

/**
 * Makes a gateway. **Errors** `FB_CONFIG` with every mistake at once.
 *
 * @example
 * ```ts
 * import { type JobDefinition, type Runtime } from 'firebreak'
 * import { accept, createGateway, jobRoutes } from 'firebreak/http'
 *
 * export function serve(runtime: Runtime, placeOrder: JobDefinition): (request: Request) => Promise<Response> {
 *   const scope = (request: Request): string | null => request.headers.get('x-customer')
 *   const routes = [accept('POST /api/orders', placeOrder), jobRoutes('/api/jobs')]
 *   return createGateway({ runtime, scope, routes }).fetch
 * }
 * ```
 */
export function createGateway(options: GatewayOptions): Gateway {
  const inside = insideOf(fieldOf(options, 'runtime'))
  const problems = problemsOf(options, inside)
  if (problems.length > 0 || inside === undefined)
    throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
  const routes = new Routes(options.routes, inside)
  return {
    fetch: (request) => answerTo(request, routes, { inside, scope: options.scope }),
    has: (method, path) => routes.targetOf(path)?.has(method) ?? false,
  }
}

class Routes {
  readonly #accepts: ReadonlyMap<string, readonly AcceptRoute[]>
  readonly #parts: GatewayParts

  constructor(routes: readonly GatewayRoute[], inside: RuntimeInside) {
    this.#accepts = Map.groupBy(
      routes.filter((one) => one.kind === 'accept'),
      ({ path }) => path,
    )
    this.#parts = { inside, jobsPath: routes.find((one) => one.kind === 'jobs')?.path ?? '' }
  }

  targetOf(path: string): Target | undefined {
    const parts = this.#parts
    const accepts = this.#accepts.get(path)
    if (accepts !== undefined)
      return new Map(
        accepts.map((route) => [route.method, (request, scope) => answerAccept({ parts, route, request, scope })]),
      )
    if (!path.startsWith(`${parts.jobsPath}/`)) return undefined
    const [id = '', action, ...others] = path.slice(parts.jobsPath.length + 1).split('/')
    if (id === '' || others.length > 0) return undefined
    const asks =
      (action: JobAction) =>
      (_: Request, scope: string): Promise<Response> =>
        answerJob({ parts, id, action, scope })
    if (action === undefined) return reading(asks('status'))
    if (action === 'result') return reading(asks('result'))
    return action === 'cancel' ? new Map([['POST', asks('cancel')]]) : undefined
  }
}

const reading = (answer: (request: Request, scope: string) => Promise<Response>): Target =>
  new Map([
    ['GET', answer],
    ['HEAD', async (request, scope) => withoutBody(await answer(request, scope))],
  ])

const withoutBody = ({ status, headers }: Response): Response => new Response(null, { status, headers })

interface Terms {
  readonly inside: RuntimeInside
  readonly scope: GatewayOptions['scope']
}

async function answerTo(request: Request, routes: Routes, { inside, scope: scopeOf }: Terms): Promise<Response> {
  const target = routes.targetOf(new URL(request.url).pathname)
  if (target === undefined) return refused(404, 'there is no such route')
  const answer = target.get(request.method)
  if (answer === undefined)
    return refused(405, 'this route does not take this method', { allow: [...target.keys()].join(', ') })
  try {
    const scope = await scopeOf(request)
    if (scope === null) return refused(401, 'the request says not whose it is')
    if (!isScope(scope)) throw new FirebreakError('FB_CONFIG', { problems: `scope returned ${shown(scope)}` })
    const { ledger, stopping } = inside.instance
    // Before the start there are no tables.
    if (ledger.id === null || stopping.aborted) return responseOf(away('1'))
    return await answer(request, scope)
  } catch (error) {
    const known = failureAnswer(error) ?? awayAnswer(error)
    if (known === undefined) throw error
    return responseOf(known)
  }
}

const refused = (status: 401 | 404 | 405, detail: string, headers: Readonly<Record<string, string>> = {}): Response =>
  responseOf(problemAnswer(status, detail, { headers }))

const scopeMax = 200

// A character NUL is nothing that a database keeps, and two halves of pairs would become one scope.
const isScope = (scope: unknown): scope is string =>
  typeof scope === 'string' && scope !== '' && scope.length <= scopeMax && scope.isWellFormed() && !scope.includes('\0')

const away = (afterSec: string): ProblemAnswer =>
  problemAnswer(503, 'it cannot be done now, and may be tried again', { headers: { 'retry-after': afterSec } })

/** The database is away, or has no room, or its answer was lost: a repetition with the same key finds out. */
function awayAnswer(error: unknown): ProblemAnswer | undefined {
  if (!isFirebreakError(error)) return undefined
  if (error.code === 'FB_DATABASE_BUSY') return away('1')
  const isAway = error.kind === 'transient' || error.code.startsWith('FB_DATABASE_') || error.code === 'FB_CLOSED'
  return isAway ? away('5') : undefined
}

function problemsOf(options: GatewayOptions, inside: RuntimeInside | undefined): Problems {
  const found = [...optionProblems(gatewayOptions, options ?? null, 'gateway: ')]
  const [scope, routes] = [fieldOf(options, 'scope'), fieldOf(options, 'routes')]
  if (inside === undefined) found.push('gateway: runtime must be what createRuntime returns')
  if (typeof scope !== 'function') found.push(`gateway: scope must be a function, not ${shown(scope)}`)
  const wrong = listProblems('gateway: routes', routes ?? null, 'accept', 'jobs')
  return [...found, ...wrong, ...(wrong.length > 0 ? [] : routeProblems(options.routes, inside))]
}

function routeProblems(routes: readonly GatewayRoute[], inside: RuntimeInside | undefined): Problems {
  const found: string[] = []
  const seen = new Set<string>()
  for (const route of routes) {
    if (route.kind !== 'accept') continue
    const name = `${route.method} ${route.path}`
    if (seen.has(name)) found.push(`gateway: ${name} is there twice`)
    seen.add(name)
    const service = inside?.instance.service
    if (service !== undefined && service.jobs.get(route.job.type)?.job !== route.job)
      found.push(`gateway: ${name}: service ${service.name} has no handler for the job ${route.job.type}`)
  }
  const places = routes.filter((one): one is JobRoutes => one.kind === 'jobs')
  if (places.length !== 1) found.push(`gateway: routes need jobRoutes(path) once, as callers must find their jobs`)
  return found
}
