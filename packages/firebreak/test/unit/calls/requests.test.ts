import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import { type AnyCall, call } from '../../../src/define/call.ts'
import { policy } from '../../../src/policy/definition/policy.ts'
import { callScene, json, quoteCall, type Sent, watch } from '../../call-scene.ts'

const once = policy({ attemptsMax: 1 })
const plain = { name: 'pricing.quote', to: 'pricing', policy: once } as const
const fine = (): Response => json({ price: 5 })

async function sentFor(definition: AnyCall, request: unknown): Promise<Sent> {
  const { caller, sent } = callScene(fine)
  await caller.call(definition, request)
  assert.equal(sent.length, 1)
  return sent[0] as Sent
}

test('the path takes its fields from the request, and the rest becomes the query', async () => {
  const { url, body, method } = await sentFor(quoteCall(), { routeId: 'a/b ö', stops: 3 })
  assert.equal(url, 'http://pricing.test/routes/a%2Fb%20%C3%B6/quote?stops=3')
  assert.equal(body, undefined)
  assert.equal(method, 'GET')
})

test('of a method with a body, what the path does not take is the body', async () => {
  const made = call({ ...plain, method: 'POST', path: '/routes/:routeId' })
  const { url, body, headers } = await sentFor(made, { routeId: 7, tags: ['x'], note: null })
  assert.equal(url, 'http://pricing.test/routes/7')
  assert.deepEqual(JSON.parse(body ?? ''), { tags: ['x'], note: null })
  assert.equal(headers.get('content-type'), 'application/json')
})

test('any text that fills a path stays one part of it', () => {
  const made = call({ ...plain, method: 'GET', path: '/routes/:id/end' })
  return fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary', minLength: 1 }), async (id) => {
      fc.pre(id !== '.' && id !== '..')
      const { pathname } = new URL((await sentFor(made, { id })).url)
      const [, routes, part = '', last, ...more] = pathname.split('/')
      assert.deepEqual([routes, decodeURIComponent(part), last, more], ['routes', id.toWellFormed(), 'end', []])
    }),
    { numRuns: 300 },
  )
})

test('a query holds any text, repeats arrays, and leaves out what is not there', async () => {
  const made = call({ ...plain, method: 'DELETE', path: '/q' })
  const { url } = await sentFor(made, { 'a&b': 'c=d#ü', list: [1, 2], no: undefined, nothing: null, yes: true })
  const pairs = [...new URL(url).searchParams]
  assert.deepEqual(pairs, [
    ['a&b', 'c=d#ü'],
    ['list', '1'],
    ['list', '2'],
    ['yes', 'true'],
  ])
})

test('a request that does not fit is refused before anything is sent', async () => {
  const { caller, sent } = callScene(fine)
  const get = call({ ...plain, method: 'GET', path: '/r/:id', name: 'pricing.get' })
  const post = call({ ...plain, method: 'POST', path: '/r', name: 'pricing.post' })
  const circle: Record<string, unknown> = {}
  circle['self'] = circle
  const wrong: [AnyCall, unknown, RegExp][] = [
    [quoteCall({ policy: once }), { routeId: 5 }, /request of call pricing\.quote .*routeId/],
    [get, {}, /id: fills the path, and must be text or a number/],
    [get, { id: '' }, /"" would change it/],
    [get, { id: '..' }, /"\.\." would change it/],
    [get, { id: 'x', filter: { a: 1 } }, /filter: GET has no body/],
    [post, circle, /cannot be written as JSON/],
  ]
  for (const [definition, request, says] of wrong) {
    await assert.rejects(caller.call(definition, request), (error: Error) => {
      assert.ok(isFirebreakError(error, 'FB_CALL_CONTRACT'), String(error))
      return says.test(error.message)
    })
  }
  assert.equal(sent.length, 0)
})

