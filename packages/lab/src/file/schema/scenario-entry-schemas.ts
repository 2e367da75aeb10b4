/** Shape of services, edges, traffic, faults and expectations in a scenario file. */
import { z } from 'zod'
import { shown } from './read-problems.ts'
import {
  choice,
  duration,
  edgeIdPattern,
  leaf,
  map,
  namePattern,
  numeric,
  orNone,
  text,
  yesNo,
} from './scenario-leaves.ts'
import { backoff } from './scenario-policy-schema.ts'
import { time } from './scenario-time-schema.ts'

/** A name, and what else may stand in its place. */
export const nameOf = (what: string): z.ZodType<string> => text(namePattern, what)

const edgeId = text(edgeIdPattern, 'an id like web->profile')
const share = numeric({ min: 0, max: 1 })
const slope = numeric({ min: 0, max: 1000 })
const rate = numeric({ min: 0, max: 1e6 })
const orUnbounded = (min: number, max: number): z.ZodType<number | 'unbounded'> =>
  numeric({ min, max, whole: true, words: ['unbounded'] })

const concurrency = orUnbounded(1, 1e6)

/** What answers requests. */
export const serviceSchema = map({
  instances: numeric({ min: 1, max: 10_000, whole: true })
    .describe('Copies; each has its own workers and queue')
    .default(1),
  concurrency: concurrency
    .describe('Workers per instance, each busy from the start of a request until its calls are back; or unbounded')
    .optional(),
  workers: concurrency.describe('Another word for concurrency').optional(),
  queue: z
    .union([
      orUnbounded(0, 1e7),
      map({
        max: orUnbounded(0, 1e7).describe('Requests that may wait, per instance').default('unbounded'),
        order: choice(['fifo', 'lifo', 'adaptive-lifo']).describe('Which one is next').default('fifo'),
        maxWait: duration(0, ['unbounded'])
          .describe('What has waited longer when its turn comes is refused')
          .default('unbounded'),
      }),
    ])
    .describe('Requests that may wait for a worker, per instance')
    .default('unbounded'),
  latency: time.default(0).describe('Own work per request, before its calls'),
  failure: share.describe('Probability that a request fails for no reason').default(0),
  overload: orNone(
    map({
      at: numeric({ min: 0, max: 1e9, above: true }).describe(
        'Requests in service, over all instances, from which on it hurts',
      ),
      latencySlope: slope.describe('Latency is multiplied by 1 + this * (n / at - 1)').default(0),
      failureSlope: slope.describe('Probability of failure rises by this * (n / at - 1)').default(0),
      failureMax: share.describe('And no higher than this').default(1),
    }),
  )
    .describe('More work at once makes each piece slower and likelier to fail')
    .default('none'),
  onCancel: choice(['ignore', 'stop']).describe('Whether work goes on when its caller has gone').default('ignore'),
  shed: orNone(
    map({
      kind: z.literal('codel').describe('By the time that requests have waited').optional(),
      target: duration().describe('A wait that is fine').default('5ms'),
      interval: duration(1).describe('How long waits must be above it').default('100ms'),
    }),
  )
    .describe('Refuses work when the queue stands')
    .default('none'),
}).meta({ id: 'Service' })

/** A service as it was written. */
export type RawService = z.infer<typeof serviceSchema>

const ends = {
  id: edgeId.describe('Name of the edge; default from->to').optional(),
  from: nameOf('the name of a service').describe('The service that calls or publishes'),
  to: nameOf('the name of a service').describe('The service that answers or consumes'),
  network: time.default(0).describe('Time on the wire: each way of a call, or until a message can be seen'),
}
const sync = map({
  kind: z.literal('sync').describe('A call: the caller waits for the answer').optional(),
  ...ends,
  group: numeric({ min: 0, max: 10_000, whole: true })
    .describe(
      'Groups run one after the other, in rising order; default: in the order of the file, `parallel` neighbours together',
    )
    .optional(),
  parallel: yesNo.describe('All of a group run at the same time when each says so').default(false),
  optional: yesNo.describe('The request goes on when this fails').default(false),
  fallback: yesNo.describe('A failure is answered with a substitute, and counts as success').default(false),
  calls: numeric({ min: 1, max: 1000, whole: true }).describe('Calls per request, one after the other').default(1),
  policy: nameOf('the name of a policy, or none')
    .describe('Name of a policy; none: one attempt, no timeout')
    .default('none'),
})
const queueOf = <K extends 'queue' | 'stream'>(kind: K, what: string) =>
  map({
    kind: z.literal(kind).describe(what),
    ...ends,
    consumers: numeric({ min: 1, max: 100_000, whole: true }).describe('Each handles one message at a time').default(1),
    partitions: numeric({ min: 0, max: 100_000, whole: true })
      .describe('Of a stream: one message at a time in each; default 12')
      .optional(),
    maxAttempts: numeric({ min: 1, max: 1000, whole: true })
      .describe('Deliveries per message, the first included')
      .default(5),
    attemptTimeout: duration(1, ['none']).describe('How long one delivery may take').default('none'),
    backoff: backoff('100ms', '5s').describe('Waits between deliveries of a message').default({}),
    dlq: yesNo.describe('Keeps what failed for good as a dead letter, or drops it').default(true),
    publish: choice(['outbox', 'direct'])
      .describe('outbox: the answer does not wait for the broker; direct: it does')
      .default('outbox'),
  })

