/**
 * Where a key lives: the default partitioner of Kafka's clients, on every engine, so that a topic can move to Kafka and
 * every key stays in its partition.
 *
 * **Source** org.apache.kafka.common.utils.Utils.murmur2 and toPositive
 */
export function partitionOfKey(key: string | Uint8Array, count: number): number {
  return (murmur2(key) & 0x7fffffff) % count
}

const seed = 0x9747b28c
const factor = 0x5bd1e995

/** Over the key's bytes, in UTF-8 where it is text; a signed 32-bit number, as in Java. */
export function murmur2(key: string | Uint8Array): number {
  if (typeof key !== 'string') return hash(key.length, (at) => key[at] ?? 0)
  // Nearly every key is ASCII, where a character is its byte: encoding it first would cost more than the hash.
  for (let i = 0; i < key.length; i++) {
    if (key.charCodeAt(i) > 127) {
      const bytes = new TextEncoder().encode(key)
      return hash(bytes.length, (at) => bytes[at] ?? 0)
    }
  }
  return hash(key.length, (at) => key.charCodeAt(at))
}

function hash(length: number, byte: (at: number) => number): number {
  let h = seed ^ length
  let at = 0
  for (; at + 4 <= length; at += 4) {
    let k = byte(at) | (byte(at + 1) << 8) | (byte(at + 2) << 16) | (byte(at + 3) << 24)
    k = Math.imul(k, factor)
    k ^= k >>> 24
    h = Math.imul(h, factor) ^ Math.imul(k, factor)
  }
  const left = length - at
  if (left > 0) {
    if (left > 2) h ^= byte(at + 2) << 16
    if (left > 1) h ^= byte(at + 1) << 8
    h = Math.imul(h ^ byte(at), factor)
  }
  h = Math.imul(h ^ (h >>> 13), factor)
  return (h ^ (h >>> 15)) | 0
}
