import assert from 'node:assert/strict'
import test from 'node:test'
import { FirebreakError } from '../../../src/contracts/errors.ts'
import { exitCodeOf } from '../../../torture/process/child.ts'
import { deathOf } from '../../../torture/process/deaths.ts'

const refusal = (reason: string): number => exitCodeOf(new FirebreakError('FB_LOG_REFUSED', { path: 'kafka', reason }))
const replaced = refusal('instanceId "second-1" is used by another member of second')
const unsent = { sent: undefined, sinceAbruptMs: 2000 }

test('a static member may be put out of its group by what its predecessor asked for before it was killed', () => {
  assert.equal(deathOf(replaced, unsent), 'replaced')
})

test('nobody else may put a static member out of its group', () => {
  assert.equal(deathOf(replaced, { sent: undefined, sinceAbruptMs: Number.POSITIVE_INFINITY }), 'unasked')
  assert.equal(deathOf(replaced, { sent: undefined, sinceAbruptMs: 60_000 }), 'unasked')
})

test('no other refusal of the log passes for it', () => {
  assert.equal(deathOf(refusal('the broker requires TLS'), unsent), 'unasked')
  assert.equal(deathOf(exitCodeOf(new Error('instanceId "a" is used by another member of b')), unsent), 'unasked')
})

test('a death counts as planned only where it was', () => {
  assert.equal(deathOf('SIGKILL', { ...unsent, sent: 'SIGKILL' }), 'killed')
  assert.equal(deathOf('SIGKILL', unsent), 'unasked')
  assert.equal(deathOf(0, { ...unsent, sent: 'SIGTERM' }), 'terminated')
  assert.equal(deathOf(0, unsent), 'unasked')
})
