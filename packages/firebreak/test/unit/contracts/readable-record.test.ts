import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runInNewContext } from 'node:vm'
import { readableHeaders, refuseUnreadable } from '../../../src/node/readable-record.ts'

test('of the headers that somebody else has stored, what is no text is not there', () => {
  const good = { ce_id: '1', ce_type: 'a.b' }
  assert.equal(readableHeaders(good), good)
  const odd = { ce_id: null, ce_type: { toString: 1 }, ce_source: ['a'], n: 1, yes: true, ce_time: 'now' }
  assert.deepEqual(readableHeaders(odd), { ce_time: 'now' })
  for (const none of [null, undefined, 5, 'text', true]) assert.deepEqual(readableHeaders(none), {})
})

test('bytes are taken for bytes whatever realm they come from', () => {
  const value = runInNewContext('new Uint8Array([1, 2])') as Uint8Array
  assert.ok(!(value instanceof Uint8Array))
  refuseUnreadable({ topic: 'orders', key: 'a', value, headers: {} })
  const claims = Object.setPrototypeOf({}, Uint8Array.prototype) as Uint8Array
  assert.throws(() => refuseUnreadable({ topic: 'orders', key: 'a', value: claims, headers: {} }), {
    code: 'FB_RECORD_REFUSED',
  })
})
