import assert from 'node:assert/strict'
import { type LogRecord, storedOf } from '../../contracts/log.ts'
import { partitionOfKey } from '../../contracts/partitioner.ts'
import { bytes, type LogCase, logCase, numbered, record, records, rejectsWith, take, texts } from './log-scene.ts'

const odd: readonly Omit<LogRecord, 'topic'>[] = [
  { key: 'plain', value: bytes('{"a":1}'), headers: { ce_type: 'order.placed', 'content-type': 'application/json' } },
  { key: null, value: bytes('no key'), headers: {} },
  { key: 'no value', value: null, headers: { tombstone: 'yes' } },
  { key: 'empty value', value: new Uint8Array(), headers: {} },
  { key: '', value: bytes('empty key'), headers: {} },
  { key: 'Straße-日本-🚚', value: bytes('Größe ✓ 🚚'), headers: { 'x-ort': 'Köln', 'x-empty': '', 'x-emoji': '🚚' } },
  { key: 'bytes', value: Uint8Array.from({ length: 256 }, (_, i) => i), headers: {} },
]

export const appendCases: readonly LogCase[] = [
  logCase('a hundred records arrive with key, value and headers intact', async (scene) => {
    const topic = await scene.topic('orders')
    const sent = records(topic, 100).map((one, i) => ({ ...one, headers: { number: String(i) } }))
    await scene.log.append(sent)
    const got = await scene.collect([await scene.open('readers', [topic])], 100)
    assert.deepEqual(texts(got).sort(), numbered(100))
    for (const entry of got) {
      assert.equal(entry.headers.number, texts([entry])[0])
      assert.equal(entry.key, `key-${Number(entry.headers.number) % 10}`)
      assert.equal(entry.topic, topic)
      assert.equal(typeof entry.atMs, 'number')
    }
  }),
  logCase('null, empty, unicode and binary come back as they went in', async (scene) => {
    const topic = await scene.topic('odd', { partitions: 1 })
    await scene.log.append(odd.map((one) => ({ ...one, topic })))
    const got = await scene.collect([await scene.open('readers', [topic])], odd.length)
    const plain = ({ key, value, headers }: Omit<LogRecord, 'topic'>): unknown => ({
      key,
      value: value === null ? null : [...value],
      headers: { ...headers },
    })
    assert.deepEqual(got.map(plain), odd.map(plain))
  }),
  logCase('the log keeps the bytes as they were at the call', async (scene) => {
    const topic = await scene.topic('orders')
    const value = bytes('before')
    await scene.log.append([{ topic, key: 'a', value, headers: {} }])
    value.fill(0)
    assert.deepEqual(texts(await scene.collect([await scene.open('readers', [topic])], 1)), ['before'])
  }),
  logCase('positions are in the order of the argument and rise within a partition', async (scene) => {
    const topic = await scene.topic('orders', { partitions: 2 })
    const positions = await scene.log.append([0, 1, 0, 0].map((p, i) => record(topic, 'k', String(i), p)))
    assert.deepEqual(
      positions.map((p) => p.partition),
      [0, 1, 0, 0],
    )
    const offsets = positions.filter((p) => p.partition === 0).map((p) => p.offset)
    const { contiguousOffsets } = scene.log.capabilities
    if (contiguousOffsets) assert.deepEqual(offsets, [0, 1, 2])
    else assert.ok(offsets.every((offset, i) => i === 0 || offset > (offsets[i - 1] ?? 0)))
  }),
  logCase('nothing appended gives no positions', async (scene) => {
    assert.deepEqual(await scene.log.append([]), [])
  }),
  logCase('records of one key share a partition and keep their order', async (scene) => {
    const topic = await scene.topic('orders', { partitions: 4 })
    for (let i = 0; i < 5; i++) await scene.log.append(records(topic, 40, 8))
    const got = await scene.collect([await scene.open('readers', [topic])], 200)
    for (let k = 0; k < 8; k++) {
      const mine = got.filter((entry) => entry.key === `key-${k}`)
      assert.equal(new Set(mine.map((entry) => entry.partition)).size, 1)
      const round = Array.from({ length: 5 }, (_, i) => String(k + i * 8))
      assert.deepEqual(texts(mine), [...round, ...round, ...round, ...round, ...round])
    }
  }),
  logCase('appends that are under way together keep the order of their calls', async (scene) => {
    const topic = await scene.topic('orders', { partitions: 2 })
    const calls = Array.from({ length: 200 }, (_, i) => scene.log.append([record(topic, `key-${i % 4}`, String(i))]))
    await Promise.all(calls)
    const got = await scene.collect([await scene.open('readers', [topic])], 200)
    for (let k = 0; k < 4; k++) {
      const mine = got.filter((entry) => entry.key === `key-${k}`)
      assert.deepEqual(
        texts(mine),
        Array.from({ length: 50 }, (_, i) => String(k + i * 4)),
      )
    }
  }),
  logCase('a key lives where the default partitioner of Kafka puts it', async (scene) => {
    const topic = await scene.topic('orders', { partitions: 7 })
    const keys = ['21', 'foobar', 'a-little-bit-longer-string', 'Straße', '🚚', '']
    const positions = await scene.log.append(keys.map((key) => record(topic, key, key)))
    assert.deepEqual(
      positions.map((p) => p.partition),
      keys.map((key) => partitionOfKey(key, 7)),
    )
  }),
  logCase('a partition that is given overrides the key', async (scene) => {
    const topic = await scene.topic('orders')
    for (const partition of [0, 1, 2]) {
      const [position] = await scene.log.append([record(topic, 'same key', 'x', partition)])
      assert.equal(position?.partition, partition)
    }
  }),
  logCase('records without a key are spread over the partitions', async (scene) => {
    const topic = await scene.topic('orders', { partitions: 3 })
    const used = new Set<number>()
    await scene.until('every partition got one', async () => {
      const positions = await scene.log.append(Array.from({ length: 30 }, () => record(topic, null, 'x')))
      for (const { partition } of positions) used.add(partition)
      return used.size === 3
    })
  }),
  logCase('a record that no reader could be given is refused, and nothing of its call is stored', async (scene) => {
    const topic = await scene.topic('orders', { partitions: 1 })
    const good = { topic, key: 'a', value: bytes('{}'), headers: {} }
    const wrong: readonly unknown[] = [
      { ...good, headers: { ce_id: null } },
      { ...good, headers: { ce_type: { toString: 1 } } },
      { ...good, headers: { ce_id: ['a', 'b'] } },
      { ...good, headers: null },
      { ...good, key: 5 },
      { ...good, value: 'text' },
    ]
    for (const one of wrong) {
      const call = scene.log.append([record(topic, 'a', 'fits'), one as LogRecord])
      await rejectsWith(call, 'FB_RECORD_REFUSED')
      assert.deepEqual([...storedOf(await call.catch((error) => error))], [])
    }
    await scene.log.append([record(topic, 'a', 'later')])
    assert.deepEqual(texts(await scene.collect([await scene.open('readers', [topic])], 1)), ['later'])
  }),
  logCase('a record above the limit is refused and nothing of its call is stored', async (scene) => {
    const topic = await scene.topic('orders', { partitions: 1 })
    const large = new Uint8Array(scene.log.capabilities.recordBytesMax + 1)
    const call = scene.log.append([record(topic, 'a', 'fits'), { topic, key: 'a', value: large, headers: {} }])
    await rejectsWith(call, 'FB_RECORD_TOO_LARGE')
    assert.deepEqual([...storedOf(await call.catch((error) => error))], [])
    await scene.log.append([record(topic, 'a', 'later')])
    assert.deepEqual(texts(await scene.collect([await scene.open('readers', [topic])], 1)), ['later'])
  }),
  logCase('a topic says how large its records may be, and takes one of that size', async (scene) => {
    const topic = await scene.topic('orders', { partitions: 1 })
    const [info] = await scene.log.inspect().topics([topic])
    const limit = info?.recordBytesMax ?? 0
    assert.ok(limit > 0 && limit <= scene.log.capabilities.recordBytesMax)
    const headers = Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`header-${i}`, '"quoted"']))
    const around = Object.entries({ a: '', ...headers }).reduce(
      (sum, [name, text]) => sum + name.length + text.length,
      0,
    )
    const value = new Uint8Array(limit - around)
    await scene.log.append([{ topic, key: 'a', value, headers }])
    const [entry] = await scene.collect([await scene.open('readers', [topic])], 1)
    assert.equal(entry?.value?.length, value.length)
  }),
  logCase('a topic that does not exist is refused and nothing of its call is stored', async (scene) => {
    const topic = await scene.topic('orders', { partitions: 1 })
    const unknown = scene.name('unknown')
    await rejectsWith(scene.log.append([record(topic, 'a', 'known'), record(unknown, 'a', 'x')]), 'FB_TOPIC_UNKNOWN')
    await scene.log.append([record(topic, 'a', 'later')])
    assert.deepEqual(texts(await scene.collect([await scene.open('readers', [topic])], 1)), ['later'])
  }),
  logCase('topics do not mix', async (scene) => {
    const names = [await scene.topic('first'), await scene.topic('second')]
    for (const name of names) await scene.log.append(records(name, 50).map((one) => ({ ...one, value: bytes(name) })))
    for (const name of names) {
      const got = await scene.collect([await scene.open(`of-${name}`, [name])], 50)
      assert.deepEqual([...new Set(texts(got))], [name])
    }
  }),
  logCase('ensureTopics changes nothing that exists, and refuses more partitions than there are', async (scene) => {
    const name = scene.name('orders')
    await scene.log.ensureTopics([{ name, partitions: 3 }])
    await scene.log.append([record(name, 'a', 'kept')])
    await scene.log.ensureTopics([{ name, partitions: 3 }])
    await scene.log.ensureTopics([{ name }])
    await rejectsWith(scene.log.ensureTopics([{ name, partitions: 4 }]), 'FB_TOPIC_MISMATCH')
    const topic = (await scene.log.inspect().topics()).find((one) => one.name === name)
    assert.equal(topic?.partitions, 3)
    assert.deepEqual(texts(await scene.collect([await scene.open('readers', [name])], 1)), ['kept'])
  }),
  logCase('a topic without a number of partitions gets six', async (scene) => {
    const name = scene.name('orders')
    await scene.log.ensureTopics([{ name }])
    const topic = (await scene.log.inspect().topics()).find((one) => one.name === name)
    assert.equal(topic?.partitions, 6)
    assert.equal(topic?.ends.length, 6)
  }),
  logCase('many writers and readers over many topics lose nothing', async (scene) => {
    const topics = await Promise.all(['a', 'b', 'c', 'd'].map((base) => scene.topic(base)))
    const cursors = await Promise.all(topics.map((topic) => scene.open('readers', [topic])))
    const writing = topics.map((topic) =>
      Promise.all(Array.from({ length: 25 }, (_, i) => scene.log.append(records(topic, 10).slice(0, (i % 10) + 1)))),
    )
    const got = await scene.collect(cursors, 4 * 125)
    const acknowledged = (await Promise.all(writing)).flat(2)
    const id = (p: { topic: string; partition: number; offset: number }): string =>
      `${p.topic}/${p.partition}/${p.offset}`
    assert.deepEqual(got.map(id).sort(), acknowledged.map(id).sort())
  }),
  logCase('closing under heavy appends loses nothing that was acknowledged', async (scene) => {
    const topic = await scene.topic('orders')
    const writer = await scene.harness.create()
    const calls = Array.from({ length: 100 }, (_, i) => writer.append([record(topic, `key-${i}`, String(i))]))
    const closed = writer.close()
    const outcomes = await Promise.allSettled(calls)
    await closed
    const acknowledged = outcomes.flatMap((one, i) => (one.status === 'fulfilled' ? [String(i)] : []))
    const cursor = await scene.open('readers', [topic])
    const seen = new Set<string>()
    await scene.until('all that was acknowledged is read', async () => {
      for (const one of texts(await take(cursor))) seen.add(one)
      return acknowledged.every((one) => seen.has(one))
    })
  }),
]
