import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRecordsBatch, Reader, readRecordsBatch } from '@platformatic/kafka'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import type { LogEntry, LogRecord } from '../../../src/contracts/log.ts'
import type { Compression } from '../../../src/kafka/cluster/kafka-options.ts'
import { FetchedRecords } from '../../../src/kafka/protocol/record-batch-reader.ts'
import {
  BatchWriter,
  checksum,
  encodedBytesMax,
  payloadBytes,
} from '../../../src/kafka/protocol/record-batch-writer.ts'
import { toRfc3339 } from '../../../src/node/clock.ts'
import { exactOf } from '../../../src/testing/conformance/exact-record.ts'

const origin = { partition: { topic: 't', partition: 3 }, path: 'kafka' }
const producer = { id: 7n, epoch: 2, sequence: 40 }
const atMs = 1_700_000_000_000

const odd: readonly LogRecord[] = [
  { topic: 't', key: 'plain', value: Buffer.from('{"a":1}'), headers: { ce_type: 'order.placed', b: 'c' } },
  { topic: 't', key: null, value: null, headers: {} },
  { topic: 't', key: '', value: new Uint8Array(), headers: { '': '' } },
  { topic: 't', key: 'Straße-日本-🚚', value: Buffer.from('🚚'), headers: { ce_type: 'order.placed', ort: 'Köln' } },
  { topic: 't', key: 'x'.repeat(5000), value: Buffer.alloc(20_000, 7), headers: { long: 'é'.repeat(300) } },
]

function written(records: readonly LogRecord[], compression: Compression = 'none'): Buffer {
  const writer = new BatchWriter(atMs, 64)
  for (const [i, record] of records.entries())
    writer.append(record, atMs + i * 1000, encodedBytesMax(record, payloadBytes(record)))
  return Buffer.from(writer.finish(producer, compression))
}

/** The batch as a broker hands it out. */
function at(batch: Buffer, offset: number): Buffer {
  batch.writeBigInt64BE(BigInt(offset), 0)
  return batch
}

function readAll(fetched: FetchedRecords, from = 0): LogEntry[] {
  const entries: LogEntry[] = []
  while (fetched.read(entries, from, 2));
  return entries
}

const values = (entries: readonly LogEntry[]): string[] => entries.map(({ value }) => String(value))
const record = (value: string): LogRecord => ({ topic: 't', key: null, value: Buffer.from(value), headers: {} })

for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
  test(`what is written with compression ${compression} is read as it was`, () => {
    const fetched = new FetchedRecords(origin, at(written(odd, compression), 100), [])
    assert.equal(fetched.nextOffset, 105)
    const plain = ({ key, value, headers }: Pick<LogRecord, 'key' | 'value' | 'headers'>): unknown => ({
      key,
      value: value === null ? null : [...value],
      headers: { ...headers },
    })
    const entries = readAll(fetched)
    assert.deepEqual(entries.map(plain), odd.map(plain))
    assert.deepEqual(
      entries.map((entry) => [entry.offset, entry.atMs]),
      odd.map((_, i) => [100 + i, atMs + i * 1000]),
    )
  })
}

test('the client reads our batches and we read its', () => {
  const theirs = readRecordsBatch(Reader.from(written(odd)))
  assert.equal(theirs.producerId, 7n)
  assert.equal(theirs.firstSequence, 40)
  assert.deepEqual(
    theirs.records.map(({ key }) => key && String(key)),
    odd.map(({ key }) => key),
  )
  const batch = createRecordsBatch([
    { topic: 't', partition: 0, key: Buffer.from('k'), value: Buffer.from('v'), headers: new Map(), timestamp: 5n },
  ] as never)
  const [entry] = readAll(new FetchedRecords(origin, Buffer.from(batch.buffer), []))
  assert.deepEqual([entry?.key, String(entry?.value), entry?.atMs], ['k', 'v', 5])
})

test('a time that no clock shows is read as the nearest one that a date holds', () => {
  const times = [2n ** 63n - 1n, -1n, -(2n ** 63n), 8_640_000_000_000_001n].map((timestamp) => {
    const batch = createRecordsBatch([
      { topic: 't', partition: 0, key: Buffer.from('k'), value: Buffer.from('v'), headers: new Map(), timestamp },
    ] as never)
    return readAll(new FetchedRecords(origin, Buffer.from(batch.buffer), []))[0]?.atMs ?? Number.NaN
  })
  assert.deepEqual(times, [8.64e15, -1, -8.64e15, 8.64e15])
  assert.deepEqual(times.map(toRfc3339), [
    '+275760-09-13T00:00:00.000Z',
    '1969-12-31T23:59:59.999Z',
    '-271821-04-20T00:00:00.000Z',
    '+275760-09-13T00:00:00.000Z',
  ])
})

