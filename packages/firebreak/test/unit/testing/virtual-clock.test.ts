import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { sleep } from '../../../src/contracts/clock.ts'
import { nextTurn } from '../../../src/node/turn.ts'
import { seededEntropy, subSeed } from '../../../src/testing/virtual-time/seeded-entropy.ts'
import { virtualClock } from '../../../src/testing/virtual-time/virtual-clock.ts'

test('what is due runs in time order, equal dates in the order in which they were made, never early', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 60 }), async (delays) => {
      const clock = virtualClock(0)
      const ran: [number, number][] = []
      for (const [order, delay] of delays.entries()) {
        clock.schedule(delay, () => {
          assert.equal(clock.now(), delay)
          ran.push([delay, order])
        })
      }
      await clock.advance(100)
      assert.deepEqual(
        ran,
        ran.toSorted((a, b) => a[0] - b[0] || a[1] - b[1]),
      )
      assert.equal(ran.length, delays.length)
      assert.equal(clock.now(), 100)
      assert.equal(clock.pending, 0)
    }),
  )
})

test('cancelled callbacks do not run, and thousands of them cost no room', async () => {
  const clock = virtualClock()
  let ran = 0
  for (let i = 0; i < 10_000; i++) clock.schedule(i, () => ran++).cancel()
  const kept = clock.schedule(5, () => ran++)
  assert.equal(clock.pending, 1)
  await clock.advance(20_000)
  kept.cancel()
  assert.equal(ran, 1)
})

test('what a callback sets off ends before the next callback: promises, turns, and callbacks of the same instant', async () => {
  const clock = virtualClock(0)
  const log: string[] = []
  clock.schedule(10, async () => {
    log.push('a')
    for (let i = 0; i < 5; i++) await new Promise<void>((resolve) => nextTurn(resolve))
    log.push('a done')
    clock.schedule(0, () => log.push('a again'))
  })
  clock.schedule(10, () => log.push('b'))
  clock.schedule(11, () => log.push('c'))
  await clock.advance(11)
  assert.deepEqual(log, ['a', 'a done', 'b', 'a again', 'c'])
})

test('thirty minutes with a timer every 50 ms and a thousand sleepers take less than a second', async () => {
  const clock = virtualClock()
  let ticks = 0
  const tick = (): void => {
    ticks++
    clock.schedule(50, tick)
  }
  tick()
  let woken = 0
  for (let i = 0; i < 1000; i++) void sleep(clock, i * 1000).then(() => woken++)
  const started = performance.now()
  await clock.advance(1_800_000)
  assert.ok(performance.now() - started < 2000, `${performance.now() - started} ms`)
  assert.equal(ticks, 36_001)
  assert.equal(woken, 1000)
})

test('advancing while time is advanced, or backwards, is refused', async () => {
  const clock = virtualClock()
  const first = clock.advance(10)
  await assert.rejects(clock.advance(10), /await it before the next/)
  await first
  await assert.rejects(clock.advance(-1), /does not advance/)
})

test('equal seeds draw equally, others differ, and ids sort in the order in which they were made', async () => {
  const clock = virtualClock()
  const [a, b, c] = [seededEntropy(1, clock), seededEntropy(1, clock), seededEntropy(2, clock)]
  const draws = (from: typeof a): unknown[] => [from.random(), from.hex(8), from.uuid(), from.random()]
  const first = draws(a)
  assert.deepEqual(first, draws(b))
  assert.notDeepEqual(first, draws(c))
  const ids: string[] = []
  for (let i = 0; i < 20_000; i++) {
    if (i % 5000 === 0) await clock.advance(1)
    ids.push(a.uuid())
  }
  assert.deepEqual(ids, ids.toSorted())
  assert.equal(new Set(ids).size, ids.length)
  assert.match(ids[0]!, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.notEqual(subSeed(1, 'a'), subSeed(1, 'b'))
  const mean = Array.from({ length: 10_000 }, () => a.random()).reduce((sum, x) => sum + x, 0) / 10_000
  assert.ok(Math.abs(mean - 0.5) < 0.02)
})

test('a jump sets the wall clock alone: what waits stays due after its delay, and monotonic time goes on', async () => {
  const clock = virtualClock(1_000_000)
  let firedAtMs = -1
  clock.schedule(100, () => {
    firedAtMs = clock.monotonic()
  })
  const startedAtMs = clock.monotonic()
  clock.jump(-3_600_000)
  assert.equal(clock.now(), 1_000_000 - 3_600_000)
  assert.equal(clock.nextAtMs, clock.now() + 100)
  await clock.advance(99)
  clock.jump(86_400_000)
  assert.equal(firedAtMs, -1)
  await clock.advance(1)
  assert.equal(firedAtMs - startedAtMs, 100)
  assert.throws(() => clock.jump(Number.NaN), /does not jump by NaN/)
})
