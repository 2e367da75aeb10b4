import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import { call } from '../../../src/define/call.ts'
import { createAdmission } from '../../../src/gateway/admission.ts'
import { guarded } from '../../../src/gateway/guarded.ts'
import type { ServerContext } from '../../../src/gateway/server-context.ts'
import { policy } from '../../../src/policy/definition/policy.ts'
import { createCaller } from '../../../src/runtime/calls/caller.ts'
import { json } from '../../call-scene.ts'
import { listen, until } from '../../http-scene.ts'

const once = policy({ attemptsMax: 1, attemptTimeoutMs: 20_000, deadlineMs: 20_000, breaker: null })
const get = call({ name: 'shop.get', to: 'shop', method: 'GET', path: '/things/:id', policy: once })
const post = call({ name: 'shop.post', to: 'shop', method: 'POST', path: '/things', policy: once })
const plenty = { concurrency: 100 } as const

test('a request and its answer travel whole', async (t) => {
  const seen: unknown[] = []
  const { url } = await listen(t, async (request) => {
    seen.push([request.method, new URL(request.url).pathname, request.headers.get('content-type')])
    return json({ ok: 'ü' })
  })
  const caller = createCaller({ endpoints: { shop: url } })
  assert.deepEqual(await caller.call(post, { name: 'x' }), { ok: 'ü' })
  assert.deepEqual(await caller.call(get, { id: 'a/b' }), { ok: 'ü' })
  assert.deepEqual(seen, [
    ['POST', '/things', 'application/json'],
    ['GET', '/things/a%2Fb', null],
  ])
})

test('connections are used again, also after answers that are errors', async (t) => {
  const answers = [200, 500, 404, 200, 503]
  let count = 0
  const { url, connections } = await listen(t, async () => {
    const status = answers[count++ % answers.length] ?? 200
    return json({ text: 'x'.repeat(5000) }, status, status === 503 ? { 'retry-after': '1' } : {})
  })
  const caller = createCaller({ endpoints: { shop: url } })
  for (let i = 0; i < 20; i++) await caller.call(get, { id: 'a' }).catch(() => undefined)
  assert.equal(count, 20)
  // The next call may start in the moment in which the connection of the last one becomes free.
  assert.ok(connections() <= 2, `${connections()} connections for 20 calls`)
})

test('when the caller gives up, the signal of the handler aborts', async (t) => {
  for (const giveUp of ['signal', 'time'] as const) {
    const aborted = Promise.withResolvers<unknown>()
    const started = Promise.withResolvers<void>()
    const over = Promise.withResolvers<void>()
    const admission = createAdmission(plenty)
    const handler = guarded(async (_, ctx) => {
      ctx.signal.addEventListener('abort', () => aborted.resolve(ctx.signal.reason))
      started.resolve()
      await over.promise
      return json({})
    }, admission)
    const { url } = await listen(t, handler)
    const caller = createCaller({ endpoints: { shop: url } })
    const abort = new AbortController()
    const short = policy({ attemptsMax: 1, attemptTimeoutMs: 100, breaker: null })
    const hasty = call({ name: 'shop.hasty', to: 'shop', method: 'GET', path: '/', policy: short })
    const ended =
      giveUp === 'time'
        ? caller.call(hasty, {}).catch((error) => error)
        : caller.call(get, { id: 'a' }, { signal: abort.signal }).catch((error) => error)
    await started.promise
    abort.abort(new Error('enough'))
    const reason = await aborted.promise
    assert.ok(isFirebreakError(reason, 'FB_REQUEST_ABANDONED') || isFirebreakError(reason, 'FB_REQUEST_EXPIRED'))
    if (giveUp === 'signal') assert.ok(isFirebreakError(reason, 'FB_REQUEST_ABANDONED'))
    assert.match(String(await ended), giveUp === 'signal' ? /enough/ : /FB_CALL_TIMEOUT/)
    assert.equal(admission.stats.working, 1, 'it keeps its place until it ends')
    over.resolve()
    await until(() => admission.stats.working === 0)
  }
})

test('the time that is left shrinks from hop to hop', async (t) => {
  const contexts: ServerContext[] = []
  const times: number[] = []
  const note = (request: Request): number => times.push(Number(request.headers.get('x-request-timeout-ms')))
  const leaf = await listen(
    t,
    guarded(async (request, ctx) => {
      note(request)
      contexts.push(ctx)
      return json({ left: ctx.remainingMs() })
    }, plenty),
  )
  const inner = createCaller({ endpoints: { shop: leaf.url } })
  const middle = await listen(
    t,
    guarded(async (request, ctx) => {
      note(request)
      return json(await inner.call(get, { id: 'a' }, ctx))
    }, plenty),
  )
  const outer = createCaller({ endpoints: { shop: middle.url } })
  await outer.call(get, { id: 'a' }, { deadlineMs: 5000, correlationId: 'order-7' })
  const [first = 0, second = 0] = times
  assert.ok(first <= 5000 && first > 0, String(first))
  assert.ok(second < first && second > 0, `${second} after ${first}`)
  assert.equal(contexts[0]?.correlationId, 'order-7')
})

