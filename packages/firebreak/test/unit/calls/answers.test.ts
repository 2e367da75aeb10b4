import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FirebreakError, isFirebreakError } from '../../../src/contracts/errors.ts'
import type { Fact } from '../../../src/contracts/journal.ts'
import type { Schema } from '../../../src/contracts/schema.ts'
import { call } from '../../../src/define/call.ts'
import { policy } from '../../../src/policy/definition/policy.ts'
import type { PolicySpec } from '../../../src/policy/definition/policy-spec.ts'
import { oddThenables, oddValues } from '../../../src/testing/hostile/values.ts'
import { callScene, json, quoteCall, watch } from '../../call-scene.ts'

const route = { routeId: 'r' } as const
const calm: PolicySpec = { budget: null, breaker: null, backoff: { jitter: 'none' } }
const fine = (): Response => json({ price: 5 })

/** Sends one call of three attempts to a dependency that answers always the same, and lets it end. */
async function outcome(answer: () => Response | Error, spec: PolicySpec = {}) {
  const { caller, clock, sent } = callScene(answer)
  const seen = watch(caller.call(quoteCall({ policy: policy({ ...calm, ...spec }) }), route))
  await clock.advance(20_000)
  return { ...seen, error: seen.error as FirebreakError, times: sent.map(({ atMs }) => atMs - 1_000_000) }
}

test('credentials that are not valid, overload, faults of the other side and broken connections are tried again', async () => {
  for (const status of [401, 403, 407, 408, 425, 429, 500, 501, 502, 503, 504, 599]) {
    const { error, times } = await outcome(() => new Response('busy', { status }))
    assert.deepEqual(times, [0, 50, 150], String(status))
    assert.equal(error.code, 'FB_CALL_FAILED')
    assert.equal(error.message, `call of pricing failed: it answered ${status}: busy`)
    assert.equal(error.detail['attempts'], 3)
  }
  const { error, times } = await outcome(() =>
    Object.assign(new TypeError('fetch failed'), { cause: Object.assign(new Error('x'), { code: 'ECONNREFUSED' }) }),
  )
  assert.equal(times.length, 3)
  assert.equal(error.message, 'call of pricing failed: the connection broke with ECONNREFUSED')
})

test('any other answer that is no success says that the request is wrong: it is not sent again', async () => {
  for (const status of [300, 301, 302, 307, 400, 402, 404, 409, 410, 413, 418, 422, 451, 499]) {
    const { error, times } = await outcome(() => new Response('{"why":\n"no"}', { status }))
    assert.equal(times.length, 1, String(status))
    assert.equal(error.code, 'FB_CALL_REJECTED')
    assert.equal(error.detail['status'], status)
    assert.equal(error.detail['reason'], status < 400 ? 'redirects are not followed' : '{"why": "no"}')
  }
})

test('Retry-After of 429 and 503 is kept, as seconds and as a date, an hour at most', async () => {
  const after = (text: string, status = 503) => outcome(() => json({}, status, { 'retry-after': text }))
  assert.deepEqual((await after('1')).times, [0, 1000])
  assert.deepEqual((await after('1', 429)).times, [0, 1000])
  // The scene starts 1000 s after the epoch.
  assert.deepEqual((await after('Thu, 01 Jan 1970 00:16:41 GMT')).times, [0, 1000, 1100])
  assert.deepEqual((await after('Thu, 01 Jan 1970 00:00:01 GMT')).times, [0, 50, 150])
  for (const text of ['999999999', '12345678901', '9'.repeat(400), 'Sun, 01 Jan 2999 00:00:00 GMT']) {
    const far = await after(text)
    assert.equal(far.times.length, 1, text)
    assert.equal(far.error.code, 'FB_CALL_THROTTLED')
    assert.equal(far.error.detail['afterMs'], 3_600_000)
  }
})

test('a Retry-After of 0 asks for no wait, and the backoff waits', async () => {
  for (const text of ['0', '00', 'Thu, 01 Jan 1970 00:16:40 GMT']) {
    const { error, times } = await outcome(() => json({}, 503, { 'retry-after': text }))
    assert.deepEqual(times, [0, 50, 150], text)
    assert.equal(error.code, 'FB_CALL_THROTTLED')
  }
})

test('a call says which answers are final, also where they ask for a pause', async () => {
  const answered = async (status: number, headers: Record<string, string> = {}) => {
    const { caller, clock, sent } = callScene(() => json({}, status, headers))
    const final = { 302: false, 404: false, 403: true, 501: true, 503: true }
    const seen = watch(caller.call(quoteCall({ policy: policy(calm), final }), route))
    await clock.advance(20_000)
    return [(seen.error as FirebreakError).code, sent.length]
  }
  for (const status of [302, 404, 401, 429, 500, 502]) assert.deepEqual(await answered(status), ['FB_CALL_FAILED', 3])
  for (const status of [403, 501, 400, 409, 301]) assert.deepEqual(await answered(status), ['FB_CALL_REJECTED', 1])
  assert.deepEqual(await answered(503, { 'retry-after': '1' }), ['FB_CALL_REJECTED', 1])
})

