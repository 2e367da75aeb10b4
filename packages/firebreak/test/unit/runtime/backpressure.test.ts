import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Backpressure } from '../../../src/runtime/instance/backpressure.ts'
import { limitDefaults } from '../../../src/runtime/instance/limits.ts'
import { RecentIds } from '../../../src/runtime/intake/recent-ids.ts'

const limits = { ...limitDefaults, recordsMax: 10, outboxMax: 4 }

function filled(outbox: { pending: number }): Backpressure {
  const backpressure = new Backpressure(limits, outbox)
  for (let n = 0; n < limits.recordsMax; n++) backpressure.added()
  return backpressure
}

test('an instance is full at recordsMax, and its intake is woken when less than half of that is held', () => {
  const backpressure = filled({ pending: 0 })
  assert.equal(backpressure.isFull, true)
  assert.equal(backpressure.room, 0)
  const room = backpressure.untilRoom()
  backpressure.removed(5)
  assert.equal(backpressure.isFull, false)
  assert.equal(room.aborted, false)
  backpressure.removed(1)
  assert.equal(room.aborted, true)
  assert.equal(backpressure.heldRecords, 4)
})

test('an outbox that is full keeps the intake waiting, however much memory is free', () => {
  const outbox = { pending: 4 }
  const backpressure = filled(outbox)
  const room = backpressure.untilRoom()
  backpressure.removed(9)
  assert.equal(backpressure.isFull, true)
  assert.equal(room.aborted, false)
  outbox.pending = 1
  backpressure.removed(1)
  assert.equal(backpressure.isFull, false)
  assert.equal(room.aborted, true)
})

test('an id is recent for one generation at least, and forgotten after two', () => {
  const recent = new RecentIds(1)
  assert.deepEqual(
    ['a', 'b', 'c', 'a', 'b', 'd', 'e', 'a'].map((id) => recent.sees(id)),
    [false, false, false, true, true, false, false, false],
  )
})
