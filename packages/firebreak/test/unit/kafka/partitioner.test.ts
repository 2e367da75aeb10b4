import assert from 'node:assert/strict'
import { test } from 'node:test'
import { murmur2, partitionOfKey } from '../../../src/contracts/partitioner.ts'

// Printed by org.apache.kafka.common.utils.Utils of kafka-clients 4.3.1: murmur2, then toPositive modulo 6 and 7.
const java: readonly [key: string, hash: number, of6: number, of7: number][] = [
  ['', 275646681, 3, 2],
  ['a', -1563381124, 4, 5],
  ['ab', 316155434, 2, 0],
  ['abc', 479470107, 3, 4],
  ['abcd', -1323649548, 2, 5],
  ['abcde', 461995741, 1, 4],
  ['21', -973932308, 0, 3],
  ['foobar', -790332482, 0, 0],
  ['a-little-bit-longer-string', -1486304829, 5, 0],
  ['a-little-bit-longer-string-\u00e9', -746165957, 3, 4],
  ['Stra\u00dfe', 403542409, 1, 4],
  ['\ud83d\ude9a', 1093365782, 2, 5],
  ['key-0', 29210041, 1, 0],
  ['key-1', 193331640, 0, 5],
  ['key-999', -1349681240, 0, 4],
  ['0190a4b2-7c1e-7000-8000-000000000001', -1660345965, 5, 4],
  ['\u65e5\u672c\u8a9e', 1431860170, 4, 6],
  ['\u0000', 375494588, 2, 0],
  ['\u007f\u0080', 10196938, 4, 3],
]

test('a key lives where the partitioner of the Java client puts it', () => {
  for (const [key, hash, of6, of7] of java) {
    assert.equal(murmur2(key), hash, JSON.stringify(key))
    assert.equal(partitionOfKey(key, 6), of6)
    assert.equal(partitionOfKey(key, 7), of7)
  }
})
