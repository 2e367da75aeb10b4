/** One member of a scripted group: orders of events that a real broker does not let a test choose. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Cursor } from '../../../src/contracts/log.ts'
import { encodeSubscription } from '../../../src/kafka/group/group-codec.ts'
import { rejectsWith } from '../../../src/testing/conformance/log-scene.ts'
import { ids, pollOnce, ScriptedGroup } from './scripted-group.ts'

const t0 = { topic: 't', partition: 0 }
const notCoordinator = 16
const illegalGeneration = 22
const unknownMember = 25
const rebalance = 27
const fencedInstance = 82
const coordinatorNotAvailable = 15
const inconsistentProtocol = 23
const lostConnection = new Error('the connection was closed')

/** A group, and a cursor that holds `t/0`. */
async function holding(options = {}): Promise<{ group: ScriptedGroup; cursor: Cursor }> {
  const group = new ScriptedGroup({ t: 1 }, options)
  group.given = [t0]
  const cursor = await group.open()
  assert.deepEqual(ids(cursor.assignment()), ['t/0'])
  return { group, cursor }
}

/** A group, and a cursor that was given `t/0` and waits for the position to start at. */
async function waiting(): Promise<{
  group: ScriptedGroup
  cursor: Cursor
  positions: PromiseWithResolvers<undefined>
}> {
  const group = new ScriptedGroup({ t: 1 })
  const positions = Promise.withResolvers<undefined>()
  group.onPositions = () => positions.promise
  group.given = [t0]
  const opening = group.log.open('g', ['t'])
  await group.clock.advance(5000)
  return { group, cursor: await opening, positions }
}

test('a topic that the broker of the leader does not know yet is looked for again, and given out', async () => {
  const group = new ScriptedGroup({ t: 1 })
  group.leads = true
  group.others.push({ memberId: 'm2', metadata: encodeSubscription({ topics: ['late'], owned: [], generation: -1 }) })
  await group.open(['t'])
  group.topics.set('late', 1)
  await group.clock.advance(31_000)
  assert.equal(group.joins.length, 2)
  await group.log.close()
})

test('a member that leads no more does not look for new partitions', async () => {
  const group = new ScriptedGroup({ t: 1 })
  group.leads = true
  await group.open()
  group.leads = false
  await group.round()
  group.topics.set('t', 2)
  await group.clock.advance(31_000)
  assert.equal(group.joins.length, 2)
  await group.log.close()
})

test('what is taken while a round is under way was claimed in it', async () => {
  const { group, cursor, positions } = await waiting()
  group.onJoin = () => new Promise(() => undefined)
  await group.round()
  positions.resolve(undefined)
  await group.clock.settle()
  await pollOnce(cursor)
  assert.deepEqual(ids(cursor.assignment()), ['t/0'])
  assert.deepEqual(ids(group.joins.at(-1)?.owned ?? []), ['t/0'])
  await group.log.close()
})

test('what was claimed, never taken and given away moves with another round, begun at once', async () => {
  const { group, cursor, positions } = await waiting()
  group.given = []
  await group.round()
  assert.deepEqual(
    group.joins.map(({ owned }) => ids(owned)),
    [[], ['t/0'], []],
  )
  positions.resolve(undefined)
  await group.clock.settle()
  await pollOnce(cursor)
  assert.deepEqual(cursor.assignment(), [])
  await group.log.close()
})

test('a claim is as old as the last round that was finished', async () => {
  const { group } = await holding()
  group.onSync = () => {
    group.onSync = () => undefined
    return rebalance
  }
  await group.round()
  assert.deepEqual(
    group.joins.map(({ generation }) => generation),
    [-1, 1, 1],
  )
  await group.log.close()
})

