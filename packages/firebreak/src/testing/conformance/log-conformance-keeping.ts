import assert from 'node:assert/strict'
import { isFirebreakError } from '../../contracts/errors.ts'
import type { Cursor, TopicInfo } from '../../contracts/log.ts'
import {
  after,
  type LogCase,
  LogScene,
  logCase,
  numbered,
  record,
  records,
  rejectsWith,
  take,
  texts,
} from './log-scene.ts'
import { untyped } from './untyped.ts'

async function info(scene: LogScene, name: string): Promise<TopicInfo> {
  await scene.harness.retain?.(scene.log)
  const found = (await scene.log.inspect().topics()).find((topic) => topic.name === name)
  assert.ok(found !== undefined, `${name} is listed`)
  return found
}

const first = async (scene: LogScene, name: string): Promise<number> => (await info(scene, name)).ends[0]?.first ?? 0

export const keepingCases: readonly LogCase[] = [
  logCase('records go by age exactly where the log declares it', async (scene) => {
    const topic = await scene.topic('short', { partitions: 1, retentionMs: 40 })
    await scene.log.append(records(topic, 3, 1))
    let last = 3
    const gone = async (): Promise<boolean> => {
      await scene.log.append([record(topic, 'k', 'fresh')])
      last++
      return (await first(scene, topic)) >= 3
    }
    if (scene.log.capabilities.retention.byTime) {
      await scene.until('the old records are gone', gone)
      assert.equal((await info(scene, topic)).ends[0]?.next, last)
    } else {
      await take(await scene.open('readers', [topic]), 10, 100)
      assert.equal(await first(scene, topic), 0)
    }
  }),
  logCase('records go by size exactly where the log declares it, and the newest stay', async (scene) => {
    const topic = await scene.topic('small', { partitions: 1, retentionBytes: 1000 })
    const large = 'x'.repeat(200)
    for (let i = 0; i < 20; i++) await scene.log.append([record(topic, 'k', `${i}-${large}`)])
    if (!scene.log.capabilities.retention.bySize) return assert.equal(await first(scene, topic), 0)
    await scene.until('the oldest are gone', async () => (await first(scene, topic)) > 0)
    const cursor = await scene.open('readers', [topic])
    const kept: string[] = []
    await scene.until('the newest is read', async () => {
      kept.push(...texts(await take(cursor)).map((one) => one.split('-')[0] ?? ''))
      return kept.includes('19')
    })
    assert.ok(kept.includes('18'), 'no more goes than has to')
  }),
  logCase(
    'a reader that retention has overtaken goes on at the oldest record kept',
    async (scene) => {
      const topic = await scene.topic('short', { partitions: 1, retentionMs: 40 })
      const cursor = await scene.open('readers', [topic])
      await scene.share([cursor], 1)
      await scene.log.append(records(topic, 5, 1))
      const early = await take(cursor, 1)
      await cursor.commit(after(early))
      await scene.until('the old records are gone', async () => {
        await scene.log.append([record(topic, 'k', 'fresh')])
        return (await first(scene, topic)) >= 5
      })
      // What a log has fetched ahead for its reader may still come, although it is gone by now.
      let next = early.at(-1)?.offset ?? -1
      await scene.log.append([record(topic, 'k', 'last')])
      await scene.until('the last record has come', async () => {
        for (const entry of await take(cursor)) {
          assert.ok(entry.offset > next, 'a record came twice')
          next = entry.offset
          if (texts([entry])[0] === 'last') return true
        }
        return false
      })
      assert.deepEqual(await take(cursor), [])
    },
    (c) => c.retention.byTime || 'it does not remove records by age',
  ),
  logCase('what no topic can be is refused with every mistake, and nothing is created', async (scene) => {
    const sound = scene.name('sound')
    const wrong = [
      { name: '..' },
      { name: 'a b' },
      { name: 'a'.repeat(250) },
      { name: scene.name('none'), partitions: 0 },
      { name: scene.name('text'), retentionMs: untyped<number>('7d') },
      { name: scene.name('past'), retentionMs: -1 },
      { name: scene.name('empty'), retentionBytes: 0 },
    ]
    await assert.rejects(scene.log.ensureTopics([{ name: sound }, ...wrong]), (error) => {
      assert.ok(isFirebreakError(error, 'FB_CONFIG'), String(error))
      assert.equal(error.message.split('\n').length, wrong.length, error.message)
      return true
    })
    assert.deepEqual(await scene.log.inspect().topics([sound]), [])
  }),
  logCase(
    'on one machine, of members with different ledgers the first stays, and the next is refused until it is gone',
    async (scene) => {
      if (scene.log.capabilities.multiMachine) return
      const topic = await scene.topic('orders', { partitions: 2 })
      const at = (ledger: string): Promise<Cursor> => scene.open('owners', [topic], { ledger })
      const ends = await Promise.allSettled([at('one'), at('another')])
      const [first, ...others] = ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []))
      assert.deepEqual(others, [])
      const mine = ends[0]?.status === 'fulfilled' ? 'one' : 'another'
      const theirs = mine === 'one' ? 'another' : 'one'
      await rejectsWith(at(theirs), 'FB_CONFIG')
      const beside = await at(mine)
      await beside.close()
      await first?.close()
      const next = await at(theirs)
      await next.close()
    },
  ),
  logCase('inspect tells topics, ends, groups, committed positions and single records', async (scene) => {
    const topic = await scene.topic('orders', { partitions: 2, retentionMs: 86_400_000, retentionBytes: 1_000_000 })
    const positions = await scene.log.append(['a', 'b', 'c'].map((value) => record(topic, 'k', value, 1)))
    const found = await info(scene, topic)
    assert.equal(found.retentionMs, 86_400_000)
    if (scene.log.capabilities.retention.bySize) assert.equal(found.retentionBytes, 1_000_000)
    const next = (positions[2]?.offset ?? 0) + 1
    const ends = found.ends.toSorted((a, b) => a.partition - b.partition)
    assert.deepEqual(
      ends.map(({ partition, first, next }) => ({ partition, first, next })),
      [
        { partition: 0, first: 0, next: 0 },
        { partition: 1, first: 0, next },
      ],
    )
    const cursor = await scene.open('readers', [topic])
    await scene.collect([cursor], 3)
    await cursor.commit([{ topic, partition: 1, offset: 2 }])
    const inspection = scene.log.inspect()
    const named = await inspection.topics([topic, scene.name('unheard-of')])
    assert.deepEqual(
      named.map(({ name }) => name),
      [topic],
    )
    assert.ok((await inspection.groups()).includes(scene.name('readers')))
    const committed = await inspection.committed(scene.name('readers'))
    assert.equal(committed.find((p) => p.partition === 1)?.offset, 2)
    assert.deepEqual(await inspection.committed(scene.name('unheard of')), [])
    assert.equal((await inspection.members(scene.name('readers'))).length, 1)
    await scene.open('tellers', [topic], { ledger: 'the ledger' })
    const [teller] = await inspection.members(scene.name('tellers'))
    assert.equal(teller?.ledger, 'the ledger')
    assert.deepEqual(await inspection.members(scene.name('unheard of')), [])
    const second = positions[1]
    assert.ok(second !== undefined)
    assert.deepEqual(texts(await inspection.read(second, 1)), ['b'])
    assert.deepEqual(texts(await inspection.read(second, 10)), ['b', 'c'])
    assert.deepEqual(await inspection.read({ topic, partition: 0, offset: 0 }, 10), [])
  }),
  logCase('records, topics and positions outlive a restart exactly where the log is durable', async (scene) => {
    const topic = await scene.topic('orders', { partitions: 1 })
    await scene.log.append(records(topic, 20, 1))
    const cursor = await scene.open('readers', [topic])
    await cursor.commit(after((await scene.collect([cursor], 20)).slice(0, 5)))
    await (scene.harness.restart ?? (() => scene.log.close()))()
    const log = await scene.harness.create()
    const again = new LogScene(scene.harness, log)
    try {
      if (!log.capabilities.durable) {
        assert.deepEqual(await log.inspect().topics(), [])
        return
      }
      const rest = await again.collect([await again.open('readers', [topic])], 15)
      assert.deepEqual(
        texts(rest),
        Array.from({ length: 15 }, (_, i) => String(i + 5)),
      )
      const all = await again.collect([await again.open('new readers', [topic])], 20)
      assert.deepEqual(texts(all).sort(), numbered(20))
    } finally {
      await log.close()
    }
  }),
]
