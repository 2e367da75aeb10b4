import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FirebreakError, isFirebreakError, permanent } from '../../../src/contracts/errors.ts'
import { type Admission, type AdmissionOptions, createAdmission } from '../../../src/gateway/admission.ts'
import { guarded, type RequestHandler } from '../../../src/gateway/guarded.ts'
import { readCallHeaders } from '../../../src/gateway/request-headers.ts'
import type { ServerContext } from '../../../src/gateway/server-context.ts'
import { seededEntropy } from '../../../src/testing/virtual-time/seeded-entropy.ts'
import { type VirtualClock, virtualClock } from '../../../src/testing/virtual-time/virtual-clock.ts'
import { callScene, json, quoteCall, watch } from '../../call-scene.ts'

interface Scene {
  readonly clock: VirtualClock
  readonly admission: Admission
  readonly contexts: ServerContext[]
  /** Sends a request; how it ended can be read at any time. */
  send(
    headers?: Record<string, string>,
    signal?: AbortSignal,
  ): { status?: number; retryAfter?: string | null; error?: unknown }
}

/** A guarded handler in virtual time that works for `workMs`, or as it is asked to. */
function scene(options: Partial<AdmissionOptions> = {}, work: number | RequestHandler = 100): Scene {
  const clock = virtualClock(0)
  const admission = createAdmission({ concurrency: 1, clock, entropy: seededEntropy(1, clock), ...options })
  const contexts: ServerContext[] = []
  const handler = guarded(async (request, ctx) => {
    contexts.push(ctx)
    if (typeof work === 'function') return work(request, ctx)
    await new Promise<void>((resolve) => void clock.schedule(work, resolve))
    return json({ price: 1 })
  }, admission)
  return {
    clock,
    admission,
    contexts,
    send(headers = {}, signal) {
      const seen: { status?: number; retryAfter?: string | null; error?: unknown } = {}
      const request = new Request('http://own.test/', { headers, ...(signal === undefined ? {} : { signal }) })
      handler(request).then(
        (response) => Object.assign(seen, { status: response.status, retryAfter: response.headers.get('retry-after') }),
        (error) => Object.assign(seen, { error }),
      )
      return seen
    },
  }
}

test('a request is admitted while there is room, waits while there is room to wait, and is refused with 503 otherwise', async () => {
  const { clock, send, admission } = scene({ queueMax: 1 })
  const [first, second, third] = [send(), send(), send()]
  await clock.settle()
  assert.deepEqual([first.status, second.status, third.status], [undefined, undefined, 503])
  assert.equal(third.retryAfter, '1')
  assert.deepEqual(admission.stats, {
    working: 1,
    waiting: 1,
    started: 1,
    refused: { full: 1, shed: 0, expired: 0, gone: 0 },
  })
  await clock.advance(100)
  assert.deepEqual([first.status, second.status], [200, undefined])
  await clock.advance(100)
  assert.equal(second.status, 200)
  assert.equal(admission.stats.working, 0)
})

test('who has waited too long is shed, also while nothing comes and nothing ends', async () => {
  const { clock, send, contexts } = scene({ queueMax: 5, waitMaxMs: 300 }, () => new Promise(() => {}))
  send()
  const second = send()
  await clock.advance(299)
  assert.equal(second.status, undefined)
  await clock.advance(2)
  assert.deepEqual([second.status, second.retryAfter], [503, '1'])
  assert.equal(contexts.length, 1)
})

test('a request whose time is over on arrival, or in the queue, is answered with 504 and never starts', async () => {
  const { clock, send, contexts, admission } = scene({ queueMax: 5, codel: null, waitMaxMs: 10_000 }, 1000)
  const late = send({ 'x-request-timeout-ms': '0' })
  const negative = send({ 'x-request-timeout-ms': '-20' })
  await clock.settle()
  assert.deepEqual([late.status, negative.status], [504, 504])
  send()
  const queued = send({ 'x-request-timeout-ms': '400' })
  await clock.advance(399)
  assert.equal(queued.status, undefined)
  await clock.advance(2)
  assert.equal(queued.status, 504)
  await clock.advance(5000)
  assert.equal(contexts.length, 1)
  assert.equal(admission.stats.refused.expired, 3)
})

test('a request whose time is over in the moment in which it would start does not start', async () => {
  const { clock, send, contexts } = scene({ queueMax: 5, order: 'fifo', codel: null, waitMaxMs: 10_000 }, 400)
  send()
  // The end of its work is planned before the end of the wait, and comes first.
  await clock.settle()
  const queued = send({ 'x-request-timeout-ms': '400' })
  const behind = send()
  await clock.advance(400)
  assert.equal(queued.status, 504)
  assert.equal(contexts.length, 2)
  await clock.advance(400)
  assert.equal(behind.status, 200)
})

