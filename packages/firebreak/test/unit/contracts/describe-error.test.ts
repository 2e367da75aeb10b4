import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runInNewContext } from 'node:vm'
import { errorMessage, FirebreakError, isFirebreakError, permanent } from '../../../src/contracts/errors.ts'
import { describeError, fingerprintOf } from '../../../src/runtime/message/fingerprint.ts'
import { drawOddValue, oddThenables, oddValues } from '../../../src/testing/hostile/values.ts'
import { seededEntropy } from '../../../src/testing/virtual-time/seeded-entropy.ts'

function assertKept(name: string, error: unknown): void {
  const kept = describeError(error)
  for (const [field, text, max] of [
    ['errorClass', kept.errorClass, 100],
    ['message', kept.message, 1024],
    ['stack', kept.stack, 4096],
    ['dependency', kept.dependency ?? '', 100],
    ['fingerprint', fingerprintOf(kept), 1024],
    ['errorMessage', errorMessage(error), 65_536],
  ] as const) {
    assert.equal(typeof text, 'string', `${name}: ${field}`)
    assert.ok(text.length <= max, `${name}: ${field} has ${text.length} characters`)
    assert.ok(text.isWellFormed() && !text.includes('\0'), `${name}: ${field} can be stored`)
  }
  assert.notEqual(kept.errorClass, '', name)
}

test('whatever is thrown is described, bounded, in text that every database keeps', () => {
  const { random } = seededEntropy(1)
  for (const { name, make } of [...oddValues, ...oddThenables.filter((one) => !one.name.startsWith('rejection'))])
    assertKept(name, make(random))
  for (let i = 0; i < 2000; i++) {
    const { name, value } = drawOddValue(random)
    assertKept(name, value)
  }
})

test('an error is told apart from what only carries its brand', () => {
  const { random } = seededEntropy(1)
  const found = oddValues.filter(({ make }) => isFirebreakError(make(random))).map(({ name }) => name)
  assert.deepEqual(
    found.filter((name) => !name.startsWith('ours-')),
    ['branded-with-a-proxy-as-detail', 'branded-with-an-unknown-code', 'branded-once'],
  )
  assert.ok(!found.includes('ours-overridden'))
  assert.ok(isFirebreakError(permanent('x'), 'FB_HANDLER_PERMANENT'))
})

test('an error says what it can, wherever it comes from', () => {
  const told = (error: unknown): readonly string[] => [describeError(error).errorClass, describeError(error).message]
  assert.deepEqual(told('text'), ['string', 'text'])
  assert.deepEqual(told(runInNewContext('new TypeError("elsewhere")')), ['TypeError', 'elsewhere'])
  assert.deepEqual(told({ code: 14, message: 'away' }), ['object', 'away'])
  assert.deepEqual(told({ status: 503, error: 'away' }), ['object', '{ status: 503, error: "away" }'])
  assert.deepEqual(told(Object.assign(Object.create(null), { id: 'bad' })), ['object', '{ id: "bad" }'])
  assert.deepEqual(told(new AggregateError([new Error('one'), 'two'], '')), ['AggregateError', 'one; two'])
  assert.deepEqual(told(Symbol('odd')), ['symbol', 'Symbol(odd)'])
  assert.deepEqual(told([1, 'two', {}]), ['Array', '[1, "two", Object]'])
})

test('the causes of an error are kept behind its stack, and a chain that goes round ends', () => {
  const row = Object.assign(Object.create(null), { id: 'bad' })
  assert.match(
    describeError(new Error('there already', { cause: row })).stack,
    /there already[\s\S]*caused by \{ id: "bad" \}/,
  )
  const first: Error & { cause?: unknown } = new Error('first')
  first.cause = new Error('second', { cause: first })
  assert.equal(describeError(first).stack.match(/caused by/g)?.length, 1)
  const together = new AggregateError([new Error('one'), new Error('two')], 'both')
  assert.equal(describeError(together).stack.match(/together with Error/g)?.length, 2)
})

test('a code of firebreak is kept as the class of its own errors only, because later attempts are judged by it', () => {
  const named = Object.assign(new RangeError('no'), { name: 'FB_HANDLER_THROTTLED' })
  assert.equal(describeError(named).errorClass, 'RangeError')
  assert.equal(describeError(permanent('no')).errorClass, 'FB_HANDLER_PERMANENT')
})

test('an error of ours can be made of anything', () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  assert.equal(permanent(proxy as never).message, 'object that cannot be described')
  assert.equal(permanent(Object.create(null) as never).message, '{}')
  assert.equal(new FirebreakError('FB_INVARIANT', { claim: undefined }).message, 'broken invariant: undefined')
})
