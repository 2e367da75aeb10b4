import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import type { Context } from '../../../src/contracts/context.ts'
import { hours, minutes } from '../../../src/contracts/duration.ts'
import { FirebreakError, isFirebreakError } from '../../../src/contracts/errors.ts'
import type { Fact } from '../../../src/contracts/journal.ts'
import { type AnyCall, call } from '../../../src/define/call.ts'
import { type HandlerOptions, handle } from '../../../src/define/handle.ts'
import { service } from '../../../src/define/service.ts'
import type { Fetch } from '../../../src/node/fetch.ts'
import { policy } from '../../../src/policy/definition/policy.ts'
import type { PolicySpec } from '../../../src/policy/definition/policy-spec.ts'
import { retryDefaults } from '../../../src/policy/definition/retry.ts'
import { classify, decide } from '../../../src/runtime/instance/decide.ts'
import { createRuntime } from '../../../src/runtime/runtime.ts'
import { createTestRuntime, type TestRuntime } from '../../../src/testing/test-runtime.ts'
import { json } from '../../call-scene.ts'
import { named } from '../../named.ts'
import { Happened, laneRetry, parkingRetry } from '../../thing-scene.ts'

const response: z.ZodObject<{ price: z.ZodNumber }> = z.object({ price: z.number() })
const quoteOf = (spec: PolicySpec = {}): AnyCall =>
  call({
    name: 'pricing.quote',
    to: 'pricing',
    method: 'POST',
    path: '/quotes',
    idempotent: 'key',
    response,
    policy: policy({ attemptsMax: 1, breaker: null, budget: null, ...spec }),
  })

interface Scene {
  readonly app: TestRuntime
  readonly facts: Fact[]
  kinds(): readonly string[]
}

/** One service whose handler does as `run` says, with a dependency that answers as `fetch` says. */
async function scene(
  run: (it: { id: string; n: number }, ctx: Context) => Promise<void>,
  fetch: Fetch,
  options: HandlerOptions,
): Promise<Scene> {
  const facts: Fact[] = []
  const one = service({ name: 'one', handlers: [handle(Happened, run, { retry: parkingRetry, ...options })] })
  const app = await createTestRuntime({
    services: [one],
    fetch,
    observe: (fact) => facts.push(fact),
    expectDeadLetters: true,
  })
  const own = new Set(['done', 'failed', 'parked', 'dead-lettered', 'error-after-commit'])
  return { app, facts, kinds: () => facts.map(({ kind }) => kind).filter((kind) => own.has(kind)) }
}

const fine: Fetch = async () => json({ price: 5 })
const broken: Fetch = async () => {
  throw new Error('broken')
}

test('a handler calls with the correlation, the trace and the time of its delivery', async () => {
  const quote = quoteOf()
  const sent: Headers[] = []
  let answer: unknown
  let remaining: string | undefined
  const { app } = await scene(
    async (_, ctx) => {
      answer = await ctx.call(quote, {})
      remaining = ctx.envelope.correlationId
    },
    async (_, init) => {
      sent.push(new Headers(init.headers))
      return json({ price: 5 })
    },
    { calls: [quote], deadlineMs: 300 },
  )
  const id = await app.publish(Happened, { id: 'a', n: 1 })
  const [published] = await app.published(Happened)
  assert.deepEqual(answer, { price: 5 })
  assert.equal(sent[0]?.get('x-correlation-id'), remaining)
  assert.equal(sent[0]?.get('x-request-timeout-ms'), '300')
  assert.equal(sent[0]?.get('idempotency-key'), `${id}:pricing.quote`)
  const trace = published?.envelope.traceparent ?? ''
  assert.equal(sent[0]?.get('traceparent')?.slice(0, 36), trace.slice(0, 36))
  assert.notEqual(sent[0]?.get('traceparent'), trace)
  await app.stop()
})

