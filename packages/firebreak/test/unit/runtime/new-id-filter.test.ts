import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NewIdFilter } from '../../../src/runtime/partition/new-id-filter.ts'

const id = (n: number): string => String(n).padStart(8, '0')

test('ids above what was marked at the claim are new, and those up to it are looked up', () => {
  const horizon = new NewIdFilter(id(500))
  assert.equal(horizon.isNew(id(500)), false)
  assert.equal(horizon.isNew(id(400)), false)
  assert.equal(horizon.isNew(id(501)), true)
})

test('a copy of a record that was read long ago is looked up, neighbours out of order are not', () => {
  const horizon = new NewIdFilter('')
  const read = Array.from({ length: 5000 }, (_, i) => horizon.isNew(id(i ^ 3)))
  assert.ok(read.every((isNew) => isNew))
  assert.equal(horizon.isNew(id(2000)), false)
  assert.equal(horizon.isNew(id(4900)), true)
})