test('a size that is promised is never exceeded', () => {
  for (const one of odd) {
    const writer = new BatchWriter(0, 1)
    const before = writer.sizeBytes
    const max = encodedBytesMax(one, payloadBytes(one))
    writer.append(one, 2 ** 40, max)
    assert.ok(writer.sizeBytes - before <= max, `${writer.sizeBytes - before} > ${max}`)
  }
})

test('a part of a batch holds its records as they were, with their times', () => {
  for (const kept of [[0], [4], [1, 3], [0, 1, 2, 3, 4], []]) {
    const writer = new BatchWriter(atMs, 64)
    // Earlier and much later than the first too: their times take more bytes.
    const times = [0, -5000, 70, 2 ** 40, 1].map((ms) => atMs + ms)
    for (const [i, one] of odd.entries()) writer.append(one, times[i] ?? 0, encodedBytesMax(one, payloadBytes(one)))
    const part = writer.only((i) => kept.includes(i))
    assert.equal(part.count, kept.length)
    const entries = readAll(new FetchedRecords(origin, Buffer.from(part.finish(producer, 'none')), []))
    const plain = ({ key, value, headers }: Pick<LogRecord, 'key' | 'value' | 'headers'>): unknown => ({
      key,
      value: value && [...value],
      headers: { ...headers },
    })
    assert.deepEqual(
      entries.map(({ atMs: ms, offset, ...one }) => [ms, offset, plain(one)]),
      kept.map((place, i) => [times[place], i, plain(odd[place] as LogRecord)]),
    )
  }
})

test('a batch that is cut off waits for the next fetch', () => {
  const whole = at(written([record('a')]), 0)
  const cut = at(written([record('b')]), 1).subarray(0, 65)
  const fetched = new FetchedRecords(origin, Buffer.concat([whole, cut]), [])
  assert.equal(fetched.nextOffset, 1)
  assert.deepEqual(values(readAll(fetched)), ['a'])
  assert.equal(new FetchedRecords(origin, cut, []).sizeBytes, 0)
})

test('records before the position are left out', () => {
  const fetched = new FetchedRecords(origin, at(written(['a', 'b', 'c'].map(record)), 10), [])
  assert.deepEqual(values(readAll(fetched, 12)), ['c'])
})

test('a batch whose bytes changed is named with its place', () => {
  const batch = at(written([record('a'), record('b')]), 77)
  batch[batch.length - 1] = (batch[batch.length - 1] ?? 0) ^ 1
  assert.throws(
    () => readAll(new FetchedRecords(origin, batch, [])),
    (error) => {
      assert.ok(isFirebreakError(error, 'FB_LOG_CORRUPT'))
      const { topic, partition, offset } = error.detail
      assert.deepEqual({ topic, partition, offset }, { topic: 't', partition: 3, offset: 77 })
      return true
    },
  )
})

test('lengths that point outside are an error and not a hang', () => {
  for (let damage = 61; damage < 75; damage++) {
    for (const byte of [0x7f, 0xff]) {
      const batch = at(written([record('a'), record('b')]), 5)
      batch[damage] = byte
      batch.writeUInt32BE(checksum(batch.subarray(21)), 17)
      try {
        assert.ok(readAll(new FetchedRecords(origin, batch, [])).length <= 2)
      } catch (error) {
        assert.ok(isFirebreakError(error, 'FB_LOG_CORRUPT'), String(error))
      }
    }
  }
})

test('foreign records never fail: bytes that are no text, headers twice, headers without a value', () => {
  const batch = createRecordsBatch([
    {
      topic: 't',
      partition: 0,
      key: Buffer.from([0xff, 0xfe, 0x41]),
      value: Buffer.from([0x80]),
      headers: new Map<Buffer, Buffer | null>([
        [Buffer.from('twice'), Buffer.from('first')],
        [Buffer.from('twice'), Buffer.from('last')],
        [Buffer.from('binary'), Buffer.from([0xc3])],
        [Buffer.from('none'), null],
        [Buffer.from('__proto__'), Buffer.from('x')],
      ]),
    },
  ] as never)
  const [entry] = readAll(new FetchedRecords(origin, Buffer.from(batch.buffer), []))
  assert.equal(entry?.key, '\ufffd\ufffdA')
  assert.deepEqual([...(entry?.value ?? [])], [0x80])
  assert.deepEqual({ ...entry?.headers }, { twice: 'last', binary: '\ufffd', none: '', ['__proto__']: 'x' })
  assert.deepEqual(exactOf(entry as LogEntry), {
    key: '\xff\xfeA',
    value: '\x80',
    headers: [
      ['twice', 'first'],
      ['twice', 'last'],
      ['binary', '\xc3'],
      ['none', null],
      ['__proto__', 'x'],
    ],
  })
})