test('what the handler has spent of its time is not left for its call', async () => {
  const quote = quoteOf()
  const sent: string[] = []
  const seen: { app?: TestRuntime } = {}
  const { app } = await scene(
    async (_, ctx) => {
      await new Promise<void>((resolve) => void seen.app?.clock.schedule(250, resolve))
      await ctx.call(quote, {})
    },
    async (_, init) => {
      sent.push(new Headers(init.headers).get('x-request-timeout-ms') ?? '')
      return new Promise(() => {})
    },
    { calls: [quote], deadlineMs: 400 },
  )
  seen.app = app
  await app.publish(Happened, { id: 'a', n: 1 })
  await app.advance(500)
  assert.deepEqual(sent, ['150'])
  await app.stop()
})

test('the n-th call of a name has one idempotency key in all attempts of an event, and no other call has it', async () => {
  const quote = quoteOf()
  const keys: string[] = []
  const { app } = await scene(
    async (_, ctx) => {
      await ctx.call(quote, { first: true })
      await ctx.call(quote, { first: false })
    },
    async (_, init) => {
      keys.push(new Headers(init.headers).get('idempotency-key') ?? '')
      if (keys.length === 2) throw new Error('broken')
      return json({ price: 1 })
    },
    { calls: [quote] },
  )
  const id = await app.publish(Happened, { id: 'a', n: 1 })
  await app.advance(10_000)
  assert.deepEqual(
    keys.map((key) => key.replace(id, 'event')),
    ['event:pricing.quote', 'event:pricing.quote:2', 'event:pricing.quote', 'event:pricing.quote:2'],
  )
  await app.stop()
})

test('a call that the handler does not declare is refused, and so is one after the unit has ended', async () => {
  const [quote, other] = [quoteOf(), quoteOf()]
  const errors: unknown[] = []
  const { app, kinds } = await scene(
    async (_, ctx) => {
      errors.push(await ctx.call(other, {}).catch((error: FirebreakError) => error.code))
      await ctx.transaction(async () => {})
      errors.push(await ctx.call(quote, {}).catch((error: FirebreakError) => error.code))
    },
    fine,
    { calls: [quote] },
  )
  await app.publish(Happened, { id: 'a', n: 1 })
  assert.deepEqual(errors, ['FB_NOT_CALLABLE', 'FB_UNIT_ENDED'])
  assert.deepEqual(kinds(), ['done'])
  await app.stop()
})

test('a call that nobody awaits does not end the process', async () => {
  const quote = quoteOf()
  const { app, kinds } = await scene(
    async (_, ctx) => {
      void ctx.call(quote, {})
    },
    broken,
    { calls: [quote] },
  )
  await app.publish(Happened, { id: 'a', n: 1 })
  await app.advance(1000)
  assert.deepEqual(kinds(), ['done'])
  await app.stop()
})

test('at the deadline of the delivery its call ends with it', async () => {
  const quote = quoteOf({ attemptTimeoutMs: 60_000, deadlineMs: 60_000 })
  const signals: AbortSignal[] = []
  const { app, facts } = await scene(
    async (_, ctx) => {
      await ctx.call(quote, {})
    },
    (_, init) => {
      signals.push(init.signal as AbortSignal)
      return new Promise(() => {})
    },
    { calls: [quote], deadlineMs: 1000 },
  )
  await app.publish(Happened, { id: 'a', n: 1 })
  await app.advance(1100)
  assert.ok(signals[0]?.aborted)
  const failed = facts.find(({ kind }) => kind === 'failed')
  assert.ok(failed?.kind === 'failed' && isFirebreakError(failed.error))
  assert.ok(['FB_CALL_DEADLINE', 'FB_DELIVERY_TIMEOUT'].includes(failed.error.code), failed.error.code)
  await app.stop()
})

