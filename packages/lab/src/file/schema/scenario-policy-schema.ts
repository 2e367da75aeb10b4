/** Shape of policies and backoffs in a scenario file. */
import { policyDefaults } from 'firebreak/internal'
import { z } from 'zod'
import { choice, duration, map, numeric, orNone } from './scenario-leaves.ts'

const d = policyDefaults
const optional = <S extends z.ZodType>(schema: S, description: string, fallback: unknown): z.ZodOptional<S> =>
  schema.describe(`${description}; default ${fallback}`).optional()

const count = numeric({ min: 1, max: 100_000, whole: true })
const share = numeric({ min: 0, max: 1 })

/** How long to wait before another attempt; the default of each part depends on where it stands. */
export const backoff = (base: string, cap: string) =>
  map({
    kind: optional(choice(['full', 'equal', 'decorrelated', 'none']), 'Jitter', 'full'),
    base: optional(duration(), 'The first wait; it doubles from attempt to attempt', base),
    cap: optional(duration(), 'The longest wait', cap),
  })

export type RawBackoff = z.infer<ReturnType<typeof backoff>>

const ratioBudget = map({
  kind: z.literal('ratio').describe('A share of the calls').optional(),
  ratio: optional(numeric({ min: 0, max: 1000 }), 'Retries per call', 0.1),
  minPerSec: optional(numeric({ min: 0, max: 1e6 }), 'Retries a second that are there without any call', 1),
  ttl: optional(duration(1), 'How long an unused retry may be saved up', '10s'),
})
const tokenBudget = map({
  kind: z.literal('tokens').describe('Failures take tokens, successes bring parts of them; as in gRPC (A6)'),
  maxTokens: numeric({ min: 1, max: 1e6 }).describe('Tokens at the start and at most; retries only above half of them'),
  tokenRatio: numeric({ min: 0, max: 1000, above: true }).describe('What a success brings'),
})

const budget = z.discriminatedUnion('kind', [ratioBudget, tokenBudget])

const limits = (initial: number, min: number, max: number) => ({
  initial: count.describe('The limit at the start').default(initial),
  min: count.describe('The lowest it goes').default(min),
  max: count.describe('The highest it goes').default(max),
})
const limit = z.discriminatedUnion('kind', [
  map({ kind: z.literal('vegas').describe('By delay: holds the queue short'), ...limits(20, 1, 1000) }),
  map({
    kind: z.literal('aimd').describe('By loss: one more, or a tenth less'),
    ...limits(20, 20, 200),
    backoff: numeric({ min: 0, max: 1, above: true }).describe('Factor after a loss').default(0.9),
    timeout: duration(1).describe('An attempt that takes longer counts as lost').default('5s'),
  }),
  map({
    kind: z.literal('gradient2').describe('By the gradient of delay; creeps upward under a lasting queue'),
    ...limits(20, 20, 200),
  }),
])

const breaker = map({
  kind: z.literal('rate').describe('By the share of failures').optional(),
  threshold: optional(share, 'Share of failed or slow calls at which it opens', d.breaker?.failureRatio),
  min: optional(count, 'Calls that the window must hold before it can open', d.breaker?.callsMin),
  window: optional(duration(1), 'How far back calls count', '10s'),
  open: optional(duration(1), 'How long it stays open before it lets probes through', '5s'),
  probes: optional(count, 'Probes at the same time; as many successes in a row close it', d.breaker?.probesMax),
  slow: optional(duration(0, ['none']), 'A call that takes longer counts as failed', 'none'),
})

const bulkhead = map({
  slots: optional(count, 'Attempts at the same time, per instance of the caller', d.bulkhead?.slots),
  queue: optional(numeric({ min: 0, max: 1e6, whole: true }), 'Calls that may wait for a slot', d.bulkhead?.queueMax),
  queueWait: optional(duration(), 'How long they may wait', '100ms'),
})

const hedge = map({
  after: duration(0, ['p95']).describe(
    'When a second attempt starts beside the first: a duration, or p95 of the calls so far',
  ),
  max: numeric({ min: 1, max: 10, whole: true }).describe('Further attempts per call').default(1),
})

/** How a dependency is called; what is left out has the default of `policy()`. */
export const policySchema = map({
  deadline: optional(duration(1), 'For the whole call with its waits and retries', '2s'),
  attemptTimeout: optional(duration(1), 'For one attempt', '500ms'),
  maxAttempts: optional(
    numeric({ min: 1, max: 100, whole: true }),
    'Attempts in all, the first included',
    d.attemptsMax,
  ),
  backoff: backoff('50ms', '200ms').describe('Waits between attempts').optional(),
  budget: orNone(budget)
    .describe('How much retries may add to the load; default 0.1 of the calls and one a second')
    .optional(),
  breaker: orNone(breaker).describe('Stops calling what fails; default: opens at half of 20 calls').optional(),
  bulkhead: z
    .union([numeric({ min: 1, max: 100_000, whole: true, words: ['none'] }), bulkhead])
    .describe('Attempts at the same time; default 64')
    .optional(),
  limit: orNone(limit).describe('A limit of attempts at the same time that finds itself; default none').optional(),
  hedge: orNone(hedge).describe('A second attempt beside a slow one; default none').optional(),
}).meta({ id: 'Policy' })

/** What differs from `policy()`, as it was written. */
export type RawPolicy = z.infer<typeof policySchema>
export type RawBudget = z.infer<typeof budget>
export type RawLimit = z.infer<typeof limit>
export type RawBreaker = z.infer<typeof breaker>
export type RawBulkhead = z.infer<typeof bulkhead>