test('of records one after the other, each keeps what text cannot say of it, and nothing of its neighbours', () => {
  const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1')
  const header = (name: string, value: string | null) => ({
    name: bytes(name),
    value: value === null ? null : bytes(value),
  })
  const sets = [
    [header('a', '1'), header('b', '2')],
    [header('a', '1'), header('a', '2')],
    [header('a', '1'), header('a', '2')],
    [header('a', '1'), header('b', '2')],
    [header('a', '\xff'), header('b', null)],
    [header('a', '\xff'), header('b', null)],
    [header('a', '1'), header('b', '')],
    [header('7', '1'), header('b', '2')],
    [header('7', '1'), header('b', '2')],
    [header('b', '1')],
  ]
  const sent = sets.map((headers): LogRecord => ({ ...record('v'), key: 'k', original: { headers } }))
  const entries = readAll(new FetchedRecords(origin, at(written(sent), 0), []))
  assert.deepEqual(entries.map(exactOf), sent.map(exactOf))
  assert.deepEqual(
    entries.map(({ original }) => original?.headers?.length ?? 0),
    [0, 2, 2, 0, 2, 2, 0, 2, 2, 0],
  )
})

const transactional = 1 << 4
const control = 1 << 5

/** A batch of a transaction, or the marker that ends it. */
function ofTransaction(producerId: bigint, offset: number, what: string | 'COMMIT' | 'ABORT'): Buffer {
  const isMarker = what === 'COMMIT' || what === 'ABORT'
  const key = isMarker ? `\0\0\0${what === 'COMMIT' ? '\x01' : '\0'}` : 'k'
  const writer = new BatchWriter(atMs, 64)
  writer.append({ topic: 't', key, value: Buffer.from(what), headers: {} }, atMs, 200)
  const batch = at(writer.finish({ id: producerId, epoch: 0, sequence: 0 }, 'none'), offset)
  batch.writeInt16BE(transactional | (isMarker ? control : 0), 21)
  batch.writeUInt32BE(checksum(batch.subarray(21)), 17)
  return batch
}

test('a marker that compaction has left without its record ends nothing, and is not read beyond its end', () => {
  const marker = ofTransaction(1n, 1, 'ABORT').subarray(0, 61)
  marker.writeInt32BE(61 - 12, 8)
  marker.writeInt32BE(0, 57)
  marker.writeUInt32BE(checksum(marker.subarray(21)), 17)
  const aborted = [{ producerId: 1n, firstOffset: 0 }]
  const before = ofTransaction(1n, 0, 'aborted')
  assert.deepEqual(readAll(new FetchedRecords(origin, Buffer.concat([before, marker]), aborted)), [])
  const behind = ofTransaction(1n, 2, 'aborted too')
  assert.deepEqual(readAll(new FetchedRecords(origin, Buffer.concat([before, marker, behind]), aborted)), [])
})

test('aborted transactions are left out, also two of one producer and one whose end has not come', () => {
  const batches = [
    ofTransaction(1n, 0, 'aborted once'),
    ofTransaction(2n, 1, 'committed'),
    ofTransaction(1n, 2, 'ABORT'),
    ofTransaction(1n, 3, 'committed between'),
    ofTransaction(1n, 4, 'COMMIT'),
    ofTransaction(2n, 5, 'COMMIT'),
    at(written([record('plain')]), 6),
    ofTransaction(1n, 7, 'aborted twice'),
    ofTransaction(1n, 8, 'ABORT'),
    ofTransaction(3n, 9, 'aborted, its marker is in another fetch'),
  ]
  const aborted = [
    { producerId: 3n, firstOffset: 9 },
    { producerId: 1n, firstOffset: 7 },
    { producerId: 1n, firstOffset: 0 },
  ]
  const fetched = new FetchedRecords(origin, Buffer.concat(batches), aborted)
  assert.deepEqual(values(readAll(fetched)), ['committed', 'committed between', 'plain'])
  assert.equal(fetched.nextOffset, 10)
})