/** A dependency of one service on another. */
export const edgeSchema = z
  .discriminatedUnion('kind', [
    sync,
    queueOf('queue', 'Messages that any consumer may take'),
    queueOf('stream', 'Messages in partitions, in the order of their keys'),
  ])
  .meta({ id: 'Edge' })

/** A call as it was written. */
export type RawSyncEdge = z.infer<typeof sync>

/** A queue or stream with its consumers as it was written. */
export type RawQueueEdge = Exclude<z.infer<typeof edgeSchema>, RawSyncEdge>

const target = {
  to: nameOf('the name of a service').describe('The service that the requests arrive at'),
  critical: share.describe('Share of the requests that is shed last').default(0),
  keys: numeric({ min: 0, max: 1e9, whole: true })
    .describe('Keys, drawn evenly; 0: each request has its own')
    .default(0),
}
const rates = z
  .union([
    rate,
    z
      .array(z.tuple([duration().describe('From when on'), rate.describe('Requests per second')]))
      .min(1)
      .max(10_000),
  ])
  .describe('Requests per second: a number, or [[0s, 100], [20s, 800]]')

/** Where requests come from. */
export const trafficSchema = z
  .discriminatedUnion('process', [
    map({ process: z.literal('poisson').describe('Independent of each other').optional(), ...target, rate: rates }),
    map({ process: z.literal('deterministic').describe('At equal distances'), ...target, rate: rates }),
    map({
      process: z.literal('mmpp').describe('Bursts: switches between Poisson rates'),
      ...target,
      states: z
        .array(
          map({
            rate: rate.describe('Requests per second'),
            mean: duration(1).describe('How long it stays in this state, on average'),
          }),
        )
        .min(2)
        .max(100)
        .describe('The rates'),
    }),
    map({
      process: z.literal('closed').describe('Clients that ask, wait for the answer, think, and ask again'),
      ...target,
      clients: numeric({ min: 1, max: 1e6, whole: true }).describe('How many'),
      think: time.default(0).describe('Time between an answer and the next request'),
    }),
    map({
      process: z.literal('trace').describe('At given times'),
      ...target,
      at: z.array(duration()).describe('Arrivals, in rising order'),
    }),
  ])
  .meta({ id: 'Traffic' })

/** A source of requests as it was written. */
export type RawTraffic = z.infer<typeof trafficSchema>

/** One rate, or rates from given times on. */
export type RawRate = z.infer<typeof rates>

const faultKinds = ['crash', 'hang', 'capacity', 'latency', 'errors', 'partition', 'broker-down', 'hold'] as const
const kindOfFault = leaf<string>(
  { anyOf: [{ enum: faultKinds }, { type: 'string', pattern: '^(capacity|latency|errors)\\(x?\\d+(\\.\\d+)?\\)$' }] },
  (value) => {
    const name = typeof value === 'string' ? value.replace(/\(.*$/s, '') : value
    // The value behind it is judged where it is read.
    return (faultKinds as readonly unknown[]).includes(name) ? undefined : unknownFault(value)
  },
)

function unknownFault(value: unknown): { readonly message: string; readonly suggestion?: string } {
  const message = `must be one of ${faultKinds.join(', ')}, not ${shown(value)}`
  return typeof value === 'string' && value.startsWith('error')
    ? { message, suggestion: 'Did you mean "errors"?' }
    : { message }
}

/** Something that goes wrong for a while. */
export const faultSchema = map({
  at: duration().describe('When it begins'),
  for: duration().describe('How long it lasts; above 0'),
  target: text('^[A-Za-z][\\w>-]{0,131}$', 'the name of a service, the id of an edge, or broker')
    .describe('A service; for partition and hold an edge; for broker-down the broker')
    .optional(),
  kind: kindOfFault.describe(
    'What goes wrong; capacity, latency and errors take a value: capacity(0.2), latency(x5), errors(0.5)',
  ),
  value: numeric({ min: 0, max: 1e6 })
    .describe('Share of the workers that is left, factor of the latency, or probability of failure')
    .optional(),
}).meta({ id: 'Fault' })

/** A fault as it was written. */
export type RawFault = z.infer<typeof faultSchema>

/** A claim about the outcome. */
export const expectationSchema = map({
  arm: nameOf('the name of an arm').describe('Whose result; may be left out when there is one arm').optional(),
  metric: text('^\\S{1,200}$', 'the name of a metric').describe(
    'successRatio, latencyMs.p99, services.profile.utilization',
  ),
  op: choice(['=', '<', '<=', '>=', '>']).describe('How the metric compares with the value'),
  value: z
    .union([
      numeric({ min: -1e15, max: 1e15, what: 'a number, or a map with arm' }),
      map({
        arm: nameOf('the name of an arm').describe('The arm to compare with'),
        times: numeric({ min: 0, max: 1e9 }).describe('Its metric is multiplied by this').default(1),
      }),
    ])
    .describe('A number, or the same metric of another arm'),
  within: z
    .tuple([duration().describe('From'), duration().describe('Until')])
    .describe('Only requests that arrive in this part of the run')
    .optional(),
}).meta({ id: 'Expectation' })

/** A claim as it was written. */
export type RawExpectation = z.infer<typeof expectationSchema>