test('what goes out is what the schema made of the request, and what comes back what it made of the response', async () => {
  const request = z.object({ id: z.string().trim(), n: z.number().default(4) })
  const response = z.object({ at: z.string().transform((text) => text.length) })
  const made = call({ ...plain, method: 'POST', path: '/r/:id', request, response })
  const { caller, sent } = callScene(() => json({ at: 'four' }))
  assert.deepEqual(await caller.call(made, { id: ' x ' }), { at: 4 })
  assert.equal(sent[0]?.url, 'http://pricing.test/r/x')
  assert.equal(sent[0]?.body, '{"n":4}')
})

test('a schema that validates asynchronously is waited for, and its time counts', async () => {
  const { caller, clock, sent } = callScene(fine)
  const slow = z.object({ id: z.string() }).refine(async () => {
    await new Promise<void>((resolve) => clock.schedule(300, resolve))
    return true
  })
  const made = call({ ...plain, method: 'GET', path: '/r/:id', request: slow })
  const late = watch(caller.call(made, { id: 'a' }, { deadlineMs: 200 }))
  const timely = watch(caller.call(made, { id: 'a' }, { deadlineMs: 400 }))
  await clock.advance(1000)
  assert.ok(isFirebreakError(late.error, 'FB_SCHEMA_TIMEOUT'))
  assert.deepEqual(timely.value, { price: 5 })
  assert.equal(sent[0]?.headers.get('x-request-timeout-ms'), '100')
})

test('a schema of a call that never answers ends with the call, and its error says whose fault that is', async () => {
  const never = {
    '~standard': { version: 1, vendor: 'own', validate: () => new Promise<never>(() => {}) },
  } as unknown as z.ZodType
  const parts = { request: never, response: never }
  for (const part of ['request', 'response'] as const) {
    const made = call({ ...plain, method: 'POST', path: '/r', [part]: parts[part] })
    const { caller, clock, sent } = callScene(fine)
    const one = watch(caller.call(made, {}))
    await clock.advance(60_000)
    assert.ok(isFirebreakError(one.error, 'FB_SCHEMA_TIMEOUT'), `${part}: ${one.error}`)
    assert.match(String(one.error), new RegExp(`the ${part} of call ${made.name}`))
    assert.equal(sent.length, part === 'request' ? 0 : 1)
  }
})

test('a request that JSON would change in silence is refused', async () => {
  const post = call({ ...plain, method: 'POST', path: '/r' })
  const { caller, sent } = callScene(fine)
  for (const v of [
    Number.NaN,
    [undefined],
    new Array(2),
    [() => 1],
    new Map([['a', 1]]),
    new Set([1]),
    [[Symbol('s')]],
  ])
    await assert.rejects(caller.call(post, { v }), (error) => isFirebreakError(error, 'FB_CALL_CONTRACT'))
  assert.equal(sent.length, 0)
  await caller.call(post, { at: z.coerce.date().parse(0), none: undefined, list: [null] })
  assert.equal(sent[0]?.body, '{"at":"1970-01-01T00:00:00.000Z","list":[null]}')
})

test('every attempt says how long it may take, and nothing goes out when the time is over', async () => {
  const quote = quoteCall({ policy: policy({ attemptTimeoutMs: 500, deadlineMs: 2000, backoff: { jitter: 'none' } }) })
  const { caller, clock, sent } = callScene(() => new Error('broken'))
  const call1 = watch(caller.call(quote, { routeId: 'r' }, { deadlineMs: 120 }))
  const call2 = watch(caller.call(quote, { routeId: 'r' }, { deadlineMs: 0 }))
  const call3 = watch(caller.call(quote, { routeId: 'r' }, { deadlineMs: -5 }))
  await clock.advance(5000)
  assert.deepEqual(
    sent.map(({ headers }) => headers.get('x-request-timeout-ms')),
    ['120', '70'],
  )
  for (const { error } of [call2, call3]) assert.ok(isFirebreakError(error, 'FB_CALL_DEADLINE'))
  assert.ok(isFirebreakError(call1.error))
})

