import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ProducePlan, planProduce, type Sendable } from '../../../src/kafka/producer/produce-plan.ts'
import { type ProduceVerdict, produceVerdict } from '../../../src/kafka/producer/produce-verdict.ts'

interface Queue extends Sendable {
  readonly id: string
  readonly node: number | undefined
}

const now = 1000
const megabyte = 1024 * 1024
const queue = (id: string, rest: Partial<Queue> = {}): Queue => ({ id, node: 1, notBeforeMs: 0, nextBytes: 1, ...rest })

const plan = (queues: readonly Queue[], inFlight: ReadonlyMap<number, number> = new Map()): ProducePlan<Queue> =>
  planProduce({ nowMs: now, queues, leaderOf: ({ node }) => node, inFlight })
const requests = (planned: ProducePlan<Queue>): readonly string[] =>
  [...planned.requests].map(([node, queues]) => `${node}: ${queues.map(({ id }) => id)}`)

test('each leader gets one request with all that may go', () => {
  const planned = plan([queue('a'), queue('b', { node: 2 }), queue('c'), queue('d', { node: undefined })])
  assert.deepEqual(requests(planned), ['1: a,c', '2: b'])
  assert.deepEqual(
    planned.leaderless.map(({ id }) => id),
    ['d'],
  )
  assert.equal(planned.againAtMs, Number.POSITIVE_INFINITY)
})

test('what waits after a failure goes when it is time', () => {
  const planned = plan([queue('a', { notBeforeMs: now + 7 }), queue('b', { notBeforeMs: now + 5 }), queue('c')])
  assert.deepEqual(requests(planned), ['1: c'])
  assert.equal(planned.againAtMs, now + 5)
})

test('a request is bounded, but for one batch that is larger; the rest goes at once', () => {
  const planned = plan([queue('a', { nextBytes: 5 * megabyte }), queue('b', { nextBytes: 5 * megabyte })])
  assert.deepEqual(requests(planned), ['1: a'])
  assert.equal(planned.againAtMs, now)
  assert.deepEqual(requests(plan([queue('a', { nextBytes: 20 * megabyte })])), ['1: a'])
})

test('no more than four requests to a node are in flight', () => {
  assert.deepEqual(requests(plan([queue('a')], new Map([[1, 3]]))), ['1: a'])
  assert.deepEqual(requests(plan([queue('a')], new Map([[1, 4]]))), [])
})

/** By error code, for a batch of two records and of one. */
const verdicts: readonly [number, ProduceVerdict, ProduceVerdict][] = [
  [0, 'stored', 'stored'],
  // LEADER_NOT_AVAILABLE, NOT_ENOUGH_REPLICAS
  [5, 'retry', 'retry'],
  [19, 'retry', 'retry'],
  [45, 'retry-in-new-epoch', 'retry-in-new-epoch'],
  [47, 'retry-as-new-producer', 'retry-as-new-producer'],
  [59, 'retry-as-new-producer', 'retry-as-new-producer'],
  [10, 'split', 'too-large'],
  [18, 'split', 'too-large'],
  [32, 'split', 'refused'],
  [87, 'split', 'refused'],
  [29, 'denied', 'denied'],
  [76, 'denied', 'denied'],
]

for (const [errorCode, ofTwo, ofOne] of verdicts)
  test(`error code ${errorCode} of a batch means ${ofTwo}, of a single record ${ofOne}`, () => {
    assert.equal(produceVerdict(errorCode, 2), ofTwo)
    assert.equal(produceVerdict(errorCode, 1), ofOne)
  })
