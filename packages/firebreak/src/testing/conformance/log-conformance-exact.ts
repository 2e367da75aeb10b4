import assert from 'node:assert/strict'
import { type LogRecord, storedOf } from '../../contracts/log.ts'
import type { Original } from '../../contracts/original.ts'
import { partitionOfKey } from '../../contracts/partitioner.ts'
import { exactOf } from './exact-record.ts'
import { bytes, type LogCase, logCase, record, rejectsWith, texts } from './log-scene.ts'

const of = (...numbers: readonly number[]): Uint8Array => Uint8Array.from(numbers)
const header = (name: string, value: Uint8Array | string | null) => ({
  name: bytes(name),
  value: typeof value === 'string' ? bytes(value) : value,
})
const noText = of(0x80, 0xff, 0x00, 0xc3)

const originals: readonly Original[] = [
  { key: of(0, 0, 0, 0, 0, 0, 0, 200) },
  { headers: [header('twice', 'first'), header('other', 'x'), header('twice', 'last')] },
  { headers: [header('binary', noText), header('no value', null), header('empty', '')] },
  { headers: [{ name: noText, value: noText }] },
  { headers: [header('__proto__', 'x'), header('constructor', 'y')] },
  { headers: [header('b', '1'), header('2', '2'), header('a', '3'), header('1', '4')] },
  { key: noText, headers: [header('ce_id', '1'), header('ce_id', null)] },
  { headers: [] },
]

/** Records of other programs are kept byte for byte, also where text cannot say what they are. */
export const exactCases: readonly LogCase[] = [
  logCase('keys and headers of any bytes, absent and more than once, come back as they went in', async (scene) => {
    const topic = await scene.topic('exact', { partitions: 1 })
    const sent = originals.map((original, i): LogRecord => {
      return { topic, key: 'k', value: bytes(String(i)), headers: {}, original }
    })
    await scene.log.append(sent)
    const got = await scene.collect([await scene.open('readers', [topic])], sent.length)
    assert.deepEqual(got.map(exactOf), sent.map(exactOf))
    const inspected = await scene.log.inspect().read({ topic, partition: 0, offset: 0 }, sent.length)
    assert.deepEqual(inspected.map(exactOf), sent.map(exactOf))
  }),
  logCase('of what is no text, as much as there is can be read', async (scene) => {
    const topic = await scene.topic('exact', { partitions: 1 })
    await scene.log.append(
      originals.slice(0, 3).map((original) => ({ topic, key: 'k', value: null, headers: {}, original })),
    )
    const got = await scene.collect([await scene.open('readers', [topic])], 3)
    assert.deepEqual(
      got.map(({ key, headers }) => [key, { ...headers }]),
      [
        ['\0\0\0\0\0\0\0\ufffd', {}],
        ['k', { twice: 'last', other: 'x' }],
        ['k', { binary: '\ufffd\ufffd\0\ufffd', 'no value': '', empty: '' }],
      ],
    )
  }),
  logCase('a copy of a record that was read is the same record', async (scene) => {
    const [from, to] = [await scene.topic('from', { partitions: 1 }), await scene.topic('to', { partitions: 1 })]
    await scene.log.append(
      originals.map((original) => ({ topic: from, key: 'k', value: noText, headers: {}, original })),
    )
    const read = await scene.collect([await scene.open('readers', [from])], originals.length)
    await scene.log.append(read.map(({ offset: _, atMs: __, ...entry }) => ({ ...entry, topic: to })))
    const got = await scene.collect([await scene.open('copies', [to])], originals.length)
    assert.deepEqual(got.map(exactOf), read.map(exactOf))
  }),
  logCase('a key of other bytes than text lives in the partition of its bytes', async (scene) => {
    const topic = await scene.topic('exact', { partitions: 7 })
    const keys = Array.from({ length: 20 }, (_, i) => of(0, 0, 0, 128 + i))
    const positions = await scene.log.append(
      keys.map((key) => ({ topic, key: 'k', value: null, headers: {}, original: { key } })),
    )
    assert.deepEqual(
      positions.map(({ partition }) => partition),
      keys.map((key) => partitionOfKey(key, 7)),
    )
  }),
  logCase('text that has no form in UTF-8 is read with replacement characters', async (scene) => {
    const topic = await scene.topic('exact', { partitions: 1 })
    const [nul, half] = ['a\0b', 'half \ud83d']
    await scene.log.append([
      { topic, key: nul, value: null, headers: { nul } },
      { topic, key: half, value: null, headers: { half, [half]: 'x' } },
    ])
    const got = await scene.collect([await scene.open('readers', [topic])], 2)
    const whole = 'half \ufffd'
    assert.deepEqual(
      got.map(({ key, headers }) => [key, { ...headers }]),
      [
        [nul, { nul }],
        [whole, { half: whole, [whole]: 'x' }],
      ],
    )
  }),
  logCase('what is kept beside the text counts for the limit, and must be bytes', async (scene) => {
    const topic = await scene.topic('exact', { partitions: 1 })
    const plain = { topic, key: 'k', value: null, headers: {} }
    const wrong: readonly unknown[] = [
      { key: 'text' },
      { headers: { a: 'b' } },
      { headers: [['a', 'b']] },
      { headers: [{ name: bytes('a'), value: 'b' }] },
      { headers: [null] },
      null,
    ]
    for (const original of wrong) {
      const call = scene.log.append([record(topic, 'k', 'fits'), { ...plain, original } as LogRecord])
      await rejectsWith(call, 'FB_RECORD_REFUSED')
      assert.deepEqual([...storedOf(await call.catch((error) => error))], [])
    }
    await rejectsWith(scene.log.append([{ ...plain, key: null, original: { key: noText } }]), 'FB_RECORD_REFUSED')
    const large = new Uint8Array(scene.log.capabilities.recordBytesMax + 1)
    for (const original of [{ key: large }, { headers: [{ name: bytes('a'), value: large }] }])
      await rejectsWith(scene.log.append([{ ...plain, original }]), 'FB_RECORD_TOO_LARGE')
    await scene.log.append([record(topic, 'k', 'later')])
    assert.deepEqual(texts(await scene.collect([await scene.open('readers', [topic])], 1)), ['later'])
  }),
]
