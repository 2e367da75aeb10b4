import assert from 'node:assert/strict'
import { test } from 'node:test'
import { permanent } from '../../../src/contracts/errors.ts'
import { masked } from '../../../src/contracts/text/masked.ts'
import { handle } from '../../../src/define/handle.ts'
import { service } from '../../../src/define/service.ts'
import { createTestRuntime } from '../../../src/testing/test-runtime.ts'
import { callScene, quoteCall, watch } from '../../call-scene.ts'
import { named } from '../../named.ts'
import { Happened } from '../../thing-scene.ts'

const basic = `Basic ${btoa('shop:correct horse')}`
const sent: Readonly<Record<string, string>> = {
  authorization: basic,
  'x-api-key': 'k-0123456789',
  cookie: 'session=s-abcdefgh; theme=dark-mode-on',
}

for (const status of [400, 500])
  test(`an answer ${status} that repeats credentials is told without them, in errors and facts`, async () => {
    const echo = `no access for ${basic}, shop:correct horse, correct horse, key k-0123456789, s-abcdefgh at http://u:pw@host/x`
    const endpoints = { pricing: { url: 'http://pricing.test', headers: () => sent } }
    const { clock, caller, facts } = callScene(() => new Response(echo, { status }), { endpoints })
    const seen = watch(caller.call(quoteCall(), { routeId: 'r' }))
    await clock.advance(60_000)
    const told = JSON.stringify([String(seen.error), seen.error, facts.map((fact) => Object.values(fact).map(String))])
    assert.match(told, /no access for \*\*\*/)
    for (const secret of [btoa('shop:correct horse'), 'correct horse', 'k-0123456789', 's-abcdefgh', 'u:pw'])
      assert.ok(!told.includes(secret), secret)
  })

test('a secret at the edge of the excerpt is not told by half', async () => {
  const endpoints = { pricing: { url: 'http://pricing.test', headers: () => sent } }
  const echo = `${'x'.repeat(194)} k-0123456789`
  const { clock, caller } = callScene(() => new Response(echo, { status: 400 }), { endpoints })
  const seen = watch(caller.call(quoteCall(), { routeId: 'r' }))
  await clock.advance(60_000)
  assert.ok(!String(seen.error).includes('k-0'))
})

test('a dead letter keeps no password of an address and no token that its error had in it', async () => {
  const one = service({
    name: 'one',
    handlers: [
      handle(Happened, () => {
        throw permanent('postgres://shop:s3cret@db/x is away, Authorization: Bearer abc.def-1234567890')
      }),
    ],
  })
  const app = await createTestRuntime({ services: [one], expectDeadLetters: true })
  await app.publish(Happened, { id: 'k', n: 1 })
  await app.advance(1000)
  const [letter] = await named(app, 'one').deadLetters.list()
  assert.ok(letter)
  assert.equal(letter.message, 'postgres://***@db/x is away, Authorization: Bearer ***')
  assert.ok(!JSON.stringify(letter.attempts).includes('s3cret'))
  await app.stop()
})

test('what is no credential stays, and masking takes no longer for longer words', () => {
  for (const text of ['Basic authentication failed', 'https://example.com/a@b', 'mail a@b.c', 'Bearer of news'])
    assert.equal(masked(text), text)
  assert.equal(masked(`x://${'a'.repeat(100_000)}`).length, 100_004)
})