test('commits of a cursor go out one after the other: one that is sent again is not behind a newer one', async () => {
  const { group, cursor } = await holding()
  const first = Promise.withResolvers<Error>()
  group.onCommit = () => first.promise
  const commits = [1, 2].map((offset) => cursor.commit([{ ...t0, offset }]))
  await group.clock.settle()
  group.onCommit = () => undefined
  first.resolve(lostConnection)
  await group.clock.advance(1000)
  await Promise.all(commits)
  assert.deepEqual(
    group.commits.map(({ positions }) => positions[0]?.offset),
    [1, 1, 2],
  )
  await group.log.close()
})

test('a commit is not sent again when its partition has left meanwhile', async () => {
  const { group, cursor } = await holding()
  group.onCommit = () => notCoordinator
  const commit = rejectsWith(cursor.commit([{ ...t0, offset: 1 }]), 'FB_FENCED')
  group.given = []
  await group.round()
  await pollOnce(cursor)
  await pollOnce(cursor)
  const sent = group.commits.length
  group.onCommit = () => undefined
  await group.clock.advance(5000)
  await commit
  assert.equal(group.commits.length, sent)
  await group.log.close()
})

test('a commit that a round holds up for too long is fenced: nothing is wrong with the set-up', async () => {
  const { group, cursor } = await holding({ appendTimeoutMs: 2000 })
  group.onJoin = () => new Promise(() => undefined)
  await group.round()
  group.onCommit = () => illegalGeneration
  const commit = rejectsWith(cursor.commit([{ ...t0, offset: 1 }]), 'FB_FENCED')
  await group.clock.advance(5000)
  await commit
  await group.log.close()
})

test('a commit that hears of another member with the same instanceId stops this one, which does not join again', async () => {
  const { group, cursor } = await holding({ instanceId: 'same' })
  group.onCommit = () => fencedInstance
  await rejectsWith(cursor.commit([{ ...t0, offset: 1 }]), 'FB_LOG_REFUSED')
  assert.deepEqual(await pollOnce(cursor), [])
  assert.deepEqual(cursor.assignment(), [])
  await rejectsWith(pollOnce(cursor), 'FB_LOG_REFUSED')
  await group.clock.advance(10_000)
  assert.equal(group.joins.length, 1)
  await group.log.close()
})

test('a request to join of our own that got no answer explains a fence: the member joins again', async () => {
  const { group, cursor } = await holding({ instanceId: 'same' })
  const answers = [lostConnection, fencedInstance]
  group.onJoin = () => answers.shift()
  await group.round()
  assert.deepEqual(await pollOnce(cursor), [])
  await pollOnce(cursor)
  await group.clock.settle()
  assert.deepEqual(
    group.joins.map(({ memberId }) => memberId),
    ['', 'm1', 'm1', ''],
  )
  await pollOnce(cursor)
  assert.deepEqual(ids(cursor.assignment()), ['t/0'])
  await group.log.close()
})

test('a request to join that its coordinator could not do explains a fence too: the next one may find it done', async () => {
  const { group, cursor } = await holding({ instanceId: 'same' })
  const answers = [coordinatorNotAvailable]
  group.onJoin = () => answers.shift()
  await group.round()
  assert.equal(group.joins.length, 3)
  group.onBeat = () => {
    group.onBeat = () => undefined
    return fencedInstance
  }
  await group.clock.advance(1000)
  assert.deepEqual(await pollOnce(cursor), [])
  await pollOnce(cursor)
  await group.clock.settle()
  assert.equal(group.joins.length, 4)
  await group.log.close()
})

test('a request to join that got no answer explains a fence for a minute, also behind one that was answered', async () => {
  const { group, cursor } = await holding({ instanceId: 'same' })
  const answers = [lostConnection]
  group.onJoin = () => answers.shift()
  await group.round()
  assert.equal(group.joins.length, 3)
  const fence = async (): Promise<void> => {
    group.onBeat = () => {
      group.onBeat = () => undefined
      return fencedInstance
    }
    await group.clock.advance(1000)
  }
  await group.clock.advance(50_000)
  await fence()
  assert.deepEqual(await pollOnce(cursor), [])
  await pollOnce(cursor)
  await group.clock.settle()
  assert.equal(group.joins.length, 4)
  await group.clock.advance(10_000)
  await fence()
  await rejectsWith(pollOnce(cursor), 'FB_LOG_REFUSED')
  assert.equal(group.joins.length, 4)
  await group.log.close()
})

