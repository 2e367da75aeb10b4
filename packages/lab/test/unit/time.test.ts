import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Due, toUs, VirtualTime } from '../../src/sim/virtual-time.ts'

const due = (fire: () => void): Due => ({ ticket: 0, fire })
const forEver = Number.POSITIVE_INFINITY

test('events fire in the order of their instants, equal ones in the order in which they were set (I1)', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { maxLength: 60 }), (instants) => {
      const time = new VirtualTime()
      const fired: number[] = []
      for (const [index, instant] of instants.entries())
        time.at(
          instant,
          due(() => fired.push(index)),
        )
      time.advance(100, forEver)
      const expected = instants.map((_, index) => index).toSorted((a, b) => instants[a]! - instants[b]! || a - b)
      assert.deepEqual(fired, expected)
    }),
  )
})

test('what is cancelled or moved does not fire at its old instant, in any mixture of steps', () => {
  const step = fc.record({ who: fc.nat(9), what: fc.constantFrom('set', 'cancel', 'pass'), us: fc.nat(30) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const time = new VirtualTime()
      const fired: string[] = []
      const expected: string[] = []
      const set = new Map<number, { atUs: number; order: number }>()
      const dues = Array.from({ length: 10 }, (_, who) => due(() => fired.push(`${who}@${time.nowUs}`)))
      for (const [order, { who, what, us }] of steps.entries()) {
        if (what === 'set') {
          time.after(us, dues[who]!)
          set.set(who, { atUs: time.nowUs + us, order })
        } else if (what === 'cancel') {
          time.cancel(dues[who]!)
          set.delete(who)
        } else {
          const untilUs = time.nowUs + us
          const ripe = [...set].filter(([, { atUs }]) => atUs <= untilUs)
          ripe.sort(([, a], [, b]) => a.atUs - b.atUs || a.order - b.order)
          for (const [one, { atUs }] of ripe) {
            expected.push(`${one}@${atUs}`)
            set.delete(one)
          }
          time.advance(untilUs, forEver)
        }
        assert.equal(time.waiting, set.size)
      }
      assert.deepEqual(fired, expected)
    }),
  )
})

test('a heap full of cancelled events keeps the others in order', () => {
  const time = new VirtualTime()
  const fired: number[] = []
  const dues = Array.from({ length: 20_000 }, (_, index) => due(() => fired.push(index)))
  for (const [index, one] of dues.entries()) time.at((index * 7919) % 20_000, one)
  for (const [index, one] of dues.entries()) if (index % 100 !== 0) time.cancel(one)
  assert.equal(time.waiting, 200)
  time.advance(20_000, forEver)
  assert.equal(fired.length, 200)
  assert.deepEqual(
    fired,
    fired.toSorted((a, b) => ((a * 7919) % 20_000) - ((b * 7919) % 20_000)),
  )
})

test('a timer of 0 ms fires at its own instant, after what was set before it', () => {
  const time = new VirtualTime()
  const fired: string[] = []
  time.schedule(0, () => fired.push('first'))
  time.schedule(0, () => {
    fired.push('second')
    time.schedule(0, () => fired.push('third'))
  })
  assert.deepEqual(fired, [])
  assert.equal(time.advance(0, forEver), true)
  assert.deepEqual(fired, ['first', 'second', 'third'])
  assert.equal(time.nowUs, 0)
})

test('a timer never fires before its time, to the microsecond', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e6, noNaN: true }), fc.nat(1e9), (delayMs, startUs) => {
      const time = new VirtualTime()
      time.advance(startUs, forEver)
      const startMs = time.monotonic()
      let firedAtMs = -1
      time.schedule(delayMs, () => {
        firedAtMs = time.monotonic()
      })
      time.advance(startUs + 1e9 + 2, forEver)
      assert.ok(firedAtMs - startMs >= delayMs - 1e-6, `${firedAtMs - startMs} of ${delayMs}`)
      assert.ok(firedAtMs - startMs <= delayMs + 0.001001, `${firedAtMs - startMs} of ${delayMs}`)
    }),
  )
})

test('a timer may be cancelled twice, and after it has fired', () => {
  const time = new VirtualTime()
  let fired = 0
  const timer = time.schedule(1, () => fired++)
  const other = time.schedule(2, () => fired++)
  time.advance(toUs(1), forEver)
  timer.cancel()
  timer.cancel()
  assert.equal(time.waiting, 1)
  other.cancel()
  other.cancel()
  time.advance(toUs(10), forEver)
  assert.deepEqual([fired, time.waiting], [1, 0])
})

test('a wait forever is a timer that does not fire', () => {
  const time = new VirtualTime()
  const timer = time.schedule(forEver, () => assert.fail('it fired'))
  assert.equal(time.advance(1e15, forEver), true)
  timer.cancel()
  assert.equal(time.waiting, 0)
})

test('running out of events stops in between, and goes on where it stopped', () => {
  const time = new VirtualTime()
  const fired: number[] = []
  for (let us = 1; us <= 10; us++)
    time.at(
      us,
      due(() => fired.push(us)),
    )
  assert.equal(time.advance(100, 4), false)
  assert.deepEqual([fired.length, time.nowUs, time.fired], [4, 4, 4])
  assert.equal(time.advance(100, 6), true)
  assert.deepEqual([fired.length, time.nowUs, time.fired], [10, 100, 10])
})

test('what is due later than the end of an advance stays', () => {
  const time = new VirtualTime()
  let fired = 0
  time.at(
    11,
    due(() => fired++),
  )
  time.advance(10, forEver)
  assert.deepEqual([fired, time.nowUs], [0, 10])
  time.advance(11, forEver)
  assert.equal(fired, 1)
})
