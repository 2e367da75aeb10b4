import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Cursor, Log, LogEntry, Partition, Position } from '../../../src/contracts/log.ts'
import { partitionId } from '../../../src/contracts/log.ts'
import type { KafkaOptions } from '../../../src/kafka/cluster/kafka-options.ts'
import { record, rejectsWith, take, texts } from '../../../src/testing/conformance/log-scene.ts'
import { mortalLog, noKafka, sessionHasPassed, unique, until } from './scene.ts'

const kafkaTest = (name: string, play: (scene: Scene) => Promise<void>): void => {
  test(`kafka members: ${name}`, { skip: noKafka, timeout: 90_000 }, async () => {
    const scene = new Scene()
    try {
      await play(scene)
    } finally {
      await scene.end()
    }
  })
}

/** A topic, and members of one group that each have a log of their own, as processes have. */
class Scene {
  readonly topic = unique('orders')
  readonly group = unique('readers')
  readonly log: Log = mortalLog().log
  readonly #logs: Log[] = [this.log]

  async topicOf(partitions: number): Promise<void> {
    await this.log.ensureTopics([{ name: this.topic, partitions }])
  }

  async member(options: Partial<KafkaOptions> = {}): Promise<Cursor> {
    return (await this.memberOf(options)).cursor
  }

  async memberOf(options: Partial<KafkaOptions> = {}): Promise<{ log: Log; cursor: Cursor; die(): Promise<void> }> {
    const { log, die } = mortalLog(options)
    this.#logs.push(log)
    return { log, die, cursor: await log.open(this.group, [this.topic]) }
  }

  async append(value: string, partition: number): Promise<Position> {
    const [position] = await this.log.append([record(this.topic, 'k', value, partition)])
    assert.ok(position !== undefined)
    return position
  }

  committed(): Promise<readonly Position[]> {
    return this.log.inspect().committed(this.group)
  }