test('a fence before the round is finished comes of a coordinator that does not know the round: the member joins again', async () => {
  const group = new ScriptedGroup({ t: 1 }, { instanceId: 'same' })
  group.given = [t0]
  group.onSync = () => {
    group.onSync = () => undefined
    return fencedInstance
  }
  const cursor = await group.open()
  await pollOnce(cursor)
  await group.clock.settle()
  await pollOnce(cursor)
  assert.deepEqual(ids(cursor.assignment()), ['t/0'])
  assert.equal(group.joins.length, 2)
  await group.log.close()
})

test('so does one that the next request to join brings: the round had given the id, and its end was lost', async () => {
  const group = new ScriptedGroup({ t: 1 }, { instanceId: 'same' })
  group.given = [t0]
  const syncs = [lostConnection]
  group.onSync = () => syncs.shift()
  group.onJoin = ({ memberId }) => (memberId === 'm1' ? fencedInstance : undefined)
  const opening = group.log.open('g', ['t'])
  await group.clock.advance(2000)
  const cursor = await opening
  await pollOnce(cursor)
  await group.clock.settle()
  await pollOnce(cursor)
  assert.deepEqual(ids(cursor.assignment()), ['t/0'])
  assert.deepEqual(
    group.joins.map(({ memberId }) => memberId),
    ['', 'm1', ''],
  )
  await group.log.close()
})

test('a fence of an id that a round was finished with stops the member, also in the middle of the next round', async () => {
  const { group, cursor } = await holding({ instanceId: 'same' })
  group.onSync = () => fencedInstance
  await group.round()
  assert.deepEqual(await pollOnce(cursor), [])
  await rejectsWith(pollOnce(cursor), 'FB_LOG_REFUSED')
  await group.clock.advance(10_000)
  assert.equal(group.joins.length, 2)
  await group.log.close()
})

test('a commit that was sent under an id of before says nothing about the id of now, also in one generation', async () => {
  const { group, cursor } = await holding({ instanceId: 'same' })
  const late = Promise.withResolvers<number>()
  group.onCommit = () => late.promise
  const commit = cursor.commit([{ ...t0, offset: 1 }])
  group.onBeat = () => unknownMember
  await group.clock.advance(1000)
  group.onBeat = () => undefined
  group.begins = false
  await pollOnce(cursor)
  await pollOnce(cursor)
  await group.clock.settle()
  await pollOnce(cursor)
  group.onCommit = () => undefined
  late.resolve(fencedInstance)
  await group.clock.advance(1000)
  await rejectsWith(commit, 'FB_FENCED')
  assert.deepEqual(ids(cursor.assignment()), ['t/0'])
  await cursor.commit([{ ...t0, offset: 1 }])
  assert.equal(group.joins.length, 2)
  await group.log.close()
})

test('a commit that is refused while a round is due waits for what the round brings, and loses nothing', async () => {
  const { group, cursor } = await holding()
  const answers = Array.from({ length: 6 }, () => lostConnection)
  group.onJoin = () => answers.shift()
  await group.round()
  assert.ok(answers.length > 0, 'the round is tried again')
  group.onCommit = ({ generation }) => (generation === 1 ? illegalGeneration : undefined)
  const commit = cursor.commit([{ ...t0, offset: 1 }])
  await group.clock.advance(3000)
  await commit
  assert.deepEqual(
    group.joins.map(({ memberId }) => memberId),
    ['', ...Array.from({ length: 7 }, () => 'm1')],
  )
  assert.deepEqual(await pollOnce(cursor), [])
  assert.deepEqual(ids(cursor.assignment()), ['t/0'])
  await group.log.close()
})

