import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Clock } from '../../../src/contracts/clock.ts'
import { Bulkhead, type Waiter } from '../../../src/policy/bulkhead.ts'
import { type Expirable, TimeoutLine } from '../../../src/policy/timeout-line.ts'
import { virtualClock } from '../../../src/testing/virtual-time/virtual-clock.ts'

interface Item extends Expirable {
  readonly name: string
}

/** A line on a virtual clock that counts its timers, and tells which of them keep the process alive. */
function line() {
  const inner = virtualClock(0)
  const seen = { timers: 0, keeping: new Set<object>(), ended: [] as string[] }
  const clock: Clock = {
    now: () => inner.now(),
    monotonic: () => inner.monotonic(),
    schedule(delayMs, run) {
      seen.timers++
      const key = {}
      const done = (): void => void seen.keeping.delete(key)
      const timer = inner.schedule(delayMs, () => {
        done()
        run()
      })
      seen.keeping.add(key)
      return {
        cancel: () => {
          done()
          timer.cancel()
        },
        keepAlive: (keep) => void (keep ? seen.keeping.add(key) : done()),
      }
    },
  }
  const made = new TimeoutLine(clock)
  const add = (endsAtMs: number, name = String(endsAtMs), then: () => void = () => {}): Item => {
    const expire = (): void => {
      assert.ok(inner.now() >= endsAtMs, 'never before its end')
      seen.ended.push(name)
      then()
    }
    const item = { name, endsAtMs, earlier: undefined, later: undefined, expire }
    made.add(item, inner.now())
    return item
  }
  return { line: made, clock: inner, seen, add }
}

test('items end at their ends and in their order, equal ones in the order in which they came', async () => {
  const { clock, seen, add } = line()
  for (const [endsAtMs, name] of [
    [30, 'c'],
    [10, 'a'],
    [30, 'd'],
    [20, 'b'],
    [40, 'e'],
    [30, 'd2'],
  ] as const)
    add(endsAtMs, name)
  await clock.advance(30)
  assert.deepEqual(seen.ended, ['a', 'b', 'c', 'd', 'd2'])
  await clock.advance(10)
  assert.deepEqual(seen.ended.at(-1), 'e')
})

test('equally long time-outs share one timer, however many come and go', async () => {
  const { line: all, clock, seen, add } = line()
  for (let i = 0; i < 1000; i++) all.remove(add(100, `${i}`))
  add(100, 'last')
  assert.equal(seen.timers, 1)
  await clock.advance(100)
  assert.deepEqual([seen.ended, clock.pending], [['last'], 0])
})

test('an earlier end moves the timer forward, also when the timer waits for something that has left', async () => {
  const { line: all, clock, seen, add } = line()
  add(100)
  add(50)
  await clock.advance(50)
  assert.deepEqual(seen.ended, ['50'])
  await clock.advance(50)
  all.remove(add(1000))
  add(200)
  await clock.advance(100)
  assert.deepEqual(seen.ended, ['50', '100', '200'])
})

test('only while the line holds something does its timer keep the process alive', async () => {
  const { line: all, clock, seen, add } = line()
  const alive = (): number => seen.keeping.size
  const first = add(100)
  const second = add(100)
  assert.equal(alive(), 1)
  all.remove(first)
  assert.equal(alive(), 1)
  all.remove(second)
  assert.equal(alive(), 0)
  all.remove(add(300))
  assert.equal(alive(), 0)
  add(300)
  assert.equal(alive(), 1)
  await clock.advance(150)
  assert.equal(alive(), 1)
  await clock.advance(150)
  assert.deepEqual([alive(), clock.pending, seen.ended], [0, 0, ['300']])
})

test('what is in no line is removed without effect, once or often', async () => {
  const { line: all, clock, seen, add } = line()
  const [a, b, c] = [add(10), add(20), add(30)]
  all.remove({ endsAtMs: 15, earlier: undefined, later: undefined, expire: () => assert.fail('never added') })
  for (let i = 0; i < 3; i++) all.remove(b)
  await clock.advance(10)
  all.remove(a)
  await clock.advance(20)
  all.remove(c)
  assert.deepEqual([seen.ended, clock.pending], [['10', '30'], 0])
})

test('what ends may add and remove others, due ones too, and it costs one timer', async () => {
  const { line: all, clock, seen, add } = line()
  add(10, 'first', () => {
    all.remove(second)
    add(10, 'at once')
    add(15, 'soon')
    add(12, 'sooner')
  })
  const second = add(10, 'second')
  add(10, 'third')
  await clock.advance(10)
  assert.deepEqual(seen.ended, ['first', 'third', 'at once'])
  assert.deepEqual([seen.timers, clock.nextAtMs], [2, 12])
  await clock.advance(5)
  assert.deepEqual(seen.ended.slice(3), ['sooner', 'soon'])
})

test('when one throws on ending the others end all the same', async () => {
  const { clock, seen, add } = line()
  const fail = (): void => {
    throw new Error('broken')
  }
  for (const name of ['a', 'b', 'c']) add(10, name, name === 'b' ? fail : undefined)
  add(20)
  await assert.rejects(clock.advance(20), /broken/)
  assert.deepEqual(seen.ended, ['a', 'b'])
  await clock.advance(10)
  assert.deepEqual(seen.ended, ['a', 'b', 'c', '20'])
})

