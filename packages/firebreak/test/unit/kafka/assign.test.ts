import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cooperativeStickyAssigner } from '@platformatic/kafka'
import fc from 'fast-check'
import { type Partition, partitionId } from '../../../src/contracts/log.ts'
import { assignPartitions, type Subscriber } from '../../../src/kafka/group/group-assign.ts'

const member = (memberId: string, topics: readonly string[]): Subscriber => ({
  memberId,
  topics,
  owned: [],
  generation: -1,
})
const sizes = (given: ReadonlyMap<string, readonly Partition[]>): number[] =>
  [...given.values()].map((list) => list.length).sort()

/** One round: everybody gives up what it no longer has, as members do. */
function round(
  members: readonly Subscriber[],
  counts: ReadonlyMap<string, number>,
  generation: number,
): readonly Subscriber[] {
  const given = assignPartitions(members, counts)
  return members.map((one) => ({ ...one, generation, owned: given.get(one.memberId) ?? [] }))
}

function settle(members: readonly Subscriber[], counts: ReadonlyMap<string, number>): readonly Subscriber[] {
  const generation = Math.max(...members.map((one) => one.generation))
  return round(round(members, counts, generation + 1), counts, generation + 2)
}

test('a second member gets nothing before the first has let go, and then half', () => {
  const counts = new Map([['t', 4]])
  const alone = settle([member('a', ['t'])], counts)
  const both = [...alone, member('b', ['t'])]
  assert.deepEqual(sizes(assignPartitions(both, counts)), [0, 2])
  const settled = settle(both, counts)
  assert.deepEqual(
    settled.map((one) => one.owned.length),
    [2, 2],
  )
})

test('a third member does not stay idle while another has two', () => {
  const counts = new Map([['t', 4]])
  const two = settle([member('a', ['t']), member('b', ['t'])], counts)
  const three = settle([...two, member('c', ['t'])], counts)
  assert.deepEqual(three.map((one) => one.owned.length).sort(), [1, 1, 2])
})

test('the assignor of the client leaves that third member idle, which is why there is one of our own', () => {
  const member = (partitions: readonly number[]): object => ({
    topics: ['t'],
    generationId: 1,
    ownedPartitions: partitions.length === 0 ? [] : [{ topic: 't', partitions }],
  })
  const members = new Map([
    ['a', member([0, 1])],
    ['b', member([2, 3])],
    ['c', member([])],
  ])
  const metadata = { topics: new Map([['t', { partitionsCount: 4 }]]) }
  const given = cooperativeStickyAssigner('a', members as never, new Set(['t']), metadata as never)
  const sizes = given.map(({ memberId, assignments }) => [memberId, assignments.get('t')?.partitions.length ?? 0])
  assert.deepEqual(sizes, [
    ['a', 2],
    ['b', 2],
    ['c', 0],
  ])
})

test('what the first of two equal claims says does not count', () => {
  const counts = new Map([['t', 1]])
  const owned = [{ topic: 't', partition: 0 }]
  const torn = ['a', 'b'].map((id) => ({ ...member(id, ['t']), owned, generation: 3 }))
  assert.deepEqual(sizes(assignPartitions(torn, counts)), [0, 0])
})

test('a claim from an older round holds a partition back that nobody has claimed since', () => {
  const counts = new Map([['t', 2]])
  const owned = [0, 1].map((partition) => ({ topic: 't', partition }))
  const missedOne = { ...member('a', ['t']), owned, generation: 2 }
  const young = { ...member('b', ['t']), generation: 3 }
  const given = assignPartitions([missedOne, young], counts)
  assert.deepEqual(given.get('b'), [], 'a still works on both')
  assert.equal(given.get('a')?.length, 1)
})

test('a claim from an older round does not hold back what somebody has claimed since', () => {
  const counts = new Map([['t', 1]])
  const owned = [{ topic: 't', partition: 0 }]
  const late = { ...member('a', ['t']), owned, generation: 2 }
  const fresh = { ...member('b', ['t']), owned, generation: 5 }
  for (const members of [
    [late, fresh],
    [fresh, late],
  ])
    assert.deepEqual(assignPartitions(members, counts).get('b'), owned)
})

test('members that come and go: never two holders, all held and even two rounds after, little moves', () => {
  const topics = fc.dictionary(fc.constantFrom('t1', 't2', 't3'), fc.integer({ min: 1, max: 12 }), { minKeys: 1 })
  const moves = fc.array(fc.record({ join: fc.boolean(), index: fc.nat(9) }), { maxLength: 12 })
  fc.assert(
    fc.property(topics, moves, (dictionary, steps) => {
      const counts = new Map(Object.entries(dictionary))
      const names = [...counts.keys()]
      let members: readonly Subscriber[] = [member('m0', names)]
      let joined = 1
      for (const { join, index } of steps) {
        members =
          join || members.length === 1
            ? [...members, member(`m${joined++}`, names)]
            : members.toSpliced(index % members.length, 1)
        const generation = Math.max(0, ...members.map((one) => one.generation))
        const before = new Map(members.flatMap((one) => one.owned.map((p) => [partitionId(p), one.memberId] as const)))
        const halfway = round(members, counts, generation + 1)
        for (const one of halfway)
          for (const p of one.owned) {
            const holder = before.get(partitionId(p))
            assert.ok(holder === undefined || holder === one.memberId, 'moved while still held')
          }
        members = round(halfway, counts, generation + 2)
        const held = members.flatMap((one) => one.owned.map(partitionId))
        assert.equal(new Set(held).size, held.length)
        assert.equal(
          held.length,
          [...counts.values()].reduce((sum, count) => sum + count, 0),
        )
        const loads = members.map((one) => one.owned.length)
        assert.ok(Math.max(...loads) - Math.min(...loads) <= 1, `uneven: ${loads.join()}`)
        const again = round(members, counts, generation + 3)
        assert.deepEqual(
          again.map((one) => one.owned.map(partitionId).sort()),
          members.map((one) => one.owned.map(partitionId).sort()),
          'it does not come to rest',
        )
      }
    }),
  )
})