test('what has no time left is not executed, on arrival or anywhere behind it', async (t) => {
  let runs = 0
  const handler = guarded(async () => {
    runs++
    return json({})
  }, plenty)
  const { url } = await listen(t, handler)
  const response = await fetch(url, { headers: { 'x-request-timeout-ms': '0' } })
  assert.equal(response.status, 504)
  const caller = createCaller({ endpoints: { shop: url } })
  await assert.rejects(caller.call(get, { id: 'a' }, { deadlineMs: 0 }), { code: 'FB_CALL_DEADLINE' })
  assert.equal(runs, 0)
})

test('critical requests survive an overload', async (t) => {
  const release = Promise.withResolvers<void>()
  const admission = createAdmission({ concurrency: 2, queueMax: 2, codel: null, waitMaxMs: 60_000 })
  const { url } = await listen(
    t,
    guarded(async () => {
      await release.promise
      return json({})
    }, admission),
  )
  const caller = createCaller({ endpoints: { shop: url } })
  const codeOf = (error: { code: string }): string => error.code
  const send = (priority: 'normal' | 'critical') => caller.call(get, { id: 'a' }, { priority }).then(() => 'ok', codeOf)
  const working = [send('normal'), send('normal')]
  await until(() => admission.stats.working === 2)
  const waiting = [send('normal'), send('normal')]
  await until(() => admission.stats.waiting === 2)
  const critical = [send('critical'), send('critical')]
  assert.deepEqual(await Promise.all(waiting), ['FB_CALL_THROTTLED', 'FB_CALL_THROTTLED'])
  assert.equal(await send('normal'), 'FB_CALL_THROTTLED')
  release.resolve()
  assert.deepEqual(await Promise.all([...working, ...critical]), ['ok', 'ok', 'ok', 'ok'])
})

test('a redirect is refused and not followed', async (t) => {
  let visits = 0
  const target = await listen(t, async () => {
    visits++
    return json({})
  })
  for (const status of [301, 302, 303, 307, 308]) {
    const { url } = await listen(t, async () => new Response(null, { status, headers: { location: target.url } }))
    const caller = createCaller({ endpoints: { shop: url } })
    await assert.rejects(caller.call(get, { id: 'a' }), { code: 'FB_CALL_REJECTED' })
  }
  assert.equal(visits, 0)
})

test('a connection that is refused or broken off is a failed call, and says how', async (t) => {
  const closed = await listen(t, async () => json({}))
  await closed.close()
  const gone = createCaller({ endpoints: { shop: closed.url } })
  await assert.rejects(gone.call(get, { id: 'a' }), /call of shop failed: the connection broke with ECONNREFUSED/)
  const broken = await listen(t, () => new Promise(() => {}))
  const caller = createCaller({ endpoints: { shop: broken.url } })
  const ended = caller.call(get, { id: 'a' }).catch((error) => error)
  await until(() => broken.connections() > 0)
  broken.cut()
  const error = await ended
  assert.ok(isFirebreakError(error, 'FB_CALL_FAILED'), String(error))
})

test('an answer without end is left at its bound, and the server notices', async (t) => {
  const stopped = Promise.withResolvers<void>()
  const { url } = await listen(t, async (request) => {
    request.signal.addEventListener('abort', () => stopped.resolve())
    const chunk = new TextEncoder().encode(' '.repeat(16_384))
    return new Response(new ReadableStream({ pull: (controller) => controller.enqueue(chunk) }))
  })
  const caller = createCaller({ endpoints: { shop: url }, responseBytesMax: 100_000 })
  await assert.rejects(caller.call(get, { id: 'a' }), /it is longer than 100000 bytes/)
  await stopped.promise
})

test('a small answer that unpacks to a large one is bounded by what it unpacks to', async (t) => {
  const { gzipSync } = await import('node:zlib')
  const packed = gzipSync(Buffer.alloc(5_000_000, ' '))
  const { url } = await listen(t, async () => new Response(packed, { headers: { 'content-encoding': 'gzip' } }))
  const caller = createCaller({ endpoints: { shop: url } })
  assert.ok(packed.length < 100_000)
  await assert.rejects(caller.call(get, { id: 'a' }), /it is longer than 1048576 bytes/)
})