  async end(): Promise<void> {
    for (const log of this.#logs) await log.close()
  }
}

const ids = (partitions: readonly Partition[]): string[] => partitions.map(partitionId).sort()

/** Polls until the cursor holds that many partitions. */
async function hold(cursor: Cursor, count: number): Promise<readonly LogEntry[]> {
  const entries: LogEntry[] = []
  await until(`a member holds ${count}`, async () => {
    entries.push(...(await take(cursor)))
    return cursor.assignment().length === count
  })
  return entries
}

kafkaTest('what is not drained in time goes to the next member, and its commits are refused', async (scene) => {
  await scene.topicOf(4)
  const slow = await scene.member({ drainTimeoutMs: 300 })
  await hold(slow, 4)
  for (const partition of [0, 1, 2, 3]) await scene.append('x', partition)
  const before = slow.assignment()
  const young = await scene.member()
  await hold(slow, 2)
  // The one that lost does not poll again: it is still busy with what it has.
  await hold(young, 2)
  const kept = new Set(ids(slow.assignment()))
  for (const partition of before) {
    const commit = slow.commit([{ ...partition, offset: 1 }])
    if (kept.has(partitionId(partition))) await commit
    else await rejectsWith(commit, 'FB_FENCED')
  }
  assert.deepEqual(ids(await scene.committed()), [...kept].sort())
})

kafkaTest('a member that never polls loses its share in time, and keeps the rest', async (scene) => {
  await scene.topicOf(4)
  const stuck = await scene.member({ drainTimeoutMs: 300 })
  await hold(stuck, 4)
  const young = await scene.member()
  await hold(young, 2)
  assert.equal(stuck.assignment().length, 4, 'what it sees changes only with a poll')
  const lost = young.assignment()[0]
  assert.ok(lost !== undefined)
  await rejectsWith(stuck.commit([{ ...lost, offset: 0 }]), 'FB_FENCED')
  await hold(stuck, 2)
  assert.deepEqual(
    [...ids(stuck.assignment()), ...ids(young.assignment())].sort(),
    [0, 1, 2, 3].map((p) => `${scene.topic}/${p}`),
  )
})

kafkaTest('a member stays one while its caller works, however long', async (scene) => {
  const sessionTimeoutMs = 2000
  await scene.topicOf(1)
  const busy = await scene.member({ sessionTimeoutMs })
  await hold(busy, 1)
  const members = await scene.log.inspect().members(scene.group)
  await sessionHasPassed(sessionTimeoutMs)
  await sessionHasPassed(sessionTimeoutMs)
  assert.deepEqual(await scene.log.inspect().members(scene.group), members)
  await busy.commit([{ topic: scene.topic, partition: 0, offset: 0 }])
})

kafkaTest('kept partitions flow while others are handed over', async (scene) => {
  await scene.topicOf(2)
  const old = await scene.member()
  await hold(old, 2)
  const young = await scene.member()
  await hold(old, 1)
  const [kept] = old.assignment()
  assert.ok(kept !== undefined)
  // Not acknowledged: the round is open as long as `old` does not poll, so it polls for what it kept.
  await scene.append('kept', kept.partition)
  const got: LogEntry[] = []
  await until('the kept partition has gone on', async () => {
    got.push(...(await take(old)))
    return got.length > 0
  })
  assert.deepEqual(texts(got), ['kept'])
  await hold(young, 1)
})

kafkaTest('what is being drained goes to nobody in the rounds that come meanwhile', async (scene) => {
  await scene.topicOf(4)
  const old = await scene.member()
  await hold(old, 4)
  const second = await scene.member()
  await hold(old, 2)
  const kept = new Set(ids(old.assignment()))
  const lost = [0, 1, 2, 3].filter((partition) => !kept.has(`${scene.topic}/${partition}`))
  // Not acknowledged yet, and another round begins and ends.
  const third = await scene.member()
  await until('three are in the group', async () => (await scene.log.inspect().members(scene.group)).length === 3)
  for (let i = 0; i < 10; i++) {
    await take(second)
    await take(third)
  }
  assert.deepEqual([...second.assignment(), ...third.assignment()], [])
  await old.commit(lost.map((partition) => ({ topic: scene.topic, partition, offset: 0 })))
  await until('each has its share', async () => {
    for (const member of [old, second, third]) await take(member)
    return [old, second, third].every((member) => member.assignment().length > 0)
  })
})

kafkaTest('a group from latest has its place when it is opened, also for the next owner', async (scene) => {
  await scene.topicOf(1)
  await scene.append('before', 0)
  const first = mortalLog()
  const cursor = await first.log.open(scene.group, [scene.topic], { from: 'latest' })
  await hold(cursor, 1)
  await scene.append('between', 0)
  await first.die()
  const heir = mortalLog()
  try {
    const next = await heir.log.open(scene.group, [scene.topic], { from: 'latest' })
    const got: string[] = []
    await until('it goes on', async () => got.push(...texts(await take(next))) > 0)
    assert.deepEqual(got, ['between'])
  } finally {
    await heir.log.close()
  }
})

kafkaTest('a paused partition is still paused after a rebalance, and has lost nothing', async (scene) => {
  await scene.topicOf(4)
  const old = await scene.member()
  await hold(old, 4)
  for (const partition of [0, 1, 2, 3]) await scene.append(`first-${partition}`, partition)
  old.pause(old.assignment())
  const young = await scene.member()
  await hold(old, 2)
  const [still, other] = old.assignment()
  assert.ok(still !== undefined && other !== undefined)
  old.pause([still])
  assert.deepEqual(texts(await take(old)), [`first-${other.partition}`])
  await hold(young, 2)
  await scene.append(`second-${other.partition}`, other.partition)
  const got: string[] = []
  await until('the other partition has flowed', async () => got.push(...texts(await take(old))) > 0)
  assert.deepEqual(got, [`second-${other.partition}`])
  old.pause([])
  const late: string[] = []
  await until('the paused one goes on', async () => late.push(...texts(await take(old))) > 0)
  assert.deepEqual(late, [`first-${still.partition}`])
})

kafkaTest('commits go through while members come and go', async (scene) => {
  await scene.topicOf(3)
  await scene.log.append(Array.from({ length: 3000 }, (_, i) => record(scene.topic, null, 'x', i % 3)))
  const steady = await scene.member()
  await hold(steady, 3)
  let isOver = false
  let offset = 0
  const committing = (async (): Promise<void> => {
    while (!isOver) {
      const mine = steady.assignment()
      offset = Math.min(1000, offset + 1)
      await steady.commit(mine.map((partition) => ({ ...partition, offset }))).catch((error) => {
        if (error.code !== 'FB_FENCED') throw error
      })
      await take(steady)
    }
  })()
  for (let i = 0; i < 5; i++) {
    const guest = await scene.member()
    await until('the guest has its share', async () => {
      await take(guest)
      return guest.assignment().length > 0
    })
    await guest.close()
  }
  await until('all is back', () => steady.assignment().length === 3)
  isOver = true
  await committing
  await steady.commit(steady.assignment().map((partition) => ({ ...partition, offset: 7 })))
  assert.deepEqual(
    (await scene.committed()).map((position) => position.offset),
    [7, 7, 7],
  )
})

kafkaTest('a static member keeps its partitions over a restart, and nobody is disturbed', async (scene) => {
  await scene.topicOf(4)
  const first = await scene.memberOf({ instanceId: 'one', sessionTimeoutMs: 30_000 })
  const other = await scene.member({ instanceId: 'two', sessionTimeoutMs: 30_000 })
  await until('they share', async () => {
    await take(first.cursor)
    await take(other)
    return first.cursor.assignment().length === 2 && other.assignment().length === 2
  })
  const mine = ids(first.cursor.assignment())
  const theirs = ids(other.assignment())
  await first.cursor.commit(first.cursor.assignment().map((partition) => ({ ...partition, offset: 0 })))
  await first.log.close()
  const again = await scene.member({ instanceId: 'one', sessionTimeoutMs: 30_000 })
  await hold(again, 2)
  assert.deepEqual(ids(again.assignment()), mine)
  await take(other)
  assert.deepEqual(ids(other.assignment()), theirs)
  assert.equal((await scene.log.inspect().members(scene.group)).length, 2)
})

for (const hearing of ['a heartbeat', 'a commit'] as const) {
  kafkaTest(
    `two members with one instanceId: the first is told by ${hearing}, and does not fight back`,
    async (scene) => {
      await scene.topicOf(1)
      const first = await scene.member({ instanceId: 'same', heartbeatMs: hearing === 'a commit' ? 3000 : 100 })
      await hold(first, 1)
      const second = await scene.member({ instanceId: 'same' })
      if (hearing === 'a commit') await assert.rejects(first.commit([{ topic: scene.topic, partition: 0, offset: 0 }]))
      await until('the second holds it', async () => {
        await take(second)
        return second.assignment().length === 1
      })
      await until('the first is told', async () => {
        const error = await take(first).then(
          () => undefined,
          (reason) => reason,
        )
        if (error === undefined) return false
        assert.equal(error.code, 'FB_LOG_REFUSED')
        assert.match(error.message, /instanceId "same" is used by another/)
        return true
      })
      await take(second)
      assert.equal(second.assignment().length, 1)
    },
  )
}

kafkaTest('a member that the group has given up is fenced, and joins again by itself', async (scene) => {
  await scene.topicOf(1)
  const { cursor, log } = await scene.memberOf()
  await hold(cursor, 1)
  const [member] = await scene.log.inspect().members(scene.group)
  assert.ok(member !== undefined)
  await removeMember(scene.group, member.id)
  await rejectsWith(cursor.commit([{ topic: scene.topic, partition: 0, offset: 3 }]), 'FB_FENCED')
  await until('it has seen the loss', async () => {
    await take(cursor)
    return cursor.assignment().length === 0
  })
  await hold(cursor, 1)
  await cursor.commit([{ topic: scene.topic, partition: 0, offset: 0 }])
  await log.close()
})

/** As an operator does with kafka-consumer-groups. */
async function removeMember(group: string, memberId: string): Promise<void> {
  const { Admin } = await import('@platformatic/kafka')
  const { brokers } = await import('./scene.ts')
  const admin = new Admin({ clientId: 'operator', bootstrapBrokers: [...brokers] })
  await admin.removeMembersFromConsumerGroup({ groupId: group, members: [{ memberId }] })
  await admin.close()
}
