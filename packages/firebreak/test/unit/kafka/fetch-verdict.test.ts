import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type FetchVerdict,
  fetchVerdict,
  rangeVerdict,
  topicVerdict,
} from '../../../src/kafka/reading/fetch-verdict.ts'

/** By the error code of the answer. */
const verdicts: readonly [number, FetchVerdict][] = [
  [0, 'accept'],
  [1, 'find-range'],
  [2, 'corrupt'],
  [3, 'find-topic'],
  [100, 'find-topic'],
  [103, 'find-topic'],
  // NOT_LEADER_OR_FOLLOWER, FENCED_LEADER_EPOCH and UNKNOWN_LEADER_EPOCH: the leader has moved.
  [6, 'retry'],
  [74, 'retry'],
  [76, 'refused'],
  // TOPIC_AUTHORIZATION_FAILED
  [29, 'refused'],
]

for (const [errorCode, verdict] of verdicts)
  test(`error code ${errorCode} of a fetched partition means ${verdict}`, () =>
    assert.equal(fetchVerdict({ errorCode, divergedAt: undefined }), verdict))

test('a log that has diverged was truncated', () => {
  assert.equal(fetchVerdict({ errorCode: 0, divergedAt: 5 }), 'truncated')
})

test('an offset that is out of range goes on at the oldest record, never beyond the end', () => {
  assert.equal(rangeVerdict({ at: 2, first: 5, next: 9 }), 'continue-at-first')
  assert.equal(rangeVerdict({ at: 7, first: 5, next: 9 }), 'forget-epoch')
  assert.equal(rangeVerdict({ at: 9, first: 5, next: 9 }), 'forget-epoch')
  assert.equal(rangeVerdict({ at: 10, first: 5, next: 9 }), 'truncated')
})

test('a topic is another one by its id, and gone after ten failures', () => {
  assert.equal(topicVerdict('a', 'a', 20), 'same')
  assert.equal(topicVerdict(undefined, 'a', 0), 'same')
  assert.equal(topicVerdict('a', 'b', 0), 'another')
  assert.equal(topicVerdict('a', undefined, 9), 'missing')
  assert.equal(topicVerdict('a', undefined, 10), 'gone')
})
