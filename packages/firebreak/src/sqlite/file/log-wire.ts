/**
 * The frames between a client and the owner of a log; the same bytes on a socket and on a MessagePort.
 *
 *     frame    = length:u32 type:u8 id:u32 payload          length counts what follows it; little-endian throughout
 *     payload  = append | appended | nudge | json           json: UTF-8, for everything that is not on the hot path
 *     append   = producer:f64 seq:f64 atMs:f64 count:u32 record*
 *     record   = partition:u32 value:i32 key:i32 headers:u32 original:u32 bytes
 *                lengths, -1 for null, 0 for no headers or no original; headers as JSON, `original` as in contracts/original.ts
 *     appended = (partition:u32 first:f64)*                 records of one batch lie next to each other in a partition
 *     nudge    = (partition:u32 next:f64)*
 *
 * `id` pairs a request with its answer, 0 where none is expected. `partition` is the id in table `partitions`.
 */
export const wire = {
  append: 1,
  ensureTopics: 2,
  join: 3,
  release: 4,
  commit: 5,
  leave: 6,
  sweep: 7,
  bye: 8,
  hello: 9,
  members: 10,
  appended: 64,
  done: 65,
  failed: 66,
  nudge: 67,
  assign: 68,
} as const

/** Both sides must speak the same; the first frame of a connection says which. */
export const protocolVersion = 3
export const frameBytesMax: number = 64 * 1024 * 1024
export const headBytes = 9
export const appendHeadBytes = 28
export const recordHeadBytes = 20

export const frameType = (frame: Buffer): number => frame.readUInt8(4)
export const frameId = (frame: Buffer): number => frame.readUInt32LE(5)

/** Fills in the head of a frame whose payload is in place. */
export function seal(frame: Buffer, type: number, id: number): Buffer {
  frame.writeUInt32LE(frame.length - 4, 0)
  frame.writeUInt8(type, 4)
  frame.writeUInt32LE(id, 5)
  return frame
}

export function jsonFrame(type: number, id: number, value: unknown): Buffer {
  const text = JSON.stringify(value)
  const frame = Buffer.allocUnsafe(headBytes + Buffer.byteLength(text))
  frame.write(text, headBytes)
  return seal(frame, type, id)
}

export const readJson = (frame: Buffer): unknown => JSON.parse(frame.toString('utf8', headBytes))

export function offsetsFrame(type: number, id: number, offsets: ReadonlyMap<number, number>): Buffer {
  const frame = Buffer.allocUnsafe(headBytes + offsets.size * 12)
  let at = headBytes
  for (const [partition, offset] of offsets) {
    frame.writeUInt32LE(partition, at)
    frame.writeDoubleLE(offset, at + 4)
    at += 12
  }
  return seal(frame, type, id)
}

export function readOffsets(frame: Buffer): Map<number, number> {
  const offsets = new Map<number, number>()
  for (let at = headBytes; at + 12 <= frame.length; at += 12) {
    offsets.set(frame.readUInt32LE(at), frame.readDoubleLE(at + 4))
  }
  return offsets
}

/** Cuts a byte stream into frames. `false` means that what came is no frame: the connection must go. */
export function createSplitter(deliver: (frame: Buffer) => void): (chunk: Buffer) => boolean {
  let parts: Buffer[] = []
  let held = 0
  let need = 4
  return (chunk) => {
    parts.push(chunk)
    held += chunk.length
    // Joining only when a frame is complete keeps a large frame in many chunks linear.
    if (held < need) return true
    let bytes = parts.length === 1 ? chunk : Buffer.concat(parts, held)
    need = 4
    while (bytes.length >= 4) {
      const length = bytes.readUInt32LE(0)
      if (length < headBytes - 4 || length > frameBytesMax) return false
      need = length + 4
      if (bytes.length < need) break
      deliver(bytes.subarray(0, need))
      bytes = bytes.subarray(need)
      need = 4
    }
    parts = bytes.length === 0 ? [] : [bytes]
    held = bytes.length
    return true
  }
}

/** Whether the lengths inside an append frame add up; checked before anything of it is written. */
export function isAppendSound(frame: Buffer, knows: (partition: number) => boolean): boolean {
  if (frame.length < headBytes + appendHeadBytes) return false
  for (let at = headBytes; at < headBytes + 24; at += 8) if (!Number.isSafeInteger(frame.readDoubleLE(at))) return false
  const count = frame.readUInt32LE(headBytes + 24)
  let at = headBytes + appendHeadBytes
  for (let i = 0; i < count; i++) {
    if (at + recordHeadBytes > frame.length) return false
    const value = frame.readInt32LE(at + 4)
    const key = frame.readInt32LE(at + 8)
    if (key < -1 || value < -1 || !knows(frame.readUInt32LE(at))) return false
    const more = frame.readUInt32LE(at + 12) + frame.readUInt32LE(at + 16)
    at += recordHeadBytes + Math.max(key, 0) + Math.max(value, 0) + more
  }
  return at <= frame.length
}