test('a Retry-After that is none, or of another status, means nothing', async () => {
  for (const text of ['soon', '-1', '1.5', '', '1e3', 'Infinity', 'NaN', '0x10', 'Thu, 41 Jan 1970 00:00:01 GMT'])
    assert.equal((await outcome(() => json({}, 503, { 'retry-after': text }))).times.length, 3, text)
  assert.equal((await outcome(() => json({}, 500, { 'retry-after': '60' }))).times.length, 3)
})

test('a response that is not as declared is an error, and is not asked for again', async () => {
  const wrong: [() => Response, RegExp][] = [
    [() => json({ price: 'much' }), /price: /],
    [() => new Response('<html>'), /it is not JSON in UTF-8/],
    [() => new Response(new Uint8Array([0x22, 0xc3, 0x28, 0x22])), /it is not JSON in UTF-8/],
    [() => new Response(null, { status: 204 }), /response of call pricing\.quote/],
  ]
  for (const [answer, says] of wrong) {
    const { error, times } = await outcome(answer)
    assert.equal(error.code, 'FB_CALL_CONTRACT')
    assert.match(error.message, says)
    assert.equal(times.length, 1)
  }
})

test('a call without a schema for its response answers with what comes, also with nothing', async () => {
  const plain = call({ name: 'pricing.any', to: 'pricing', method: 'GET', path: '/' })
  const { caller } = callScene((_, count) => (count === 1 ? json(['x', 1]) : new Response(null, { status: 204 })))
  assert.deepEqual(await caller.call(plain, {}), ['x', 1])
  assert.equal(await caller.call(plain, {}), undefined)
})

/** A body of `chunks` pieces of 1 KiB that knows how much of it was read, and whether it was cancelled. */
function longBody(chunks: number) {
  const seen = { pulled: 0, cancelled: false }
  const body = new ReadableStream({
    pull(controller) {
      if (seen.pulled++ >= chunks) controller.close()
      else controller.enqueue(new TextEncoder().encode(' '.repeat(1024)))
    },
    cancel() {
      seen.cancelled = true
    },
  })
  return { seen, body }
}

test('a response that is too long is left where it is', async () => {
  const { seen, body } = longBody(5000)
  const { caller } = callScene(() => new Response(body), { responseBytesMax: 10_240 })
  await assert.rejects(caller.call(quoteCall(), route), /it is longer than 10240 bytes/)
  assert.ok(seen.cancelled)
  assert.ok(seen.pulled < 20, `${seen.pulled} KiB were read`)
})

test('of a long error only some is read, and less is kept', async () => {
  const { seen, body } = longBody(5000)
  const { caller } = callScene(() => new Response(body, { status: 400 }))
  const long = await caller.call(quoteCall(), route).catch((error) => error)
  assert.ok(isFirebreakError(long, 'FB_CALL_REJECTED'))
  assert.ok(seen.cancelled)
  const wide = await callScene(() => new Response('x'.repeat(9000), { status: 400 }))
    .caller.call(quoteCall(), route)
    .catch((error) => error)
  assert.equal(String(wide.detail.reason).length, 200)
})

test('the body of an attempt that was given up is cancelled, before its answer comes and in the middle of it', async () => {
  const quote = quoteCall({ policy: policy({ ...calm, attemptsMax: 1 }) })
  const early = longBody(5000)
  const { caller, clock, sent } = callScene(
    () => new Promise((resolve) => void clock.schedule(700, () => resolve(new Response(early.body)))),
  )
  const late = watch(caller.call(quote, route))
  await clock.advance(500)
  assert.ok(isFirebreakError(late.error, 'FB_CALL_TIMEOUT'))
  assert.ok(sent[0]?.signal.aborted)
  await clock.advance(500)
  assert.ok(early.seen.cancelled)

  let cancelled = false
  const trickle = callScene(
    () =>
      new Response(
        new ReadableStream({
          pull: (controller) =>
            new Promise((resolve) => {
              trickle.clock.schedule(100, () => resolve(controller.enqueue(new Uint8Array(1))))
            }),
          cancel: () => {
            cancelled = true
          },
        }),
      ),
  )
  const slow = watch(trickle.caller.call(quote, route))
  await trickle.clock.advance(1000)
  assert.ok(isFirebreakError(slow.error, 'FB_CALL_TIMEOUT'))
  assert.ok(cancelled)
})

