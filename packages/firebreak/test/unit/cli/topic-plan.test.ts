import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TopicInfo, TopicSpec } from '../../../src/contracts/log.ts'
import { topicPlan } from '../../../src/define/topic-plan.ts'

const day = 86_400_000

const spec = (name: string, partitions: number, days = 7): TopicSpec => ({ name, partitions, retentionMs: days * day })
const info = (name: string, partitions: number, days = 7): TopicInfo => ({
  name,
  partitions,
  retentionMs: days * day,
  retentionBytes: Number.POSITIVE_INFINITY,
  recordBytesMax: 1_000_000,
  ends: [],
})
const only = (declared: readonly TopicSpec[], found: readonly TopicInfo[]) => {
  const { topics } = topicPlan(declared, found)
  assert.equal(topics.length, 1)
  return topics[0] ?? assert.fail()
}

test('a topic that the log does not have is to be created as declared', () => {
  const { state, declared, found } = only([spec('orders', 3, 2)], [])
  assert.deepEqual([state, declared, found], ['create', spec('orders', 3, 2), null])
})

test('a topic as declared is fine', () => {
  const { state, remarks } = only([spec('orders', 3)], [info('orders', 3)])
  assert.deepEqual([state, remarks], ['fine', []])
})

test('fewer partitions than declared are a mismatch, in the words of the error that services would start with', () => {
  const { state, remarks } = only([spec('orders', 6)], [info('orders', 3)])
  assert.equal(state, 'mismatch')
  assert.match(remarks.join(), /^topic orders has 3 partitions, the definition says 6: The number is fixed/)
})

test('more partitions than declared are told, and services start with them', () => {
  const { state, remarks } = only([spec('orders', 3)], [info('orders', 6)])
  assert.equal(state, 'differs')
  assert.match(remarks.join(), /it has 6 partitions, more than the 3 declared/)
})

test('another retention is told in the direction in which it differs', () => {
  const shorter = only([spec('orders', 3, 7)], [info('orders', 3, 1)])
  const longer = only([spec('orders', 3, 7)], [info('orders', 3, Number.POSITIVE_INFINITY)])
  assert.deepEqual([shorter.state, longer.state], ['differs', 'differs'])
  assert.match(shorter.remarks.join(), /kept shorter than declared/)
  assert.match(longer.remarks.join(), /kept longer than declared/)
})

test('what nobody declares about a topic cannot differ', () => {
  assert.equal(only([{ name: 'orders' }], [info('orders', 1, 1)]).state, 'fine')
})

test('several declarations of one topic are one, with the most partitions and the longest retention', () => {
  const { declared } = only([spec('orders', 3, 7), spec('orders', 6, 1), { name: 'orders' }], [])
  assert.deepEqual(declared, spec('orders', 6, 7))
})

test('topics are in order of name, and those that nobody declares stand apart', () => {
  const found = [info('zebra', 1), info('invoices', 1), info('apple', 1)]
  const { topics, others } = topicPlan([spec('orders', 1), spec('invoices', 1)], found)
  assert.deepEqual(
    topics.map(({ name }) => name),
    ['invoices', 'orders'],
  )
  assert.deepEqual(others, ['apple', 'zebra'])
})