const lineStep = fc.oneof(
  { weight: 3, arbitrary: fc.record({ add: fc.integer({ min: 0, max: 30 }) }) },
  { weight: 2, arbitrary: fc.record({ remove: fc.nat(50) }) },
  { weight: 2, arbitrary: fc.record({ pass: fc.integer({ min: 0, max: 15 }) }) },
)

test('a line behaves like a sorted list, whatever is added and removed when', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(lineStep, { maxLength: 60 }), async (steps) => {
      const { line: all, clock, seen, add } = line()
      const items: Item[] = []
      let waiting: Item[] = []
      const ended: string[] = []
      for (const step of steps) {
        if ('add' in step) {
          const item = add(clock.now() + step.add, String(items.length))
          items.push(item)
          waiting = [...waiting, item].sort((a, b) => a.endsAtMs - b.endsAtMs)
        } else if ('remove' in step) {
          const item = items[step.remove]
          if (item === undefined) continue
          all.remove(item)
          waiting = waiting.filter((one) => one !== item)
        } else {
          await clock.advance(step.pass)
          ended.push(...waiting.filter(({ endsAtMs }) => endsAtMs <= clock.now()).map(({ name }) => name))
          waiting = waiting.filter(({ endsAtMs }) => endsAtMs > clock.now())
          assert.deepEqual(seen.ended, ended)
        }
        assert.equal(seen.keeping.size, waiting.length > 0 ? 1 : 0)
        assert.ok(clock.pending <= 1)
      }
    }),
  )
})

interface Guest extends Waiter {
  readonly name: number
}

/** A bulkhead, and who was let in, in order. */
function house(slots: number, queueMax: number) {
  const bulkhead = new Bulkhead({ slots, queueMax })
  const admitted: number[] = []
  const guest = (name: number, then: () => void = () => {}): Guest => {
    const admit = (): void => {
      admitted.push(name)
      then()
    }
    return { name, ahead: undefined, behind: undefined, admitted: admit }
  }
  const leave = (): void => {
    bulkhead.leave()
    bulkhead.admit()
  }
  return { bulkhead, admitted, guest, leave }
}

const bulkheadStep = fc.record({
  kind: fc.constantFrom('come', 'come', 'leave', 'leave twice', 'give up'),
  who: fc.nat(30),
})

test('I1-I3 a bulkhead behaves like a counter and a list, in any order of arriving, leaving and giving up', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 0, max: 4 }),
      fc.array(bulkheadStep, { maxLength: 80 }),
      (slots, queueMax, steps) => {
        const { bulkhead, admitted, guest } = house(slots, queueMax)
        const guests: Guest[] = []
        let busy = 0
        let queue: Guest[] = []
        const expected: number[] = []
        for (const { kind, who } of steps) {
          const free = Math.min(busy, kind === 'leave' ? 1 : kind === 'leave twice' ? 2 : 0)
          for (let i = 0; i < free; i++) bulkhead.leave()
          busy -= free
          const one = guests[who]
          if (kind === 'come') {
            const next = guest(guests.push(guest(0)) - 1)
            guests[next.name] = next
            const enters = busy < slots
            const waits = !enters && queue.length < queueMax
            assert.deepEqual([bulkhead.tryEnter(), enters || bulkhead.tryWait(next)], [enters, enters || waits])
            if (enters) busy++
            else if (waits) queue.push(next)
          } else if (kind === 'give up' && one !== undefined) {
            bulkhead.giveUp(one)
            queue = queue.filter((other) => other !== one)
          }
          bulkhead.admit()
          const through = queue.splice(0, slots - busy)
          busy += through.length
          expected.push(...through.map(({ name }) => name))
          assert.deepEqual([admitted, bulkhead.busy, bulkhead.queued], [expected, busy, queue.length])
        }
      },
    ),
  )
})

test('who comes after a slot was given back, and before it was handed on, waits behind the others', () => {
  const { bulkhead, admitted, guest } = house(1, 1)
  assert.ok(bulkhead.tryEnter())
  assert.ok(bulkhead.tryWait(guest(1)))
  assert.equal(bulkhead.tryWait(guest(2)), false)
  bulkhead.leave()
  assert.equal(bulkhead.tryEnter(), false)
  assert.equal(bulkhead.tryWait(guest(3)), true)
  assert.equal(bulkhead.tryWait(guest(4)), false)
  bulkhead.admit()
  assert.deepEqual([admitted, bulkhead.busy, bulkhead.queued], [[1], 1, 1])
})

test('those that are let in may leave at once, take others with them, bring new ones, and throw', () => {
  const { bulkhead, admitted, guest, leave } = house(1, 10)
  const fail = (text: string): never => {
    throw new Error(text)
  }
  const three = guest(3)
  const five = guest(5)
  const guests = [
    guest(1, leave),
    guest(2, () => {
      bulkhead.giveUp(three)
      assert.ok(bulkhead.tryWait(five))
      leave()
      fail('second')
    }),
    three,
    guest(4, () => {
      leave()
      fail('fourth')
    }),
  ]
  assert.ok(bulkhead.tryEnter())
  for (const one of guests) assert.ok(bulkhead.tryWait(one))
  assert.throws(leave, /second/)
  assert.deepEqual([admitted, bulkhead.busy, bulkhead.queued], [[1, 2, 4, 5], 1, 0])
})