test('a fallback answers when the call has failed, and not when the request was wrong', async () => {
  const seen: unknown[] = []
  const fallback = (request: { routeId: string }, error: unknown) => {
    seen.push([request.routeId, (error as FirebreakError).code])
    return { price: 0 }
  }
  const quote = quoteCall({ policy: policy(calm), fallback })
  const failing = callScene(() => new Error('broken'))
  const answered = watch(failing.caller.call(quote, route))
  const expired = watch(failing.caller.call(quote, route, { deadlineMs: 0 }))
  await failing.clock.advance(5000)
  assert.deepEqual([answered.value, expired.value], [{ price: 0 }, { price: 0 }])
  assert.deepEqual(seen, [
    ['r', 'FB_CALL_DEADLINE'],
    ['r', 'FB_CALL_FAILED'],
  ])
  for (const answer of [() => new Response('', { status: 404 }), () => json({ price: 'x' })])
    await assert.rejects(callScene(answer).caller.call(quote, route), { kind: 'permanent' })
  assert.equal(seen.length, 2)
})

test('a fallback that throws fails the call, and the error says whose it is', async () => {
  const failing = (fallback: () => unknown): Promise<unknown> => {
    const quote = quoteCall({ policy: policy({ ...calm, attemptsMax: 1 }), fallback: fallback as never })
    return callScene(() => new Error('broken')).caller.call(quote, route)
  }
  for (const { make } of oddValues) {
    const error = make(() => 0.5)
    await assert.rejects(
      failing(() => Promise.reject(error)),
      (thrown: Error) => thrown === error || thrown.message.startsWith('call of pricing failed: its fallback failed: '),
    )
  }
  await assert.rejects(
    failing(() => {
      throw new Error('nothing cached')
    }),
    { code: 'FB_CALL_FAILED', message: 'call of pricing failed: its fallback failed: nothing cached' },
  )
  const itself = oddThenables.find(({ name }) => name === 'then-resolves-to-itself')
  await assert.rejects(
    failing(() => itself?.make(() => 0.5)),
    /its fallback failed: it resolves to another promise/,
  )
})

test('a schema of a call that fails is told from a broken connection', async () => {
  const response = { '~standard': { version: 1, vendor: 'odd', validate: () => assert.fail('no idea') } } as Schema
  const { caller, sent } = callScene(() => json({ price: 1 }))
  const quote = quoteCall({ policy: policy(calm), response: response as never })
  await assert.rejects(caller.call(quote, route), /FB_CALL_CONTRACT: the response of .*: its schema failed: no idea/)
  assert.equal(sent.length, 1)
})

test('a signal ends the call with its reason, and what is under way is given up', async () => {
  const { caller, clock, sent } = callScene(() => new Promise(() => {}))
  const abort = new AbortController()
  const seen = watch(caller.call(quoteCall(), route, { signal: abort.signal }))
  await clock.advance(100)
  abort.abort(new Error('enough'))
  await clock.settle()
  assert.match(String(seen.error), /enough/)
  assert.ok(sent[0]?.signal.aborted)
  await clock.advance(10_000)
  assert.equal(sent.length, 1)
  await assert.rejects(caller.call(quoteCall(), route, { signal: abort.signal }), /enough|defined twice/)
})

test('no secret of a request gets into an error', async () => {
  const secret = 's3cret-token'
  const answers = [
    () => new Response('no', { status: 500 }),
    () => new Response('no', { status: 400 }),
    () => new TypeError(`Headers.append: "${secret}" is invalid`),
    () => json({ price: 'x' }),
  ]
  const makers = [() => ({ authorization: secret }), () => ({ authorization: `${secret}\nx` }), broken]
  function broken(): never {
    throw new Error(secret)
  }
  for (const answer of answers)
    for (const headers of makers) {
      const endpoints = { pricing: { url: 'http://pricing.test', headers } }
      const { caller, clock } = callScene(answer, { endpoints })
      const seen = watch(caller.call(quoteCall({ policy: policy({ ...calm, attemptsMax: 1 }) }), route))
      await clock.advance(5000)
      const error = seen.error as Error
      const told = `${error.stack} ${JSON.stringify(error)} ${String(error.cause)} ${(error.cause as Error)?.stack}`
      assert.ok(!told.includes(secret), told)
    }
})

