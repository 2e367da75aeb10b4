import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Waker } from '../../../src/node/waker.ts'
import { virtualClock } from '../../../src/testing/virtual-time/virtual-clock.ts'

const never = new AbortController().signal

test('who waits is woken before the time, and hears that it is not late', async () => {
  const clock = virtualClock(0)
  const waker = new Waker()
  const waiting = waker.wait(clock, 1000, never)
  waker.wake()
  assert.equal(await waiting, false)
})

test('who is not woken waits for the time, and hears that it is late', async () => {
  const clock = virtualClock(0)
  const waiting = new Waker().wait(clock, 1000, never)
  await clock.advance(1000)
  assert.equal(await waiting, true)
})

test('an abort ends the wait', async () => {
  const abort = new AbortController()
  const waiting = new Waker().wait(virtualClock(0), 1000, abort.signal)
  abort.abort()
  assert.equal(await waiting, false)
})

test('a call while nobody waits is not kept for the next wait', async () => {
  const clock = virtualClock(0)
  const waker = new Waker()
  waker.wake()
  const waiting = waker.wait(clock, 1000, never)
  await clock.advance(1000)
  assert.equal(await waiting, true)
})
