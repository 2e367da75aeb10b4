import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { LogAges } from '../../../src/sqlite/file/log-ages.ts'
import { logFiles } from '../../../src/sqlite/file/log-files.ts'
import { trimChunk } from '../../../src/sqlite/file/log-retention.ts'
import { openWriter } from '../../../src/sqlite/file/log-schema.ts'
import { type LogStore, openStore } from '../../../src/sqlite/file/log-store.ts'
import {
  appendHeadBytes,
  createSplitter,
  headBytes,
  isAppendSound,
  jsonFrame,
  recordHeadBytes,
  seal,
  wire,
} from '../../../src/sqlite/file/log-wire.ts'
import { assignPartitions } from '../../../src/sqlite/owner/log-assign.ts'
import { createGroups, type GroupMember, type Groups } from '../../../src/sqlite/owner/log-groups.ts'
import { sqliteLog } from '../../../src/sqlite/sqlite-log.ts'
import { folder } from './log-processes.ts'

const anybody = { wants: () => true }

test('partitions are spread evenly, stay where they are, and move only for balance', () => {
  const six = [1, 2, 3, 4, 5, 6]
  const alone = assignPartitions(six, [{ member: 'a', ...anybody }], new Map())
  assert.deepEqual([...alone.get('a')!], six)
  const holders = new Map(six.map((partition) => [partition, 'a']))
  const two = assignPartitions(
    six,
    ['a', 'b'].map((member) => ({ member, ...anybody })),
    holders,
  )
  assert.deepEqual([...two.get('a')!], [1, 2, 3])
  assert.deepEqual([...two.get('b')!].sort(), [4, 5, 6])
  const many = assignPartitions(
    [1, 2],
    ['a', 'b', 'c'].map((member) => ({ member, ...anybody })),
    new Map([[1, 'c']]),
  )
  assert.deepEqual([...many.get('c')!], [1])
  assert.equal(
    [...many.values()].reduce((sum, share) => sum + share.size, 0),
    2,
  )
})

function member(name: string): GroupMember & { heard: { generation: number; partitions: number[] }[] } {
  const heard: { generation: number; partitions: number[] }[] = []
  return {
    group: 'g',
    name,
    ledger: null,
    topics: new Set(['t']),
    holds: new Set(),
    dropped: new Map(),
    lastAssigned: 'nothing',
    heard,
    assign: ({ generation, partitions }) => heard.push({ generation, partitions: partitions.map(([id]) => id) }),
  }
}

const groupsOf = (settled: boolean): Groups =>
  createGroups({ topicPartitions: () => [1, 2, 3, 4], committed: () => new Map() }, settled)
const fresh = { generation: 0, partitions: [] }

test('log-groups I1, I2: a partition reaches its next holder only after the release', () => {
  const groups = groupsOf(true)
  const [a, b] = [member('a'), member('b')]
  groups.join(a, fresh)
  groups.join(b, fresh)
  assert.deepEqual(a.heard.at(-1)?.partitions, [1, 2])
  assert.deepEqual(b.heard.at(-1)?.partitions, [])
  assert.ok(groups.holds(a, 3), 'it may still be committed')
  groups.release(a, a.heard.at(-1)!.generation)
  assert.deepEqual(b.heard.at(-1)?.partitions.sort(), [3, 4])
  assert.ok(!groups.holds(a, 3))
})

test('log-groups I3: a release of a drop that was taken back gives nothing away', () => {
  const groups = groupsOf(true)
  const [a, b, c] = [member('a'), member('b'), member('c')]
  groups.join(a, fresh)
  groups.join(b, fresh)
  const dropped = a.heard.at(-1)!.generation
  groups.leave(b)
  assert.deepEqual(a.heard.at(-1)?.partitions, [1, 2, 3, 4])
  groups.join(c, fresh)
  groups.release(a, dropped)
  assert.deepEqual(c.heard.at(-1)?.partitions, [], 'a has not seen that c is to have them')
  groups.release(a, a.heard.at(-1)!.generation)
  assert.deepEqual(c.heard.at(-1)?.partitions.sort(), [3, 4])
})

