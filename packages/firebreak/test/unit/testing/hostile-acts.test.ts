import assert from 'node:assert/strict'
import { test } from 'node:test'
import { actsOn, drawAct, hostileActs } from '../../../src/testing/hostile/acts.ts'
import { seededEntropy } from '../../../src/testing/virtual-time/seeded-entropy.ts'

test('acts have names of their own, in one form', () => {
  const names = hostileActs.map(({ name }) => name)
  assert.deepEqual(
    names.filter((name, i) => names.indexOf(name) !== i),
    [],
  )
  assert.deepEqual(
    names.filter((name) => !/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)),
    [],
  )
})

test('an act that needs an engine is not played on the other one', () => {
  assert.ok(actsOn('sqlite').every(({ needs }) => needs !== 'postgres'))
  assert.ok(actsOn('postgres').every(({ needs }) => needs !== 'sqlite'))
  assert.equal(new Set([...actsOn('sqlite'), ...actsOn('postgres')]).size, hostileActs.length)
})

test('every group is drawn as often as the others, and equal seeds draw the same', () => {
  const draw = (seed: number): readonly string[] => {
    const entropy = seededEntropy(seed)
    return Array.from({ length: 6000 }, () => drawAct(hostileActs, entropy).group)
  }
  const counts = Map.groupBy(draw(1), (group) => group)
  assert.deepEqual([...counts.keys()].sort(), [...new Set(hostileActs.map(({ group }) => group))].sort())
  for (const [group, { length }] of counts) assert.ok(length > 800 && length < 1200, `${group} ${length} times`)
  assert.deepEqual(draw(7), draw(7))
})
