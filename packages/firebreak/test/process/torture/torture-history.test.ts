import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import type { Cursor, Log, LogRecord, Position } from 'firebreak'
import { memoryLog } from 'firebreak/testing'
import { FirebreakError } from '../../../src/contracts/errors.ts'
import { partitionId } from '../../../src/contracts/log.ts'
import { countRebalances } from '../../../torture/checks/rebalances.ts'
import { type Op, openHistory, readHistory } from '../../../torture/history/history.ts'
import { recordedLog } from '../../../torture/history/recorded-log.ts'

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'firebreak-history-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const record = (event: string, topic = 'orders'): LogRecord => {
  return { topic, key: 'k', value: Uint8Array.of(1), headers: { ce_id: event } }
}

const withoutTime = (ops: readonly Op[]): readonly object[] => ops.map(({ time, ...op }) => op)

test('a log that is recorded writes down what was asked, what was answered, and which attempt stored a record', async (t) => {
  const folder = newFolder(t)
  const history = openHistory(folder, 'first-1/3')
  const log: Log = recordedLog(memoryLog(), history)
  t.after(() => log.close())
  await log.ensureTopics([{ name: 'orders', partitions: 1 }])
  await log.append([record('e1'), record('e2')])
  await assert.rejects(log.append([record('e3', 'unknown')]), { code: 'FB_TOPIC_UNKNOWN' })
  const cursor = await log.open('shop', ['orders'])
  const entries = await cursor.poll({ recordsMax: 10, waitMs: 1000, signal: new AbortController().signal })
  await cursor.commit([{ topic: 'orders', partition: 0, offset: 2 }])
  await cursor.close()
  assert.deepEqual(
    entries.map(({ headers }) => headers),
    [
      { ce_id: 'e1', 'x-send': 'first-1/3#1.0' },
      { ce_id: 'e2', 'x-send': 'first-1/3#1.1' },
    ],
  )
  const process = 'first-1/3'
  const sent = (id: string, event: string, topic = 'orders'): object => ({ id, event, topic, key: 'k' })
  const of = { process, group: 'shop', cursor: 3 }
  const [asked, answered, asked2, refused, ...reading] = withoutTime(readHistory(folder))
  assert.deepEqual(asked, {
    process,
    f: 'send',
    type: 'invoke',
    call: 1,
    value: [sent(`${process}#1.0`, 'e1'), sent(`${process}#1.1`, 'e2')],
  })
  assert.deepEqual(answered, {
    process,
    f: 'send',
    type: 'ok',
    call: 1,
    value: [
      ['orders/0', 0],
      ['orders/0', 1],
    ],
  })
  assert.deepEqual((asked2 as { value: object }).value, [sent(`${process}#2.0`, 'e3', 'unknown')])
  assert.equal((refused as { type: string }).type, 'fail')
  assert.deepEqual(reading, [
    { ...of, f: 'assign', type: 'info', value: ['orders/0'] },
    {
      ...of,
      f: 'poll',
      type: 'ok',
      value: {
        'orders/0': [
          [0, `${process}#1.0`],
          [1, `${process}#1.1`],
        ],
      },
    },
    { ...of, f: 'commit', type: 'invoke', call: 4, value: { 'orders/0': 2 } },
    { ...of, f: 'commit', type: 'ok', call: 4 },
  ])
})

/** A log whose commits are refused, `afterMs` after they were asked for. */
function refusing(afterMs: number): Log {
  const commit = async (next: readonly Position[]): Promise<void> => {
    const untilMs = performance.now() + afterMs
    while (performance.now() < untilMs) await new Promise((resolve) => setImmediate(resolve))
    throw new FirebreakError('FB_FENCED', { partition: next.slice(1).map(partitionId).join(', ') })
  }
  const log = memoryLog()
  const refused = (cursor: Cursor): Cursor => ({
    poll: (limit) => cursor.poll(limit),
    assignment: () => cursor.assignment(),
    pause: (partitions) => cursor.pause(partitions),
    close: () => cursor.close(),
    commit,
  })
  return {
    capabilities: log.capabilities,
    ensureTopics: (topics) => log.ensureTopics(topics),
    append: (records) => log.append(records),
    open: async (group, topics) => refused(await log.open(group, topics)),
    inspect: () => log.inspect(),
    close: () => log.close(),
    [Symbol.asyncDispose]: () => log.close(),
  }
}

test('a commit that is refused is written down with the partitions that it was refused for, if it was refused at once', async (t) => {
  const answers = async (name: string, afterMs: number): Promise<unknown> => {
    const folder = newFolder(t)
    const log = recordedLog(refusing(afterMs), openHistory(folder, name))
    t.after(() => log.close())
    await log.ensureTopics([{ name: 'orders', partitions: 3 }])
    const cursor = await log.open('shop', ['orders'])
    const next = [0, 1, 2].map((partition) => ({ topic: 'orders', partition, offset: 3 }))
    await assert.rejects(cursor.commit(next), { code: 'FB_FENCED' })
    const { type, value } = readHistory(folder).at(-1) as { type: string; value?: unknown }
    return { type, value }
  }
  assert.deepEqual(await answers('quick/1', 0), { type: 'fail', value: ['orders/1', 'orders/2'] })
  // An earlier try of the engine may have got through, and only its answer not.
  assert.deepEqual(await answers('slow/1', 30), { type: 'info', value: undefined })
})

test('an append that nobody knows the outcome of is neither acknowledged nor refused', async (t) => {
  const folder = newFolder(t)
  const log = memoryLog()
  await log.close()
  await assert.rejects(recordedLog(log, openHistory(folder, 'p/1')).append([record('e1')]))
  assert.equal(readHistory(folder).at(-1)?.type, 'info')
})

test('a line that its process did not finish was never said; a broken line before it is an error', (t) => {
  const folder = newFolder(t)
  const history = openHistory(folder, 'p/1')
  history.note({ f: 'commit', type: 'invoke', group: 'shop', cursor: 1, call: 1, value: {} })
  appendFileSync(join(folder, 'p.1.jsonl'), '{"process":"p/1","f":"comm')
  assert.equal(readHistory(folder).length, 1)
  appendFileSync(join(folder, 'p.1.jsonl'), '\n')
  assert.throws(() => readHistory(folder), SyntaxError)
})

test('a history that has reached its bound says so once and goes on in silence', (t) => {
  const folder = newFolder(t)
  const history = openHistory(folder, 'p/1', 3)
  for (let call = 0; call < 9; call++)
    history.note({ f: 'commit', type: 'invoke', group: 'shop', cursor: 1, call, value: {} })
  assert.deepEqual(
    readHistory(folder).map(({ f }) => f),
    ['commit', 'commit', 'cut'],
  )
})

test('rebalances are counted from what members see, and never more than there were', () => {
  const assign = (process: string, group: string, ...value: string[]): Op => {
    return { f: 'assign', type: 'info', process, group, cursor: 1, value, time: 0 }
  }
  const joins = [assign('a', 'shop', 'o/0', 'o/1'), assign('a', 'shop', 'o/0'), assign('b', 'shop', 'o/1')]
  const leaves = [assign('b', 'shop'), assign('a', 'shop', 'o/0', 'o/1')]
  assert.equal(countRebalances(joins), 1)
  assert.equal(countRebalances([...joins, ...leaves]), 2)
  assert.equal(countRebalances([...joins, assign('x', 'other', 'o/0')]), 1)
  // A group that gets its partitions for the first time has nothing to move.
  assert.equal(countRebalances(joins.slice(0, 1)), 0)
  assert.equal(countRebalances([]), 0)
})
