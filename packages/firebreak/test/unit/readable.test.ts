import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readableHeaders } from '../../src/contracts/readable.ts'

test('of the headers that somebody else has stored, what is no text is not there', () => {
  const good = { ce_id: '1', ce_type: 'a.b' }
  assert.equal(readableHeaders(good), good)
  const odd = { ce_id: null, ce_type: { toString: 1 }, ce_source: ['a'], n: 1, yes: true, ce_time: 'now' }
  assert.deepEqual(readableHeaders(odd), { ce_time: 'now' })
  for (const none of [null, undefined, 5, 'text', true]) assert.deepEqual(readableHeaders(none), {})
})
