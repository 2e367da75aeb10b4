import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import { type AnyCall, call } from '../../../src/define/call.ts'
import { event } from '../../../src/define/event.ts'
import { retriedInWords } from '../../../src/define/final-answers.ts'
import { handle } from '../../../src/define/handle.ts'
import { manifestOf } from '../../../src/define/manifest-of.ts'
import { service } from '../../../src/define/service.ts'
import { policy } from '../../../src/policy/definition/policy.ts'
import { retryDefaults } from '../../../src/policy/definition/retry.ts'
import { quoteCall } from '../../call-scene.ts'

const schema: z.ZodObject<{ id: z.ZodString }> = z.object({ id: z.string() })
const Ordered = event({ type: 'order.placed', topic: 'orders', key: 'id', schema })
const once = policy({ attemptsMax: 1 })

function problemsOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    assert.ok(isFirebreakError(error, 'FB_CONFIG'), String(error))
    return String(error.detail['problems'])
  }
  return ''
}

test('a call is frozen data with a policy', () => {
  const quote = quoteCall()
  assert.ok(Object.isFrozen(quote))
  assert.equal(quote.policy.attemptsMax, 3)
  assert.equal(quote.idempotent, true)
})

test('GET, HEAD, PUT and DELETE may be sent twice, POST and PATCH may not', () => {
  const plain = { name: 'a.b', to: 'a', path: '/b' } as const
  for (const method of ['GET', 'HEAD', 'PUT', 'DELETE'] as const)
    assert.equal(call({ ...plain, method }).idempotent, true, method)
  for (const method of ['POST', 'PATCH'] as const) {
    const found = call({ ...plain, method })
    assert.equal(found.idempotent, false, method)
    assert.equal(found.policy.attemptsMax, 1, method)
  }
  assert.equal(call({ ...plain, method: 'POST', idempotent: 'key' }).policy.attemptsMax, 3)
})

test('a retry or a hedge of what must not be sent twice is refused, with the arithmetic', () => {
  const hedged = policy({ hedge: { after: 100, max: 2 } })
  const problems = problemsOf(() => call({ name: 'a.b', to: 'a', method: 'POST', path: '/b', policy: hedged }))
  assert.match(problems, /POST \/b is not idempotent, and its policy has 3 attempts: .* take effect 3 times/)
  assert.match(problems, /its policy hedges: 1 \+ 2 at the same time could take effect 3 times/)
  call({ name: 'a.b', to: 'a', method: 'POST', path: '/b', policy: hedged, idempotent: 'key' })
})

test('a call names every mistake of its definition at once', () => {
  const wrong = { name: 'A b', to: 'No Name', method: 'FETCH' as 'GET', path: '/a//b?c=1/..' as string }
  const problems = problemsOf(() => call({ ...wrong, path: wrong.path as never })).split('\n')
  assert.equal(problems.length, 6, problems.join('\n'))
})

test('what is no status, or says neither yes nor no of it, is refused in final, with its name, range and value', () => {
  const problems = (final: unknown): string => problemsOf(() => quoteCall({ final: final as Record<number, boolean> }))
  for (const status of ['200', '299', '600', '404.5', '-404', 'abc', '', '4xx', '0404'])
    assert.match(
      problems({ [status]: true }),
      /^call pricing\.quote: final\..* must be a status from 300 to 599$/,
      status,
    )
  for (const [value, shown] of [
    ['no', '"no"'],
    [1, '1'],
    [null, 'null'],
    [{}, 'a value of type object'],
    [Symbol('x'), 'Symbol(x)'],
  ] as const)
    assert.equal(problems({ 404: value }), `call pricing.quote: final.404 must be true or false, not ${shown}`)
  for (const [value, shown] of [
    [404, '404'],
    ['404', '"404"'],
    [[404], 'a list'],
    [() => true, 'a value of type function'],
  ] as const)
    assert.equal(problems(value), `call pricing.quote: final must be an object like { 404: false }, not ${shown}`)
  assert.equal(problems({ 300: true, 599: false, 404: false }), '')
})

test('what a call says of final answers is a frozen copy', () => {
  const final: Record<number, boolean> = { 404: false }
  const quote = quoteCall({ final })
  final[500] = true
  assert.deepEqual(quote.final, { 404: false })
  assert.ok(Object.isFrozen(quote.final))
})

