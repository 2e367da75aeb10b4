import assert from 'node:assert/strict'
import { test } from 'node:test'
import { murmur2, partitionOfKey } from '../../../src/contracts/partitioner.ts'

test('murmur2 equals the vectors of Kafka', () => {
  const vectors: Record<string, number> = {
    '21': -973932308,
    foobar: -790332482,
    'a-little-bit-long-string': -985981536,
    'a-little-bit-longer-string': -1486304829,
    lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8: -58897971,
    abc: 479470107,
  }
  for (const [key, hash] of Object.entries(vectors)) assert.equal(murmur2(key), hash, key)
})

test('a key outside ASCII is hashed over its UTF-8 bytes', () => {
  const bytes = (text: string): string => String.fromCharCode(...Buffer.from(text))
  assert.notEqual(murmur2('é'), murmur2('e'))
  assert.equal(murmur2('é'), murmur2Reference(Buffer.from('é')))
  assert.equal(murmur2('日本-🚚-x'), murmur2Reference(Buffer.from('日本-🚚-x')))
  assert.notEqual(murmur2(bytes('é')), murmur2('é'))
})

test('every partition is in range, also for negative hashes', () => {
  for (let i = 0; i < 1000; i++) {
    const partition = partitionOfKey(`key-${i}`, 7)
    assert.ok(partition >= 0 && partition < 7)
  }
})

// Written apart from the library, over BigInt, byte by byte.
function murmur2Reference(data: Uint8Array): number {
  const m = 0x5bd1e995n
  const cut = (n: bigint): bigint => n & 0xffffffffn
  let h = cut(0x9747b28cn ^ BigInt(data.length))
  const whole = data.length - (data.length % 4)
  for (let i = 0; i < whole; i += 4) {
    let k = [0, 1, 2, 3].reduce((sum, j) => sum | (BigInt(data[i + j]!) << BigInt(8 * j)), 0n)
    k = cut(k * m)
    k = cut((k ^ (k >> 24n)) * m)
    h = cut(h * m) ^ k
  }
  for (let j = data.length - whole - 1; j >= 0; j--) h ^= BigInt(data[whole + j]!) << BigInt(8 * j)
  if (whole < data.length) h = cut(h * m)
  h = cut((h ^ (h >> 13n)) * m)
  return Number(BigInt.asIntN(32, h ^ (h >> 15n)))
}
