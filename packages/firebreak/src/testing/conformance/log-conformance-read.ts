import assert from 'node:assert/strict'
import type { LogEntry } from '../../contracts/log.ts'
import {
  after,
  type LogCase,
  logCase,
  never,
  numbered,
  record,
  records,
  rejectsWith,
  take,
  texts,
} from './log-scene.ts'

export const readCases: readonly LogCase[] = [
  logCase('a partition is read in offset order and recordsMax is kept', async (scene) => {
    const topic = await scene.topic('orders', { partitions: 2 })
    await scene.log.append(records(topic, 100))
    const cursor = await scene.open('readers', [topic])
    const next = new Map<number, number>()
    let count = 0
    await scene.until('all records have come', async () => {
      const got = await take(cursor, 7)
      assert.ok(got.length <= 7)
      for (const { partition, offset } of got) {
        const before = next.get(partition)
        assert.ok(before === undefined || offset >= before, 'a poll went backwards')
        if (scene.log.capabilities.contiguousOffsets) assert.equal(offset, before ?? 0, 'a poll skipped')
        next.set(partition, offset + 1)
      }
      count += got.length
      return count >= 100
    })
    assert.equal(count, 100)
  }),
  logCase('a full partition does not starve the others', async (scene) => {
    const topic = await scene.topic('orders', { partitions: 2 })
    await scene.log.append(Array.from({ length: 200 }, () => record(topic, 'k', 'x', 0)))
    await scene.log.append([record(topic, 'k', 'small', 1)])
    const cursor = await scene.open('readers', [topic])
    const first: string[] = []
    for (let i = 0; i < 10; i++) first.push(...texts(await take(cursor, 10)))
    assert.ok(first.includes('small'))
  }),
  logCase('what was not committed comes again', async (scene) => {
    const topic = await scene.topic('orders')
    await scene.log.append(records(topic, 20))
    const first = await scene.open('readers', [topic])
    await scene.collect([first], 20)
    await first.close()
    const again = await scene.collect([await scene.open('readers', [topic])], 20)
    assert.deepEqual(texts(again).sort(), numbered(20))
  }),
  logCase('nothing is lost or repeated across members that commit and close', async (scene) => {
    const topic = await scene.topic('orders')
    await scene.log.append(records(topic, 60))
    const seen: string[] = []
    await scene.until('all records are read', async () => {
      const cursor = await scene.open('readers', [topic])
      const got = await take(cursor, 9)
      await cursor.commit(after(got))
      await cursor.close()
      seen.push(...texts(got))
      return seen.length >= 60
    })
    assert.deepEqual(seen.sort(), numbered(60))
  }),
  logCase('a commit further back is kept: the group reads again from there', async (scene) => {
    const topic = await scene.topic('orders', { partitions: 1 })
    const positions = await scene.log.append(records(topic, 5, 1))
    const cursor = await scene.open('readers', [topic])
    await cursor.commit(after(await scene.collect([cursor], 5)))
    await cursor.commit(positions.slice(2, 3))
    await cursor.close()
    const again = await scene.collect([await scene.open('readers', [topic])], 3)
    assert.deepEqual(texts(again), ['2', '3', '4'])
  }),
  logCase('a new group reads the history', async (scene) => {
    const topic = await scene.topic('orders')
    await scene.log.append(records(topic, 30))
    const first = await scene.open('first', [topic])
    await first.commit(after(await scene.collect([first], 30)))
    const got = await scene.collect([await scene.open('second', [topic])], 30)
    assert.deepEqual(texts(got).sort(), numbered(30))
  }),
  logCase('every group gets every record', async (scene) => {
    const topic = await scene.topic('orders')
    const cursors = await Promise.all(['one', 'two', 'three'].map((group) => scene.open(group, [topic])))
    await scene.log.append(records(topic, 40))
    for (const cursor of cursors) assert.deepEqual(texts(await scene.collect([cursor], 40)).sort(), numbered(40))
  }),
  logCase('a new group from latest gets only what comes after it has opened', async (scene) => {
    const topic = await scene.topic('orders', { partitions: 2 })
    await scene.log.append(records(topic, 10))
    const cursor = await scene.open('readers', [topic], { from: 'latest' })
    assert.deepEqual(await scene.share([cursor], 2), [])
    await scene.log.append([record(topic, 'a', 'new')])
    assert.deepEqual(texts(await scene.collect([cursor], 1)), ['new'])
  }),
  logCase('a new group from a time starts at the first record appended then or later', async (scene) => {
    const topic = await scene.topic('orders', { partitions: 1 })
    await scene.log.append(records(topic, 5, 1))
    const [last] = (await scene.log.inspect().read({ topic, partition: 0, offset: 4 }, 1)) as [LogEntry]
    await scene.until('the clock has moved on', async () => scene.harness.clock.now() > last.atMs + 1)
    const [position] = await scene.log.append([record(topic, 'a', 'then')])
    await scene.log.append([record(topic, 'a', 'later')])
    const [then] = await scene.log.inspect().read({ topic, partition: 0, offset: position?.offset ?? 0 }, 1)
    const cursor = await scene.open('readers', [topic], { from: { atMs: then?.atMs ?? 0 } })
    assert.deepEqual(texts(await scene.collect([cursor], 2)), ['then', 'later'])
    const none = await scene.open('late readers', [topic], { from: { atMs: scene.harness.clock.now() + 60_000 } })
    await scene.share([none], 1)
    await scene.log.append([record(topic, 'a', 'new')])
    assert.deepEqual(texts(await scene.collect([none], 1)), ['new'])
  }),
  logCase('a group with a committed position goes on there, whatever from says', async (scene) => {
    const topic = await scene.topic('orders', { partitions: 1 })
    await scene.log.append(records(topic, 4, 1))
    const cursor = await scene.open('readers', [topic])
    await cursor.commit(after((await scene.collect([cursor], 4)).slice(0, 2)))
    await cursor.close()
    const again = await scene.open('readers', [topic], { from: 'latest' })
    assert.deepEqual(texts(await scene.collect([again], 2)), ['2', '3'])
  }),
  logCase('opening a topic that does not exist is refused', async (scene) => {
    await rejectsWith(scene.open('readers', [scene.name('unknown')]), 'FB_TOPIC_UNKNOWN')
  }),
  logCase('a poll that waits is woken by an append', async (scene) => {
    const topic = await scene.topic('orders')
    const cursor = await scene.open('readers', [topic])
    await scene.share([cursor], 3)
    const startedAtMs = scene.harness.clock.now()
    const polling = cursor.poll({ recordsMax: 10, waitMs: 20_000, signal: never })
    await scene.log.append([record(topic, 'a', 'wake up')])
    assert.deepEqual(texts(await polling), ['wake up'])
    assert.ok(scene.harness.clock.now() - startedAtMs < 10_000)
  }),
  logCase('a poll without records returns empty, at once when it may not wait', async (scene) => {
    const cursor = await scene.open('readers', [await scene.topic('orders')])
    await scene.share([cursor], 3)
    assert.deepEqual(await take(cursor, 10, 30), [])
    assert.deepEqual(await take(cursor, 10, 0), [])
  }),
  logCase('a poll that waits returns empty when it is aborted, and the cursor goes on', async (scene) => {
    const topic = await scene.topic('orders')
    const cursor = await scene.open('readers', [topic])
    await scene.share([cursor], 3)
    const abort = new AbortController()
    const startedAtMs = scene.harness.clock.now()
    const polling = cursor.poll({ recordsMax: 10, waitMs: 600_000, signal: abort.signal })
    abort.abort()
    assert.deepEqual(await polling, [])
    assert.deepEqual(await cursor.poll({ recordsMax: 10, waitMs: 600_000, signal: abort.signal }), [])
    assert.ok(scene.harness.clock.now() - startedAtMs < 600_000)
    await scene.log.append([record(topic, 'a', 'still here')])
    assert.deepEqual(texts(await scene.collect([cursor], 1)), ['still here'])
  }),
  logCase('a poll that waits returns when its cursor closes, and the next one is refused', async (scene) => {
    const cursor = await scene.open('readers', [await scene.topic('orders')])
    await scene.share([cursor], 3)
    const startedAtMs = scene.harness.clock.now()
    const polling = cursor.poll({ recordsMax: 10, waitMs: 600_000, signal: never })
    await cursor.close()
    assert.deepEqual(await polling, [])
    assert.ok(scene.harness.clock.now() - startedAtMs < 600_000)
    await cursor.close()
    await rejectsWith(take(cursor), 'FB_CLOSED')
    await rejectsWith(cursor.commit([]), 'FB_CLOSED')
  }),
  logCase('closing the log closes its cursors and refuses what comes later', async (scene) => {
    const topic = await scene.topic('orders')
    const log = await scene.harness.create()
    const cursors = await Promise.all(Array.from({ length: 3 }, () => log.open(scene.name('readers'), [topic])))
    const polling = cursors.map((cursor) => cursor.poll({ recordsMax: 1, waitMs: 600_000, signal: never }))
    await Promise.all([log.close(), log.close(), ...cursors.map((cursor) => cursor.close())])
    for (const poll of polling) await poll.catch((error) => rejectsWith(Promise.reject(error), 'FB_CLOSED'))
    for (const cursor of cursors) await rejectsWith(take(cursor), 'FB_CLOSED')
    await rejectsWith(log.append([record(topic, 'a', 'x')]), 'FB_CLOSED')
    await rejectsWith(log.open(scene.name('readers'), [topic]), 'FB_CLOSED')
  }),
  logCase(
    'a paused partition stays assigned and silent while the others flow, and resumes where it was',
    async (scene) => {
      const topic = await scene.topic('orders', { partitions: 2 })
      const cursor = await scene.open('readers', [topic])
      await scene.share([cursor], 2)
      await scene.log.append([record(topic, 'k', 'a0', 0), record(topic, 'k', 'b0', 1)])
      await scene.collect([cursor], 2)
      cursor.pause([{ topic, partition: 0 }])
      await scene.log.append([record(topic, 'k', 'a1', 0), record(topic, 'k', 'b1', 1)])
      assert.deepEqual(texts(await scene.collect([cursor], 1)), ['b1'])
      assert.deepEqual(await take(cursor), [])
      assert.equal(cursor.assignment().length, 2)
      cursor.pause([{ topic, partition: 1 }])
      await scene.log.append([record(topic, 'k', 'b2', 1)])
      assert.deepEqual(texts(await scene.collect([cursor], 1)), ['a1'])
      cursor.pause([])
      assert.deepEqual(texts(await scene.collect([cursor], 1)), ['b2'])
    },
  ),
]