test('a rejected call is a dead letter at once, a failed one is tried again', async () => {
  const quote = quoteOf()
  let status = 500
  const { app, kinds } = await scene(
    async (_, ctx) => {
      await ctx.call(quote, {})
    },
    async () => json({}, status),
    { calls: [quote] },
  )
  await app.publish(Happened, { id: 'a', n: 1 })
  assert.deepEqual(kinds(), ['failed', 'parked'])
  status = 422
  await app.advance(10_000)
  assert.deepEqual(kinds(), ['failed', 'parked', 'failed', 'dead-lettered'])
  const [letter] = await named(app, 'one').deadLetters.list()
  assert.equal(letter?.errorClass, 'FB_CALL_REJECTED')
  assert.deepEqual(
    letter?.attempts.map(({ dependency }) => dependency),
    ['pricing', 'pricing'],
  )
  await app.stop()
})

test('an expired token makes no dead letters: what it stopped goes on when there is a new one', async () => {
  const quote = quoteOf({ breaker: {} })
  let status = 401
  const { app, kinds } = await scene(
    async (_, ctx) => {
      await ctx.call(quote, {})
    },
    async () => json({ price: 1 }, status),
    // Those of a handler without options: the scene has its own.
    { calls: [quote], retry: retryDefaults },
  )
  for (let i = 0; i < 40; i++) await app.publish(Happened, { id: `k${i}`, n: 1 })
  await app.advance(minutes(20))
  assert.equal(kinds().filter((kind) => kind === 'done').length, 0)
  status = 200
  await app.advance(minutes(30))
  assert.equal(kinds().filter((kind) => kind === 'done').length, 40)
  assert.deepEqual(await named(app, 'one').deadLetters.list(), [])
  assert.ok((await named(app, 'one').ledger()).ok)
  await app.stop()
})

test('what nobody answered costs no attempt: an open breaker, a full bulkhead, a pause that was asked for', async () => {
  const numbers: number[] = []
  const answers = [
    () => json({}, 503, { 'retry-after': '7' }),
    () => json({}, 503, { 'retry-after': '7' }),
    () => json({}, 503, { 'retry-after': '7' }),
    () => json({}, 503, { 'retry-after': '7' }),
    () => json({ price: 1 }),
  ]
  const quote = quoteOf()
  const { app, kinds } = await scene(
    async (_, ctx) => {
      numbers.push(ctx.attempt)
      await ctx.call(quote, {})
    },
    async () => (answers.shift() as () => Response)(),
    { calls: [quote] },
  )
  await app.publish(Happened, { id: 'a', n: 1 })
  for (const _ of answers.slice()) await app.advance(7000)
  assert.deepEqual(numbers, [1, 1, 1, 1, 1], 'three attempts are all that there are')
  assert.equal(kinds().at(-1), 'done')
  await app.stop()
})

test('an attempt that the breaker or the bulkhead refused does not count, over a restart either', async () => {
  const quote = quoteOf({ bulkhead: { slots: 1 } })
  const numbers: number[] = []
  let release = (): void => {}
  const { app } = await scene(
    async (it, ctx) => {
      if (it.id === 'b') numbers.push(ctx.attempt)
      await ctx.call(quote, { id: it.id })
    },
    (_, init) =>
      String(init.body).includes('"b"')
        ? fine('', init)
        : new Promise((resolve) => {
            release = () => resolve(json({ price: 1 }))
          }),
    // What is refused for lack of a place comes back within the time of an attempt.
    { calls: [quote], retry: { ...parkingRetry, laneWaitMaxMs: 0 } },
  )
  await app.publish(Happened, { id: 'a', n: 1 })
  await app.publish(Happened, { id: 'b', n: 1 })
  assert.deepEqual(numbers, [1])
  await named(app, 'one')
    .stop()
    .catch(() => {})
  release()
  await named(app, 'one').restart()
  await app.advance(2000)
  assert.ok(numbers.length >= 2)
  assert.ok(
    numbers.every((number) => number === 1),
    String(numbers),
  )
  await app.stop()
})

test('runtime.call makes the calls that its service declares, and no others', async () => {
  const [quote, other] = [quoteOf(), call({ name: 'pricing.other', to: 'pricing', method: 'GET', path: '/' })]
  const front = service({ name: 'front', calls: [quote] })
  const app = await createTestRuntime({ services: [front], fetch: fine })
  assert.deepEqual(await named(app, 'front').runtime.call(quote, {}), { price: 5 })
  await assert.rejects(named(app, 'front').runtime.call(other, {}), { code: 'FB_NOT_CALLABLE' })
  await app.stop()
})

