import assert from 'node:assert/strict'
import { type Cursor, type LogEntry, type Partition, partitionId } from '../../contracts/log.ts'
import {
  after,
  type LogCase,
  type LogScene,
  logCase,
  never,
  numbered,
  record,
  records,
  rejectsWith,
  take,
  texts,
} from './log-scene.ts'

const ids = (partitions: readonly Partition[]): string[] => partitions.map(partitionId).sort()

/** One member holds all, a second has joined, and the first has just learned which partitions it must give up. */
async function handover(scene: LogScene, topic: string): Promise<{ old: Cursor; young: Cursor; lost: Partition[] }> {
  const old = await scene.open('readers', [topic])
  await scene.share([old], 4)
  await scene.log.append([0, 1, 2, 3].map((partition) => record(topic, 'k', `first-${partition}`, partition)))
  const got = await scene.collect([old], 4)
  assert.equal(got.length, 4)
  const before = old.assignment()
  const young = await scene.open('readers', [topic])
  await scene.until('the first member loses partitions', async () => {
    await take(old)
    return old.assignment().length < 4
  })
  const kept = new Set(ids(old.assignment()))
  return { old, young, lost: before.filter((p) => !kept.has(partitionId(p))) }
}

export const groupCases: readonly LogCase[] = [
  logCase('two members share the partitions, and every record goes to one of them', async (scene) => {
    const topic = await scene.topic('orders', { partitions: 4 })
    const members = [await scene.open('readers', [topic]), await scene.open('readers', [topic])]
    await scene.share(members, 4, 2)
    const [a, b] = members.map((member) => new Set(ids(member.assignment())))
    assert.deepEqual(
      [...(a ?? [])].filter((id) => b?.has(id)),
      [],
    )
    await scene.log.append(records(topic, 100, 50))
    assert.deepEqual(texts(await scene.collect(members, 100)).sort(), numbered(100))
  }),
  logCase('many members over several topics get every record once', async (scene) => {
    const topics = [await scene.topic('first', { partitions: 6 }), await scene.topic('second', { partitions: 6 })]
    const members = await Promise.all(Array.from({ length: 5 }, () => scene.open('readers', topics)))
    await scene.share(members, 12)
    for (const topic of topics) await scene.log.append(records(topic, 250, 100))
    const got = await scene.collect(members, 500)
    for (const topic of topics) {
      const mine = got.filter((entry) => entry.topic === topic)
      assert.deepEqual(texts(mine).sort(), numbered(250))
    }
  }),
  logCase('a member more than there are partitions waits, and takes over when one leaves', async (scene) => {
    const topic = await scene.topic('orders', { partitions: 1 })
    const members = [await scene.open('readers', [topic]), await scene.open('readers', [topic])]
    await scene.share(members, 1, 0)
    const [holder, spare] = members[0]?.assignment().length === 1 ? members : members.toReversed()
    assert.ok(holder !== undefined && spare !== undefined)
    assert.deepEqual(await take(spare), [])
    await holder.close()
    await scene.log.append([record(topic, 'a', 'x')])
    assert.deepEqual(texts(await scene.collect([spare], 1)), ['x'])
  }),
  logCase('a poll that waits learns at once that another member has joined', async (scene) => {
    const topic = await scene.topic('orders', { partitions: 2 })
    const old = await scene.open('readers', [topic])
    await scene.share([old], 2)
    const startedAtMs = scene.harness.clock.now()
    const polling = old.poll({ recordsMax: 10, waitMs: 20_000, signal: never })
    const young = await scene.open('readers', [topic])
    assert.deepEqual(await polling, [])
    assert.ok(scene.harness.clock.now() - startedAtMs < 10_000)
    await scene.share([old, young], 2)
  }),
  logCase('a lost partition can be committed until the next poll, and nobody else gets it before', async (scene) => {
    const topic = await scene.topic('orders', { partitions: 4 })
    const { old, young, lost } = await handover(scene, topic)
    await scene.log.append(lost.map((p) => record(topic, 'k', 'second', p.partition)))
    for (let i = 0; i < 5; i++) assert.deepEqual(await take(young), [])
    assert.deepEqual(young.assignment(), [])
    await old.commit(lost.map((p) => ({ ...p, offset: 1 })))
    await scene
      .share([old, young], 4)
      .then((entries) => assert.ok(entries.every((entry) => texts([entry])[0] === 'second')))
    assert.deepEqual(ids(young.assignment()), ids(lost))
  }),
  logCase('the next member starts where the one before has committed', async (scene) => {
    const topic = await scene.topic('orders', { partitions: 4 })
    const { old, young, lost } = await handover(scene, topic)
    const [committed, left] = lost
    assert.ok(committed !== undefined && left !== undefined)
    await old.commit([{ ...committed, offset: 1 }])
    const got = [...(await scene.share([old, young], 4))]
    await scene.until('what was not committed comes again', async () => {
      got.push(...(await take(young)))
      return got.length > 0
    })
    assert.deepEqual(texts(got), [`first-${left.partition}`])
  }),
  logCase('a commit for a partition that was given up is fenced and changes nothing', async (scene) => {
    const topic = await scene.topic('orders', { partitions: 4 })
    const { old, young, lost } = await handover(scene, topic)
    const [mine] = lost
    assert.ok(mine !== undefined)
    await old.commit([{ ...mine, offset: 1 }])
    await scene.share([old, young], 4)
    await rejectsWith(old.commit([{ ...mine, offset: 0 }]), 'FB_FENCED')
    const committed = await scene.log.inspect().committed(scene.name('readers'))
    assert.equal(committed.find((p) => partitionId(p) === partitionId(mine))?.offset, 1)
  }),
  logCase('when a member leaves, the others go on from what it has committed', async (scene) => {
    const topic = await scene.topic('orders', { partitions: 4 })
    const members = [await scene.open('readers', [topic]), await scene.open('readers', [topic])]
    await scene.share(members, 4, 2)
    await scene.log.append(records(topic, 80, 40))
    const [leaver, stayer] = members as [Cursor, Cursor]
    const done = await take(leaver, 10)
    await leaver.commit(after(done))
    await leaver.close()
    assert.deepEqual(texts([...done, ...(await scene.collect([stayer], 80 - done.length))]).sort(), numbered(80))
  }),
  logCase('when a member dies, another takes over from what it had committed', async (scene) => {
    const topic = await scene.topic('orders', { partitions: 4 })
    const doomed = await scene.harness.create()
    const members = [await doomed.open(scene.name('readers'), [topic]), await scene.open('readers', [topic])]
    await scene.share(members, 4, 2)
    await scene.log.append(records(topic, 80, 40))
    const [dying, heir] = members as [Cursor, Cursor]
    const done = await take(dying, 10)
    await dying.commit(after(done.slice(0, 1)))
    await (scene.harness.crash ?? ((log) => log.close()))(doomed)
    const got: LogEntry[] = []
    const takeover = async (): Promise<boolean> => {
      got.push(...(await take(heir)))
      return got.length >= 79
    }
    await scene.until('the rest has come', takeover, scene.harness.takeoverMs)
    const seen = [...texts(done.slice(0, 1)), ...texts(got)]
    assert.deepEqual(seen.sort(), numbered(80))
  }),
  logCase('members that come and go lose nothing and keep the order of every key', async (scene) => {
    const topic = await scene.topic('orders', { partitions: 4 })
    const members: Cursor[] = [await scene.open('readers', [topic])]
    const seen = new Map<string, number[]>()
    for (let round = 0; round < 8; round++) {
      await scene.log.append(records(topic, 200, 20).map((one) => ({ ...one, headers: { round: String(round) } })))
      if (round % 2 === 0) members.push(await scene.open('readers', [topic]))
      else await members.shift()?.close()
      for (const member of members) {
        const got = await take(member, 50)
        for (const entry of got) note(seen, entry)
        await member.commit(after(got))
      }
    }
    await scene.until('all records are read', async () => {
      for (const member of members) {
        const got = await take(member)
        for (const entry of got) note(seen, entry)
        await member.commit(after(got))
      }
      return [...seen.values()].reduce((sum, list) => sum + list.length, 0) >= 1600
    })
    for (const numbers of seen.values()) {
      assert.deepEqual(
        numbers,
        numbers.toSorted((a, b) => a - b),
      )
      assert.equal(new Set(numbers).size, numbers.length)
    }
  }),
]

function note(seen: Map<string, number[]>, entry: LogEntry): void {
  const number = Number(entry.headers.round) * 1000 + Number(texts([entry])[0])
  const list = seen.get(entry.key ?? '') ?? []
  list.push(number)
  seen.set(entry.key ?? '', list)
}
