import assert from 'node:assert/strict'
import test from 'node:test'
import { alternately, Rounds } from '../../../bench/common/suite.ts'

test('what is compared is measured in the other order every other round', async () => {
  const order: string[] = []
  const taking = (name: string) => async (): Promise<void> => void order.push(name)
  for (const round of [1, 2, 3]) await alternately(round, [taking('bare'), taking('ours')])
  assert.deepEqual(order, ['bare', 'ours', 'ours', 'bare', 'bare', 'ours'])
})

test('a ratio is that of each round, and the median of those counts', () => {
  const seen = new Rounds()
  // The machine was slow in the second round, for both.
  for (const rate of [100, 10, 90]) seen.add('bare', rate)
  for (const rate of [80, 9, 81]) seen.add('ours', rate)
  assert.deepEqual(seen.ratios('toBare', 'ours', 'bare'), { toBare: 0.9, toBareMin: 0.8, toBareMax: 0.9 })
  assert.deepEqual(seen.all()['toBare'], [0.8, 0.9, 0.9])
})

test('the median stands between the least and the most that was seen', () => {
  const seen = new Rounds()
  for (const p99 of [1.5, 0.8, 1.04]) seen.add('p99', p99)
  assert.deepEqual(seen.spread('p99'), { p99: 1.04, p99Min: 0.8, p99Max: 1.5 })
  // With a round more, neither of the two in the middle is favoured.
  seen.add('p99', 1)
  assert.equal(seen.median('p99'), 1.02)
})