test('a runtime whose service declares calls does not start without a caller that knows them', async () => {
  const one = service({ name: 'one', calls: [quoteOf()] })
  const app = await createTestRuntime({ services: [service({ name: 'empty' })] })
  const runtime = createRuntime({ service: one, log: app.log, clock: app.clock, entropy: app.entropy })
  await assert.rejects(runtime.start(), /one declares calls, so it needs a caller/)
  await app.stop()
})

test('a retry after a failed call waits until the budget of its dependency pays for it, and is not given up', async () => {
  const quote = quoteOf({ budget: { ratio: 0, minPerSec: 0.2, ttlMs: 10_000 } })
  const sentAtMs: number[] = []
  let isDown = true
  const seen: { app?: TestRuntime } = {}
  const { app, kinds } = await scene(
    async (_, ctx) => {
      await ctx.call(quote, {})
    },
    async () => {
      sentAtMs.push(seen.app?.clock.now() ?? 0)
      if (isDown) throw new Error('broken')
      return json({ price: 1 })
    },
    { calls: [quote], retry: { ...laneRetry, attemptsMax: 5 } },
  )
  seen.app = app
  await app.publish(Happened, { id: 'a', n: 1 })
  await app.publish(Happened, { id: 'b', n: 1 })
  await app.advance(1000)
  assert.equal(sentAtMs.length, 3, 'two first attempts, and the one retry that the budget starts with')
  await app.advance(9000)
  assert.ok(sentAtMs.length <= 5, `${sentAtMs.length} attempts in 10 s`)
  isDown = false
  await app.advance(60_000)
  assert.equal(kinds().filter((kind) => kind === 'done').length, 2)
  assert.equal(kinds().filter((kind) => kind === 'dead-lettered').length, 0)
  assert.ok((await named(app, 'one').ledger()).ok)
  await app.stop()
})

test('what is held back is parked however short it waits, loses no attempt, and ends at the age of its first failure', () => {
  const policy = { ...retryDefaults, onExhausted: 'skip' } as const
  const held = (afterMs: number, firstFailedAtMs: number) =>
    decide(
      {
        classification: classify(new FirebreakError('FB_NOT_STARTED', { afterMs })),
        attempts: policy.attemptsMax,
        firstFailedAtMs,
        previousDelayMs: 0,
        nowMs: hours(48),
      },
      policy,
      () => 0.5,
    )
  assert.deepEqual(held(1, hours(48)), { kind: 'park', dueAtMs: hours(48) + 1 })
  assert.deepEqual(held(5000, hours(25)), { kind: 'park', dueAtMs: hours(48) + 5000 })
  assert.equal(held(5000, hours(23)).kind, 'dead-letter')
})

test('a retry after an error of its own asks no budget', async () => {
  const quote = quoteOf({ budget: { ratio: 0, minPerSec: 0, ttlMs: 10_000 } })
  const { app, kinds } = await scene(
    async (_, ctx) => {
      await ctx.call(quote, {})
      if (ctx.attempt < 3) throw new Error('own')
    },
    fine,
    { calls: [quote], retry: laneRetry },
  )
  await app.publish(Happened, { id: 'a', n: 1 })
  await app.advance(200)
  assert.equal(kinds().at(-1), 'done')
  await app.stop()
})

test('a stop gives up what is called', async () => {
  const quote = quoteOf({ attemptTimeoutMs: 20_000, deadlineMs: 60_000 })
  const signals: AbortSignal[] = []
  const { app } = await scene(
    async (_, ctx) => {
      await ctx.call(quote, {})
    },
    (_, init) => {
      signals.push(init.signal as AbortSignal)
      return new Promise(() => {})
    },
    { calls: [quote] },
  )
  await app.publish(Happened, { id: 'a', n: 1 })
  await named(app, 'one').stop()
  assert.ok(signals[0]?.aborted)
  await app.stop()
})
