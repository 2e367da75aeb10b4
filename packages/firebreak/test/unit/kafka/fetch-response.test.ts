import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Reader, Writer } from '@platformatic/kafka'
import { readFetchResponse } from '../../../src/kafka/protocol/fetch-response.ts'

const topicId = '00000000-0000-0000-0000-000000000001'
// Compact arrays and bytes say their length plus one, tags how many there are.
const compact = (length: number): number => length + 1
const noTags = 0

test('each field of an answer is read from its place', () => {
  const records = Buffer.from('records')
  const answer = Writer.create()
    // Throttle time, error, session.
    .appendInt32(11)
    .appendInt16(12)
    .appendInt32(13)
    .appendUnsignedVarInt(compact(1))
    .appendUUID(topicId)
    .appendUnsignedVarInt(compact(1))
    // Partition, error, high watermark, last stable offset, start of the log.
    .appendInt32(3)
    .appendInt16(6)
    .appendInt64(70n)
    .appendInt64(60n)
    .appendInt64(50n)
    // An aborted transaction: producer, first offset.
    .appendUnsignedVarInt(compact(1))
    .appendInt64(8n)
    .appendInt64(55n)
    .appendUnsignedVarInt(noTags)
    // The replica to be preferred.
    .appendInt32(-1)
    .appendUnsignedVarInt(compact(records.length))
    .append(records)
    // Where the log parted, as a tag: epoch, end offset.
    .appendUnsignedVarInt(1)
    .appendUnsignedVarInt(0)
    .appendUnsignedVarInt(13)
    .appendInt32(4)
    .appendInt64(57n)
    .appendUnsignedVarInt(noTags)
    .appendUnsignedVarInt(noTags)
    .appendUnsignedVarInt(noTags)
  assert.deepEqual(readFetchResponse(Reader.from(answer.buffer)), {
    errorCode: 12,
    partitions: [
      {
        topicId,
        partition: 3,
        errorCode: 6,
        divergedAt: 57,
        // What lies between it and the high watermark belongs to a transaction that is open, and brings no answer.
        stableEnd: 60,
        aborted: [{ producerId: 8n, firstOffset: 55 }],
        records,
      },
    ],
  })
})