test('log-groups I4: after a takeover members keep what they claim, and the younger claim wins', () => {
  const groups = groupsOf(false)
  const [stale, a, b] = [member('stale'), member('a'), member('b')]
  groups.join(stale, { generation: 2, partitions: [1] })
  groups.join(a, { generation: 5, partitions: [1, 2] })
  assert.ok(groups.holds(a, 1) && !groups.holds(stale, 1))
  assert.deepEqual(stale.heard.at(-1)?.partitions, [])
  groups.join(b, { generation: 5, partitions: [3] })
  assert.deepEqual(b.heard.at(-1)?.partitions, [3])
  groups.settle()
  const heir = [stale, a, b].find((one) => groups.holds(one, 4))
  assert.ok(heir !== undefined && heir.heard.at(-1)!.generation > 5)
})

function appendFrame(producer: number, seq: number, partition: number, texts: readonly string[]): Buffer {
  const records = texts.map((text) => {
    const bytes = Buffer.alloc(recordHeadBytes + text.length)
    bytes.writeUInt32LE(partition, 0)
    bytes.writeInt32LE(text.length, 4)
    bytes.writeInt32LE(-1, 8)
    bytes.write(text, recordHeadBytes)
    return bytes
  })
  const frame = Buffer.concat([Buffer.alloc(headBytes + appendHeadBytes), ...records])
  frame.writeDoubleLE(producer, headBytes)
  frame.writeDoubleLE(seq, headBytes + 8)
  frame.writeDoubleLE(1000, headBytes + 16)
  frame.writeUInt32LE(texts.length, headBytes + 24)
  return seal(frame, wire.append, 1)
}

function store(path: string): LogStore {
  const database = join(path, 'log.db')
  return openStore(openWriter({ database, durability: 'full', pageCountMax: undefined }), database, 'full')
}

test('the file of the log is set up for safety: write-ahead log, full synchronous', (t) => {
  for (const [durability, level] of [
    ['full', 2],
    ['survives-process-crash-only', 1],
  ] as const) {
    const db = openWriter({ database: join(folder(t), 'log.db'), durability, pageCountMax: undefined })
    const pragma = (name: string): unknown => Object.values(db.prepare(`pragma ${name}`).get() ?? {})[0]
    assert.deepEqual([pragma('journal_mode'), pragma('synchronous')], ['wal', level])
    db.close()
  }
})

test('log-store I1: offsets go on after retention has taken all records and the file was opened again', (t) => {
  const path = folder(t)
  const first = store(path)
  first.ensureTopics([{ name: 't', partitions: 1, retentionMs: 10 }])
  first.write([appendFrame(1, 0, 1, ['a', 'b', 'c'])], [])
  assert.equal(trimChunk(first, first.partitions.get(1)!, 3), false)
  first.db.close()
  const second = store(path)
  assert.deepEqual([...second.write([appendFrame(1, 1, 1, ['d'])], [])[0]!], [[1, 3]])
  second.db.close()
})

test('log-ages I1: records are as old as the log has been at work since they came, whatever their dates say', (t) => {
  const path = folder(t)
  const [week, minute] = [7 * 24 * 3_600_000, 60_000]
  const first = store(path)
  first.ensureTopics([{ name: 't', partitions: 1, retentionMs: week }])
  const ages = new LogAges(first)
  ages.tick(0)
  // From a clock that stands at 1970, and from one that is a thousand years ahead.
  first.write([appendFrame(1, 0, 1, ['a'])], [])
  ages.tick(minute)
  assert.equal(ages.olderThan(1, minute), 0)
  ages.tick(2 * minute)
  assert.equal(ages.olderThan(1, minute), 1)
  // One record in ten minutes.
  for (let n = 1; n <= 500; n++) {
    first.write([appendFrame(1, n, 1, ['b'])], [])
    ages.tick(10 * n * minute)
  }
  const marks = Number(first.db.prepare('SELECT count(*) AS n FROM ages').get()?.['n'])
  assert.ok(marks < 150, `${marks} marks`)
  const half = ages.olderThan(1, 2500 * minute)
  assert.ok(half > 220 && half <= 250, `${half} records are half as old as the log`)
  first.db.close()
  // The next owner has another monotonic clock, and goes on from where this one was.
  const second = store(path)
  const later = new LogAges(second)
  later.tick(77)
  assert.equal(later.olderThan(1, 2500 * minute), half)
  later.tick(77 + 2500 * minute)
  assert.equal(later.olderThan(1, 2500 * minute), 501)
  second.db.close()
})

