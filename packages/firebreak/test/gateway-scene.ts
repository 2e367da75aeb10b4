import { z } from 'zod'
import type { JobContext } from '../src/contracts/job-context.ts'
import { event } from '../src/define/event.ts'
import { handle } from '../src/define/handle.ts'
import { job } from '../src/define/job.ts'
import { type ServiceDefinition, service } from '../src/define/service.ts'
import { createGateway, type Gateway } from '../src/gateway/jobs/gateway.ts'
import { type AcceptOptions, accept, jobRoutes } from '../src/gateway/jobs/routes.ts'
import { createTestRuntime, type TestRuntime, type TestRuntimeOptions } from '../src/testing/test-runtime.ts'
import type { TestService } from '../src/testing/test-service.ts'

const schema = z.object({ orderId: z.string().min(1), lines: z.array(z.object({ n: z.int() })).optional() })
export const PlaceOrder = job({
  type: 'order.place',
  schema,
  result: z.object({ number: z.string() }),
  progress: z.object({ step: z.int() }),
})
/** Has no result, and is joined. */
const CountStock = job({ type: 'stock.count', schema: z.object({}), unique: 'live', keepMs: 3_600_000 })

export const OrderSeen = event({ type: 'order.seen', topic: 'orders', key: 'orderId', schema })

type Work = (input: { readonly orderId: string }, ctx: JobContext<typeof PlaceOrder>) => Promise<{ number: string }>

export interface GatewayTerms {
  /** What the handler of `PlaceOrder` does. */
  readonly work?: Work
  readonly accept?: AcceptOptions<typeof PlaceOrder>
  readonly options?: Partial<TestRuntimeOptions>
}

/** A service with a gateway in front of it, in virtual time. Callers say whose they are in `x-customer`. */
export interface GatewayScene extends AsyncDisposable {
  readonly app: TestRuntime
  readonly service: TestService
  readonly gateway: Gateway
  /** In front of the instance that was started last. */
  another(): Gateway
  post(body: unknown, headers?: Readonly<Record<string, string>>): Promise<Response>
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Response>
  cancel(id: string): Promise<Response>
  count(table: string): Promise<number>
}

const number: Work = async ({ orderId }) => ({ number: `N-${orderId}` })

export async function gatewayScene(terms: GatewayTerms = {}): Promise<GatewayScene> {
  const place = handle(PlaceOrder, terms.work ?? number)
  const handlers = [place, handle(CountStock, () => undefined)]
  const ordering = service({ name: 'ordering', handlers, publishes: [OrderSeen] })
  const app = await createTestRuntime({ services: [ordering], observe: false, ...terms.options })
  return sceneOf(app, ordering, terms)
}

function sceneOf(app: TestRuntime, ordering: ServiceDefinition, terms: GatewayTerms): GatewayScene {
  const another = (): Gateway =>
    createGateway({
      runtime: app.service(ordering).runtime,
      scope: (request) => request.headers.get('x-customer'),
      routes: [
        accept('POST /api/orders', PlaceOrder, { idempotency: 'optional', ...terms.accept }),
        accept('PUT /api/orders', PlaceOrder, { idempotency: 'required' }),
        accept('POST /api/counts', CountStock, { idempotency: 'optional' }),
        jobRoutes('/api/jobs'),
      ],
    })
  const gateway = another()
  const send = (method: string, path: string, headers = {}, body?: string): Promise<Response> =>
    gateway.fetch(request(method, path, headers, body))
  return {
    app,
    service: app.service(ordering),
    gateway,
    another,
    post: (body, headers) => send('POST', '/api/orders', headers, JSON.stringify(body)),
    get: (path, headers) => send('GET', path, headers),
    cancel: (id) => send('POST', `/api/jobs/${id}/cancel`),
    count: async (table) => (await app.service(ordering).database.query(`SELECT 1 FROM ${table}`)).length,
    [Symbol.asyncDispose]: () => app.stop(),
  }
}

export function request(method: string, path: string, headers: object = {}, body?: string): Request {
  const json = body === undefined ? {} : { 'content-type': 'application/json' }
  return new Request(`http://shop${path}`, {
    method,
    headers: { 'x-customer': 'ada', ...json, ...headers },
    ...(body === undefined ? {} : { body }),
  })
}

/** A body of an answer. */
export const bodyOf = async (response: Response): Promise<Readonly<Record<string, unknown>>> =>
  (await response.json()) as Readonly<Record<string, unknown>>