test('a poll tells that nobody coordinates the group, every ten seconds', async () => {
  const group = new ScriptedGroup({ t: 1 })
  group.onCoordinator = () => notCoordinator
  group.given = [t0]
  const opening = group.log.open('g', ['t'])
  await group.clock.advance(5000)
  const cursor = await opening
  assert.deepEqual(await pollOnce(cursor), [])
  for (let i = 0; i < 2; i++) {
    await group.clock.advance(10_000)
    await rejectsWith(pollOnce(cursor), 'FB_LOG_UNAVAILABLE')
    assert.deepEqual(await pollOnce(cursor), [])
  }
  group.onCoordinator = () => undefined
  await group.clock.advance(2000)
  await pollOnce(cursor)
  assert.deepEqual(ids(cursor.assignment()), ['t/0'])
  await group.log.close()
})

test('a poll tells that committed positions do not come', async () => {
  const { group, cursor, positions } = await waiting()
  assert.deepEqual(await pollOnce(cursor), [])
  await group.clock.advance(5000)
  await rejectsWith(pollOnce(cursor), 'FB_LOG_UNAVAILABLE')
  positions.resolve(undefined)
  await group.clock.settle()
  await pollOnce(cursor)
  assert.deepEqual(ids(cursor.assignment()), ['t/0'])
  await group.log.close()
})

test('a member that is given nothing has no failure to report', async () => {
  const group = new ScriptedGroup({ t: 1 })
  const cursor = await group.open()
  await group.clock.advance(60_000)
  assert.deepEqual(await pollOnce(cursor), [])
  await group.log.close()
})

test('what was drained when the membership was lost can be committed when it comes back', async () => {
  const { group, cursor } = await holding()
  group.given = []
  await group.round()
  await pollOnce(cursor)
  group.given = [t0]
  group.onBeat = () => unknownMember
  await group.clock.advance(1000)
  group.onBeat = () => undefined
  await pollOnce(cursor)
  await group.clock.settle()
  await pollOnce(cursor)
  assert.deepEqual(ids(cursor.assignment()), ['t/0'])
  await cursor.commit([{ ...t0, offset: 1 }])
  await pollOnce(cursor)
  assert.deepEqual(ids(cursor.assignment()), ['t/0'])
  await group.log.close()
})

test('an answer that was read long after it was written does not prove that the session lasts', async () => {
  const { group, cursor } = await holding({ sessionTimeoutMs: 30_000 })
  const join = Promise.withResolvers<undefined>()
  group.onJoin = () => join.promise
  group.onSync = () => new Promise(() => undefined)
  await group.round()
  await group.clock.advance(31_000)
  join.resolve(undefined)
  await group.clock.settle()
  await rejectsWith(cursor.commit([{ ...t0, offset: 1 }]), 'FB_FENCED')
  assert.deepEqual(group.commits, [])
  await group.log.close()
})

for (const step of ['join', 'sync'] as const) {
  test(`a member that leaves while it is about to ${step} does not, and opens no connection again`, async () => {
    const group = new ScriptedGroup({ t: 1 })
    group.given = [t0]
    await group.open()
    const late = Promise.withResolvers<undefined>()
    if (step === 'join') group.onJoin = () => lostConnection
    else {
      group.leads = true
      group.onMetadata = () => late.promise
    }
    group.onCoordinator = () => late.promise
    await group.round()
    const before = group.asked.length
    const closing = group.log.close()
    await group.clock.advance(2000)
    late.resolve(undefined)
    await closing
    const after = group.asked.slice(before)
    assert.ok(!after.includes(step), after.join())
    assert.deepEqual(
      [...group.opened].filter((channel) => channel.startsWith('member')),
      [],
    )
  })
}

test('a group whose members assign in another way is refused with a sentence that says so', async () => {
  const group = new ScriptedGroup({ t: 1 })
  group.onJoin = () => inconsistentProtocol
  const opening = group.log.open('g', ['t'])
  opening.catch(() => undefined)
  await group.clock.advance(1000)
  await rejectsWith(opening, 'FB_LOG_REFUSED')
  await assert.rejects(opening, /group g has members that do not assign by "cooperative-sticky"/)
  await group.log.close()
})