test('facts tell once when a breaker opens and closes, and when the budget is spent', async () => {
  let isDown = true
  const { caller, clock, facts } = callScene(() => (isDown ? new Error('broken') : fine()))
  const quote = quoteCall({ policy: policy({ budget: { minPerSec: 0 } }) })
  for (let i = 0; i < 100; i++) {
    watch(caller.call(quote, route))
    await clock.advance(200)
  }
  assert.deepEqual(
    facts.map(({ kind }) => kind),
    ['budget-spent', 'breaker-opened'],
  )
  const { atMs: _, ...opened } = facts[1] as Fact
  assert.deepEqual(opened, { kind: 'breaker-opened', dependency: 'pricing', shard: null, forMs: 5000 })
  const [state] = caller.dependencies.states()
  assert.equal(state?.breaker === 'open' || state?.breaker === 'half-open', true)
  isDown = false
  await clock.advance(6000)
  for (let i = 0; i < 3; i++) await caller.call(quote, route)
  const { atMs: ignored, ...closed } = facts[2] as Fact
  assert.deepEqual(closed, { kind: 'breaker-closed', dependency: 'pricing', shard: null })
  assert.equal(facts.length, 3)
  assert.equal(caller.dependencies.states()[0]?.breaker, 'closed')
})

test('an open breaker and a full bulkhead refuse with the time after which to come back', async () => {
  const quote = quoteCall({
    policy: policy({ ...calm, attemptsMax: 1, breaker: { callsMin: 1 }, bulkhead: { slots: 1 } }),
  })
  const { caller, clock } = callScene(() => new Promise(() => {}))
  const first = watch(caller.call(quote, route))
  const second = watch(caller.call(quote, route))
  await clock.advance(500)
  assert.ok(isFirebreakError(first.error, 'FB_CALL_TIMEOUT'))
  assert.ok(isFirebreakError(second.error, 'FB_CALL_BUSY'))
  const pause = Number((second.error as FirebreakError).detail['afterMs'])
  assert.ok(pause >= 1 && pause <= 500, String(pause))
  await clock.advance(1000)
  const third = await caller.call(quote, route).catch((error) => error)
  assert.ok(isFirebreakError(third, 'FB_CALL_OPEN'))
  assert.equal(third.detail['afterMs'], 4000)
})

test('shards of one dependency have breakers of their own', async () => {
  const quote = quoteCall({ policy: policy({ ...calm, attemptsMax: 1, breaker: { callsMin: 1 } }) })
  const { caller, facts } = callScene(({ url }) => (url.includes('bad') ? new Error('broken') : fine()))
  await assert.rejects(caller.call(quote, { routeId: 'bad' }, { shard: 'eu' }))
  await assert.rejects(caller.call(quote, { routeId: 'good' }, { shard: 'eu' }), { code: 'FB_CALL_OPEN' })
  assert.deepEqual(await caller.call(quote, { routeId: 'good' }, { shard: 'us' }), { price: 5 })
  assert.deepEqual(
    facts.map((fact) => fact.kind === 'breaker-opened' && fact.shard),
    ['eu'],
  )
})

test('calls to one dependency share its breaker', async () => {
  const spec = policy({ ...calm, attemptsMax: 1, breaker: { callsMin: 1 } })
  const tax = call({ name: 'pricing.tax', to: 'pricing', method: 'GET', path: '/tax', policy: spec })
  const { caller } = callScene(() => new Error('broken'))
  await assert.rejects(caller.call(quoteCall({ policy: spec }), route), { code: 'FB_CALL_FAILED' })
  await assert.rejects(caller.call(tax, {}), { code: 'FB_CALL_OPEN' })
})

test('a set-up that cannot work is refused: addresses, unknown dependencies, calls that disagree', async () => {
  for (const pricing of ['pricing:4001', 'ftp://x', 'http://u:s3cret@x', 'http://x/?q=1', 'http://x/#a', ''])
    assert.throws(
      () => callScene(fine, { endpoints: { pricing } }),
      (error: Error) => isFirebreakError(error, 'FB_CONFIG') && !error.message.includes('s3cret'),
      pricing,
    )
  assert.throws(() => callScene(fine, { endpoints: { pricing: { url: 'http://x', headers: { a: 'b\nc' } } } }), {
    code: 'FB_CONFIG',
  })
  const { caller } = callScene(fine, { endpoints: {} })
  await assert.rejects(caller.call(quoteCall(), route), /there is no endpoint for pricing, which pricing\.quote calls/)
  const other = callScene(fine)
  await other.caller.call(quoteCall(), route)
  const tax = call({
    name: 'pricing.tax',
    to: 'pricing',
    method: 'GET',
    path: '/tax',
    policy: policy({ budget: null }),
  })
  await assert.rejects(
    other.caller.call(tax, {}),
    /share one budget, .* pricing\.quote says .*"ratio".*, pricing\.tax says none/,
  )
})

test('a listener that throws changes nothing', async () => {
  const observe = (): never => {
    throw new Error('listener')
  }
  const quote = quoteCall({ policy: policy({ ...calm, attemptsMax: 1, breaker: { callsMin: 1 } }) })
  const { caller } = callScene(() => new Error('broken'), { observe })
  await assert.rejects(caller.call(quote, route), { code: 'FB_CALL_FAILED' })
  await assert.rejects(caller.call(quote, route), { code: 'FB_CALL_OPEN' })
})