test('a header that takes its time to be made is not sent after the time of its attempt', async () => {
  const endpoints = {
    pricing: {
      url: 'http://pricing.test',
      headers: () => new Promise<Record<string, string>>((resolve) => clock.schedule(700, () => resolve({}))),
    },
  }
  const { caller, clock, sent } = callScene(fine, { endpoints })
  const late = watch(caller.call(quoteCall({ policy: once }), { routeId: 'r' }))
  await clock.advance(5000)
  assert.ok(isFirebreakError(late.error, 'FB_CALL_TIMEOUT'))
  assert.equal(sent.length, 0)
})

test('all attempts share correlation, trace and idempotency key, each is a span of its own', async () => {
  const key = call({ ...plain, method: 'POST', path: '/r', idempotent: 'key', policy: policy({ budget: null }) })
  const { caller, clock, sent } = callScene((_, count) => (count < 3 ? new Error('broken') : fine()))
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
  const ended = watch(caller.call(key, {}, { correlationId: 'order-7', traceparent, priority: 'critical' }))
  await clock.advance(5000)
  assert.deepEqual(ended.value, { price: 5 })
  const values = (name: string): Set<string | null> => new Set(sent.map(({ headers }) => headers.get(name)))
  assert.equal(sent.length, 3)
  assert.deepEqual([...values('x-correlation-id')], ['order-7'])
  assert.deepEqual([...values('x-priority')], ['critical'])
  assert.equal(values('idempotency-key').size, 1)
  assert.match([...values('idempotency-key')][0] ?? '', /^[0-9a-f-]{36}$/)
  assert.equal(values('traceparent').size, 3)
  for (const trace of values('traceparent')) assert.match(trace ?? '', /^00-a{32}-(?!b{16})[0-9a-f]{16}-01$/)
})

test('without a trace of the caller all attempts share a new one, and two calls have keys and correlations of their own', async () => {
  const key = call({ ...plain, method: 'POST', path: '/r', idempotent: 'key', policy: policy() })
  const { caller, clock, sent } = callScene((_, count) => (count === 1 ? new Error('broken') : fine()))
  const ended = watch(caller.call(key, {}))
  await clock.advance(5000)
  assert.ok(ended.isOver)
  const traces = sent.map(({ headers }) => headers.get('traceparent')?.slice(3, 35))
  assert.equal(traces.length, 2)
  assert.equal(traces[0], traces[1])
  await caller.call(key, {})
  const [first, , third] = sent
  for (const name of ['idempotency-key', 'x-correlation-id', 'traceparent'])
    assert.notEqual(first?.headers.get(name), third?.headers.get(name))
  assert.equal(first?.headers.get('x-priority'), null)
})

test('a call without an idempotency key sends none', async () => {
  const { headers } = await sentFor(quoteCall(), { routeId: 'r' })
  assert.equal(headers.get('idempotency-key'), null)
})

test('text from outside cannot add a header or break one', async () => {
  const { caller, sent } = callScene(fine)
  const key = call({ ...plain, method: 'POST', path: '/r', idempotent: 'key' })
  const evil = 'a\r\nx-admin: 1 ü'
  await caller.call(key, {}, { correlationId: evil, idempotencyKey: evil, traceparent: evil })
  const headers = sent[0]?.headers as Headers
  assert.equal(headers.get('x-admin'), null)
  for (const name of ['x-correlation-id', 'idempotency-key'])
    assert.equal(decodeURIComponent(headers.get(name) ?? ''), evil)
  assert.match(headers.get('traceparent') ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
})

test('the headers of an endpoint go along, and cannot replace those of the call', async () => {
  const headers = { Authorization: 'Bearer s3cret', 'X-Correlation-Id': 'mine' }
  for (const own of [headers, () => headers, async () => headers]) {
    const endpoints = { pricing: { url: 'http://pricing.test/api/', headers: own } }
    const { caller, sent } = callScene(fine, { endpoints })
    await caller.call(quoteCall(), { routeId: 'r' }, { correlationId: 'theirs' })
    assert.equal(sent[0]?.headers.get('authorization'), 'Bearer s3cret')
    assert.equal(sent[0]?.headers.get('x-correlation-id'), 'theirs')
    assert.equal(sent[0]?.url, 'http://pricing.test/api/routes/r/quote')
  }
})