test('the context says what time is left, and its signal aborts when there is none', async () => {
  const { clock, send, contexts } = scene({ timeoutMaxMs: 900 })
  send({ 'x-request-timeout-ms': '250' })
  await clock.advance(50)
  const [ctx] = contexts
  assert.equal(ctx?.remainingMs(), 200)
  assert.equal(ctx?.deadlineMs, 200)
  assert.equal(ctx?.signal.aborted, false)
  const long = scene({ timeoutMaxMs: 900 }, () => new Promise(() => {}))
  long.send({ 'x-request-timeout-ms': '99999999999' })
  await long.clock.advance(899)
  assert.equal(long.contexts[0]?.signal.aborted, false)
  await long.clock.advance(1)
  assert.ok(long.contexts[0]?.signal.aborted)
  assert.ok(isFirebreakError(long.contexts[0]?.signal.reason, 'FB_REQUEST_EXPIRED'))
  assert.equal(long.contexts[0]?.remainingMs(), 0)
})

test('a signal that is asked for late tells what happened before', async () => {
  const { clock, send, contexts } = scene({ timeoutMaxMs: 50 }, () => new Promise(() => {}))
  send()
  await clock.advance(60)
  assert.ok(contexts[0]?.signal.aborted)
})

test('when the caller goes, the handler is notified, and keeps its place until it ends', async () => {
  const { clock, send, contexts, admission } = scene({ queueMax: 3, codel: null }, 400)
  const [gone, goneToo] = [new AbortController(), new AbortController()]
  send({}, gone.signal)
  const waiting = send({}, goneToo.signal)
  const third = send()
  await clock.advance(100)
  gone.abort()
  goneToo.abort()
  await clock.settle()
  assert.ok(isFirebreakError(contexts[0]?.signal.reason, 'FB_REQUEST_ABANDONED'))
  assert.equal(waiting.status, 504)
  assert.deepEqual([admission.stats.working, admission.stats.waiting, admission.stats.refused.gone], [1, 1, 1])
  await clock.advance(300)
  assert.equal(contexts.length, 2, 'the third has started, the second never will')
  await clock.advance(400)
  assert.equal(third.status, 200)
})

test('critical requests survive an overload that sheds the others', async () => {
  const { clock, send, admission } = scene({ concurrency: 4, queueMax: 8 }, 50)
  const critical: { status?: number }[] = []
  const others: { status?: number }[] = []
  // 80 per second is what it can do; 200 come, 40 of them critical.
  for (let at = 0; at < 10_000; at += 5) {
    const isCritical = (at / 5) % 5 === 0
    const seen = send(isCritical ? { 'x-priority': 'critical' } : { 'x-priority': 'CRITICAL' })
    ;(isCritical ? critical : others).push(seen)
    await clock.advance(5)
  }
  await clock.advance(1000)
  const share = (all: readonly { status?: number }[]): number =>
    all.filter(({ status }) => status === 200).length / all.length
  assert.equal(share(critical), 1)
  assert.ok(share(others) < 0.6, `${share(others)} of the others`)
  const { started, refused, working, waiting } = admission.stats
  const sum = started + refused.full + refused.shed + refused.expired + refused.gone
  assert.deepEqual([sum, working, waiting], [2000, 0, 0])
})

test('a failed call of the handler says whether trying again is of use', async () => {
  const failures: [unknown, number, string | null][] = [
    [new FirebreakError('FB_CALL_OPEN', { afterMs: 4200 }), 503, '5'],
    [new FirebreakError('FB_CALL_BUSY', { afterMs: 10 }), 503, '1'],
    [new FirebreakError('FB_CALL_THROTTLED', { afterMs: 3000 }), 503, '3'],
    [new FirebreakError('FB_CALL_FAILED', { attempts: 3 }), 503, '5'],
    [new FirebreakError('FB_CALL_TIMEOUT', { attempts: 1, budgetSpent: true }), 503, '5'],
    [new FirebreakError('FB_CALL_FAILED', { attempts: 1 }), 502, null],
    [new FirebreakError('FB_CALL_DEADLINE'), 504, null],
    [new FirebreakError('FB_REQUEST_EXPIRED'), 504, null],
  ]
  for (const [error, status, retryAfter] of failures) {
    const { clock, send } = scene({}, () => Promise.reject(error))
    const seen = send()
    await clock.settle()
    assert.deepEqual([seen.status, seen.retryAfter], [status, retryAfter], String(error))
  }
})