test('the answers that may be tried again are told in words', () => {
  assert.equal(retriedInWords({}), '401, 403, 407, 408, 425, 429, 5xx')
  assert.equal(
    retriedInWords({ 302: false, 403: true, 501: true, 505: true, 500: false }),
    '302, 401, 407, 408, 425, 429, 5xx but 501, 505',
  )
})

test('a path that cannot be filled is refused', () => {
  const plain = { name: 'a.b', to: 'a', method: 'GET' } as const
  for (const path of [
    'routes',
    '/a b',
    '/a/../b',
    '/a/',
    '//b',
    '/:',
    '/:1a',
    '/a?x=1',
    '/a#b',
    '/%zz',
    '/:id/:id',
    '/é',
  ])
    assert.match(
      problemsOf(() => call({ ...plain, path: path as never })),
      /path/,
      path,
    )
  for (const path of ['/', '/a', '/v1/a.b~c/%20', '/:id', '/a/:one/:two_2']) call({ ...plain, path: path as never })
})

test('a handler and its call do not both retry', () => {
  const problems = problemsOf(() => handle(Ordered, () => {}, { calls: [quoteCall()] }))
  const own = retryDefaults.attemptsMax
  const sum = `${own} attempts of the handler x 3 of the call pricing.quote = ${own * 3}: retry at one layer`
  assert.ok(problems.includes(sum), problems)
  handle(Ordered, () => {}, { calls: [quoteCall({ policy: once })] })
  handle(Ordered, () => {}, { calls: [quoteCall()], retry: { attemptsMax: 1 } })
})

test('a handler that is tried again does not make a call that must not be sent twice', () => {
  const order = call({ name: 'shop.order', to: 'shop', method: 'POST', path: '/orders' })
  const problems = problemsOf(() => handle(Ordered, () => {}, { calls: [order] }))
  assert.match(problems, /18 attempts of the handler could make shop\.order, .* take effect 18 times/)
  const keyed = call({
    name: 'shop.order',
    to: 'shop',
    method: 'POST',
    path: '/orders',
    idempotent: 'key',
    policy: once,
  })
  handle(Ordered, () => {}, { calls: [keyed] })
})

test('calls of one dependency that disagree about what they share are refused, with both values', () => {
  const calls: AnyCall[] = [
    quoteCall({ policy: once }),
    call({
      name: 'pricing.tax',
      to: 'pricing',
      method: 'GET',
      path: '/tax',
      policy: policy({ breaker: { callsMin: 5 } }),
    }),
  ]
  const problems = problemsOf(() => service({ name: 'billing', calls }))
  assert.match(problems, /calls of pricing share one breaker, and they disagree: pricing\.quote says .*"callsMin":20/)
  assert.match(problems, /pricing\.tax says .*"callsMin":5/)
})

test('calls of one dependency may differ in attempts, and in the order in which their policies are written', () => {
  const { breaker } = once
  const turned = Object.fromEntries(Object.entries(breaker ?? {}).reverse())
  const tax = call({
    name: 'pricing.tax',
    to: 'pricing',
    method: 'GET',
    path: '/',
    policy: policy({ breaker: turned }),
  })
  service({ name: 'billing', calls: [quoteCall({ policy: once }), tax] })
})

test('two calls of one name are refused', () => {
  const problems = problemsOf(() => service({ name: 'billing', calls: [quoteCall(), quoteCall()] }))
  assert.match(problems, /call pricing\.quote is defined twice/)
})

test('the manifest says who calls whom, and how', () => {
  const quote = quoteCall({
    policy: once,
    final: { 404: false },
    fallback: () => ({ price: 1 }),
    description: 'A price.',
  })
  const health = call({ name: 'pricing.health', to: 'pricing', method: 'GET', path: '/health' })
  const billing = service({
    name: 'billing',
    handlers: [handle(Ordered, () => {}, { calls: [quote] })],
    calls: [health],
  })
  const manifest = manifestOf([billing])
  assert.deepEqual(manifest.services[0]?.calls, ['pricing.health', 'pricing.quote'])
  assert.deepEqual(manifest.services[0]?.handles[0]?.calls, ['pricing.quote'])
  assert.deepEqual(manifest.calls[1], {
    name: 'pricing.quote',
    to: 'pricing',
    method: 'GET',
    path: '/routes/:routeId/quote',
    idempotent: true,
    policy: once,
    final: { 404: false },
    hasFallback: true,
    description: 'A price.',
    calledBy: ['billing'],
  })
  assert.deepEqual(JSON.parse(JSON.stringify(manifest)), manifest)
})
