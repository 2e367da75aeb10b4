import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drawOddValue, oddThenables, oddValues } from '../../../src/testing/hostile/values.ts'
import { seededEntropy } from '../../../src/testing/virtual-time/seeded-entropy.ts'

test('odd values have unique names, and each can be made again and again', () => {
  const { random } = seededEntropy(1)
  const names = [...oddValues, ...oddThenables].map(({ name }) => name)
  assert.equal(new Set(names).size, names.length)
  for (const { make } of oddValues) for (let i = 0; i < 3; i++) make(random)
  assert.ok(names.length >= 80, `${names.length} kinds`)
})

test('equal seeds draw equal odd values', () => {
  const drawn = (seed: number): readonly string[] => {
    const { random } = seededEntropy(seed)
    return Array.from({ length: 200 }, () => drawOddValue(random).name)
  }
  assert.deepEqual(drawn(7), drawn(7))
  assert.ok(new Set(drawn(7)).size > 60)
})