test('other errors are thrown on, and the place is given back', async () => {
  for (const error of [new Error('own'), permanent('no'), new FirebreakError('FB_CALL_REJECTED', { status: 404 })]) {
    const { clock, send, admission } = scene({}, () => Promise.reject(error))
    const seen = send()
    await clock.settle()
    assert.equal(seen.error, error)
    assert.equal(admission.stats.working, 0)
  }
})

test('an inner call gets the time that is left, the correlation, the trace and the priority of its request', async () => {
  const inner = callScene(() => json({ price: 3 }))
  const { clock } = inner
  const answer = guarded(
    async (_, ctx) => {
      await new Promise<void>((resolve) => void clock.schedule(120, resolve))
      return json(await inner.caller.call(quoteCall(), { routeId: 'r' }, ctx))
    },
    { concurrency: 1, clock },
  )
  const trace = `00-${'c'.repeat(32)}-${'d'.repeat(16)}-01`
  const headers = {
    'x-request-timeout-ms': '400',
    'x-correlation-id': 'order-7',
    traceparent: trace,
    'x-priority': 'critical',
  }
  const seen = watch(answer(new Request('http://own.test/', { headers })))
  await clock.advance(1000)
  assert.equal(seen.value?.status, 200)
  const sent = inner.sent[0]?.headers
  assert.equal(sent?.get('x-request-timeout-ms'), '280')
  assert.equal(sent?.get('x-correlation-id'), 'order-7')
  assert.equal(sent?.get('x-priority'), 'critical')
  assert.match(sent?.get('traceparent') ?? '', /^00-c{32}-(?!d{16})[0-9a-f]{16}-01$/)
})

test('an inner call is given up when the caller of its request goes', async () => {
  const inner = callScene(() => new Promise(() => {}))
  const abort = new AbortController()
  const answer = guarded(async (_, ctx) => json(await inner.caller.call(quoteCall(), { routeId: 'r' }, ctx)), {
    concurrency: 1,
    clock: inner.clock,
  })
  const seen = watch(answer(new Request('http://own.test/', { signal: abort.signal })))
  await inner.clock.advance(100)
  abort.abort()
  await inner.clock.advance(1)
  assert.ok(inner.sent[0]?.signal.aborted)
  assert.equal(seen.value?.status, 504)
})

test('words of a caller that are not sound count as not said', () => {
  const read = (headers: Record<string, string>) => readCallHeaders((name) => headers[name] ?? null)
  const nothing = { timeoutMs: undefined, correlationId: undefined, traceparent: undefined, isCritical: false }
  assert.deepEqual(read({}), nothing)
  for (const time of ['', 'abc', '1.5', '1e3', ' 5', '0x10', '5, 6', 'Infinity', '123456789012'])
    assert.deepEqual(read({ 'x-request-timeout-ms': time }), nothing, time)
  for (const id of ['', 'a b', 'ü', 'x'.repeat(201)]) assert.deepEqual(read({ 'x-correlation-id': id }), nothing, id)
  const [a, b, zero] = ['a'.repeat(32), 'b'.repeat(16), '0'.repeat(32)]
  for (const trace of [
    'x',
    `01-${a}-${b}-01`,
    `00-${zero}-${b}-01`,
    `00-${a}-${'0'.repeat(16)}-01`,
    `00-${a}-${b}-01-x`,
  ])
    assert.deepEqual(read({ traceparent: trace }), nothing, trace)
  assert.equal(read({ traceparent: `00-${a}-${b}-00` }).traceparent, `00-${a}-${b}-00`)
})

test('whatever a caller says, its request has a time between 0 and the longest', () =>
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.integer().map(String), fc.bigInt().map(String)), (text) => {
      const { timeoutMs } = readCallHeaders(() => text)
      assert.ok(timeoutMs === undefined || (timeoutMs >= 0 && Number.isSafeInteger(timeoutMs)), text)
    }),
  ))

test('an admission names every mistake of its options at once', () => {
  const wrong = {
    concurrency: 0,
    queueMax: -1,
    waitMaxMs: 0,
    timeoutMaxMs: Number.NaN,
    codel: { targetMs: 0, intervalMs: 0 },
  }
  assert.throws(
    () => createAdmission(wrong),
    (error: Error) => isFirebreakError(error, 'FB_CONFIG') && String(error.detail['problems']).split('\n').length === 6,
  )
})