test('log-store I2: a batch that is sent again is answered with its positions and not stored again', (t) => {
  const path = folder(t)
  const before = store(path)
  before.ensureTopics([{ name: 't', partitions: 1 }])
  before.write([appendFrame(1, 6, 1, ['earlier'])], [])
  const batch = appendFrame(1, 7, 1, ['a', 'b'])
  const answers = before.write([batch, batch], [])
  assert.deepEqual(
    answers.map((answer) => [...answer]),
    [[[1, 1]], [[1, 1]]],
  )
  before.db.close()
  const after = store(path)
  assert.deepEqual([...after.write([batch], [])[0]!], [[1, 1]])
  assert.equal(after.partitions.get(1)?.next, 3)
  after.db.close()
})

test('log-store I2: a producer whose clock was days ahead makes the next owner forget no other', async (t) => {
  const path = folder(t)
  const before = store(path)
  before.ensureTopics([{ name: 't', partitions: 1 }])
  before.write([appendFrame(1, 6, 1, ['a']), appendFrame(2, 6, 1, ['b'])], [])
  before.db.exec('UPDATE producers SET at_ms = 1780000000000 WHERE id = 1')
  before.db.exec('UPDATE producers SET at_ms = 1790000000000 WHERE id = 2')
  before.db.close()
  const log = sqliteLog({ path })
  await log.ensureTopics([{ name: 't' }])
  const after = store(path)
  assert.deepEqual(
    after.db
      .prepare('SELECT id FROM producers ORDER BY id')
      .all()
      .map(({ id }) => id),
    [1, 2],
  )
  after.db.close()
  await log.close()
})

test('frames survive any cut of the stream, and what is no frame is refused', () => {
  const frames = [
    jsonFrame(wire.join, 7, { topics: ['ä'] }),
    appendFrame(1, 2, 3, ['x', 'y']),
    jsonFrame(wire.done, 8, null),
  ]
  const stream = Buffer.concat(frames)
  for (let size = 1; size <= stream.length; size++) {
    const got: Buffer[] = []
    const split = createSplitter((frame) => got.push(Buffer.from(frame)))
    for (let at = 0; at < stream.length; at += size) assert.ok(split(stream.subarray(at, at + size)))
    assert.deepEqual(got, frames)
  }
  assert.equal(createSplitter(() => undefined)(Buffer.from([0xff, 0xff, 0xff, 0xff])), false)
  const sound = appendFrame(1, 2, 3, ['hello'])
  assert.ok(isAppendSound(sound, () => true))
  for (let length = 0; length < sound.length; length++) assert.ok(!isAppendSound(sound.subarray(0, length), () => true))
  assert.ok(!isAppendSound(sound, () => false))
})

test('a path too long for a socket address works all the same', async (t) => {
  const path = join(folder(t), 'a'.repeat(120))
  const log = sqliteLog({ path, durability: 'survives-process-crash-only' })
  await log.ensureTopics([{ name: 't', partitions: 1 }])
  assert.ok(existsSync(logFiles(path).socket))
  const other = sqliteLog({ path })
  await other.append([{ topic: 't', key: null, value: null, headers: {} }])
  await other.close()
  await log.close()
})
