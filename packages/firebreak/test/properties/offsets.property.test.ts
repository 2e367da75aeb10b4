import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseAbove } from '../../src/ledger/verify/above.ts'
import { Offsets } from '../../src/runtime/partition/offsets.ts'

/** Positions of a log with holes, in order, and an order in which they finish. */
const plan = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 40 }).chain((steps) => {
  let at = 10
  const positions = steps.map((step, i) => {
    if (i > 0) at += step
    return at
  })
  return fc.record({
    positions: fc.constant(positions),
    order: fc.shuffledSubarray(positions, { minLength: 0 }),
    fails: fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }),
  })
})

const finishedOf = (next: number, above: string): Set<number> => {
  const finished = new Set<number>()
  for (const [from, to] of parseAbove(next, above)) for (let at = from; at <= to; at++) finished.add(at)
  return finished
}

test('progress equals a set of finished positions, whatever the order and the holes', () => {
  fc.assert(
    fc.property(plan, ({ positions, order }) => {
      const offsets = new Offsets(null, '')
      const done = new Set<number>()
      for (const position of positions) assert.equal(offsets.accept(position), true)
      const real = new Set(positions)
      const last = positions.at(-1)!
      for (let at = positions[0]!; at < last; at++) if (!real.has(at)) done.add(at)
      assert.equal(offsets.takeGaps(), done.size)
      for (const position of order) {
        offsets.finish(position)
        done.add(position)
        let next = positions[0]!
        while (done.has(next)) next++
        assert.equal(offsets.next, next)
        assert.deepEqual(finishedOf(next, offsets.above()), new Set([...done].filter((at) => at > next)))
      }
    }),
  )
})

test('what a restart reads back accepts exactly what is not finished', () => {
  fc.assert(
    fc.property(plan, ({ positions, order }) => {
      const offsets = new Offsets(null, '')
      for (const position of positions) offsets.accept(position)
      for (const position of order) offsets.finish(position)
      const again = new Offsets(offsets.next, offsets.above())
      const finished = new Set(order)
      for (const position of positions) assert.equal(again.accept(position), !finished.has(position))
      assert.equal(again.takeGaps(), 0)
    }),
  )
})

test('a commit that failed is undone, and what was accepted meanwhile is not', () => {
  fc.assert(
    fc.property(plan, ({ positions, order, fails }) => {
      const offsets = new Offsets(null, '')
      const half = Math.ceil(positions.length / 2)
      for (const position of positions.slice(0, half)) offsets.accept(position)
      const late = positions.slice(half)
      let gaps = 0
      for (const [i, position] of order.entries()) {
        if (!positions.slice(0, positions.length - late.length).includes(position)) continue
        const undo = offsets.snapshot()
        offsets.finish(position)
        const taken = offsets.takeGaps()
        // Records go on being accepted while the commit is under way.
        const next = late.shift()
        if (next !== undefined) offsets.accept(next)
        if (fails[i % fails.length]) {
          undo()
          offsets.finish(position)
        } else {
          offsets.committed()
          gaps += taken
        }
      }
      for (const position of late) offsets.accept(position)
      const done = new Set(order.filter((position) => offsets.accept(position) === false))
      for (const position of positions) if (!done.has(position)) offsets.finish(position)
      assert.equal(offsets.next, positions.at(-1)! + 1)
      assert.equal(offsets.above(), '')
      gaps += offsets.takeGaps()
      assert.equal(gaps, positions.at(-1)! - positions[0]! + 1 - positions.length)
    }),
  )
})

test('a position that finishes twice is a broken invariant', () => {
  const offsets = new Offsets(5, '2-3')
  assert.equal(offsets.accept(7), false)
  assert.throws(() => offsets.finish(7), /finishes once/)
  assert.throws(() => offsets.finish(4), /finishes once/)
})
