import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Fetchable, type FetchInput, type FetchPlan, planFetches } from '../../../src/kafka/reading/fetch-plan.ts'

interface Part extends Fetchable {
  readonly node: number | undefined
}

const now = 1000
const ready = Number.NEGATIVE_INFINITY
const never = Number.POSITIVE_INFINITY

const part = (id: string, rest: Partial<Part> = {}): Part => ({
  id,
  node: 1,
  bytes: 0,
  fetchBytesMax: 100,
  hasMore: false,
  fetchFromMs: ready,
  inFlight: false,
  stopped: undefined,
  ...rest,
})

function plan(partitions: readonly Part[], rest: Partial<FetchInput<Part>> = {}): FetchPlan<Part> {
  return planFetches({
    nowMs: now,
    partitions,
    paused: new Set(),
    leaderOf: ({ node }) => node,
    slotsTaken: new Map(),
    totalBytes: 1200,
    partitionBytes: 100,
    reservedBytes: 0,
    turn: 0,
    ...rest,
  })
}

const taken = (...slots: readonly number[]): FetchInput<Part>['slotsTaken'] => new Map([[1, new Set(slots)]])
const fetches = ({ fetches: all }: FetchPlan<Part>): readonly string[] =>
  all.map(({ node, slot, partitions }) => `${node}/${slot}: ${partitions.map(({ id }) => id)}`)

const cases: readonly [string, FetchPlan<Part>, readonly string[]][] = [
  ['one request to each leader', plan([part('a'), part('b', { node: 2 }), part('c')]), ['1/0: a,c', '2/0: b']],
  ['who is first takes turns', plan([part('a'), part('b'), part('c')], { turn: 1 }), ['1/0: b,c,a']],
  ['a full partition waits', plan([part('a', { bytes: 51 }), part('b', { bytes: 50 })]), ['1/0: b']],
  ['a paused partition is left out', plan([part('a'), part('b')], { paused: new Set(['a']) }), ['1/0: b']],
  ['what cannot be fetched is left out', plan([part('a', { fetchFromMs: never })]), []],
  ['two requests wait for news', plan([part('a')], { slotsTaken: taken(0) }), ['1/1: a']],
  ['a third one does not', plan([part('a')], { slotsTaken: taken(0, 1) }), []],
  ['a third one has more', plan([part('a', { hasMore: true })], { slotsTaken: taken(0, 1) }), ['1/2: a']],
  ['there is no fourth', plan([part('a', { hasMore: true })], { slotsTaken: taken(0, 1, 2) }), []],
  ['without room nobody is asked', plan([part('a')], { reservedBytes: 1200 }), []],
]

for (const [claim, planned, expected] of cases) test(claim, () => assert.deepEqual(fetches(planned), expected))

test('a partition that waits says when it may be fetched, one that nobody leads is named', () => {
  const { againAtMs, leaderless } = plan([part('a', { fetchFromMs: now + 5 }), part('b', { node: undefined })])
  assert.equal(againAtMs, now + 5)
  assert.deepEqual(
    leaderless.map(({ id }) => id),
    ['b'],
  )
  assert.equal(plan([part('a', { fetchFromMs: now })]).againAtMs, never)
})

test('paused partitions give up what they have where others have no room, and no more of them than it takes', () => {
  const full = { bytes: 500, fetchFromMs: never }
  const partitions = [part('a', { ...full, inFlight: true }), part('b', full), part('c', full), part('d')]
  const paused = new Set(['a', 'b', 'c'])
  const { discarded } = plan(partitions, { paused, totalBytes: 1500 })
  assert.deepEqual(
    discarded.map(({ id }) => id),
    ['b'],
  )
  assert.deepEqual(plan(partitions, { paused, totalBytes: 1600 }).discarded, [])
})

test('what one request may bring is no room for the next', () => {
  const partitions = [part('a'), part('b', { node: 2 })]
  assert.deepEqual(fetches(plan(partitions, { reservedBytes: 1100 })), ['1/0: a'])
  assert.deepEqual(fetches(plan(partitions, { reservedBytes: 1099 })), ['1/0: a', '2/0: b'])
})

test('requests in flight never may bring more than there is room for, whatever the partitions are', () => {
  const any = fc.record({
    node: fc.constantFrom(undefined, 1, 2, 3),
    bytes: fc.nat(200),
    fetchBytesMax: fc.integer({ min: 1, max: 1000 }),
    hasMore: fc.boolean(),
    fetchFromMs: fc.constantFrom(ready, now + 1, never),
  })
  fc.assert(
    fc.property(fc.array(any, { maxLength: 12 }), fc.nat(1500), fc.nat(20), (all, reservedBytes, turn) => {
      const partitions = all.map((one, i) => part(`p${i}`, one))
      const { fetches: planned } = plan(partitions, { reservedBytes, turn, slotsTaken: taken(0) })
      const held = partitions.reduce((sum, { bytes }) => sum + bytes, 0)
      const mayCome = planned.reduce((sum, one) => sum + one.reservedBytes, 0)
      if (planned.length > 0) assert.ok(held + reservedBytes + mayCome <= 1200)
      const asked = planned.flatMap((one) => one.partitions.map(({ id }) => id))
      assert.equal(new Set(asked).size, asked.length, 'no partition is asked for twice')
      for (const one of planned) assert.ok(one.partitions.every(({ node }) => node === one.node))
    }),
  )
})
