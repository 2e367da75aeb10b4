import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { Admin, ConfigResourceTypes } from '@platformatic/kafka'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import type { Log } from '../../../src/contracts/log.ts'
import type { KafkaOptions } from '../../../src/kafka/cluster/kafka-options.ts'
import { kafkaLog } from '../../../src/kafka/kafka-log.ts'
import { systemClock } from '../../../src/node/clock.ts'
import { record, rejectsWith, texts } from '../../../src/testing/conformance/log-scene.ts'
import { brokers, mortalLog, noKafka, unique } from './scene.ts'

const kafkaTest = (
  name: string,
  play: (scene: { log: Log; topic: string }) => Promise<void>,
  options: Partial<KafkaOptions> = {},
): void => {
  test(`kafka writing: ${name}`, { skip: noKafka, timeout: 60_000 }, async () => {
    const { log } = mortalLog(options)
    try {
      await play({ log, topic: unique('orders') })
    } finally {
      await log.close()
    }
  })
}

const next = async (log: Log, topic: string): Promise<number> =>
  (await log.inspect().topics()).find(({ name }) => name === topic)?.ends.reduce((sum, end) => sum + end.next, 0) ?? -1

kafkaTest(
  'a record above the limit of its topic is refused before anything is sent',
  async ({ log, topic }) => {
    await log.ensureTopics([{ name: topic, partitions: 1 }])
    const call = log.append([record(topic, 'k', 'fits'), record(topic, 'k', 'x'.repeat(2000))])
    await assert.rejects(call, (error) => {
      assert.ok(isFirebreakError(error, 'FB_RECORD_TOO_LARGE'))
      assert.equal(error.detail['limit'], 1500)
      return true
    })
    assert.equal(await next(log, topic), 0)
    const many = Array.from({ length: 40 }, (_, i) => record(topic, 'k', `${i}-${'x'.repeat(300)}`))
    await log.append(many)
    assert.equal(await next(log, topic), 40, 'many that fit are never one batch that does not')
  },
  { topicConfigs: { 'max.message.bytes': '1500' } },
)

kafkaTest(
  'a record that its topic does not take is named with the reason',
  async ({ log, topic }) => {
    await log.ensureTopics([{ name: topic, partitions: 1 }])
    await rejectsWith(log.append([record(topic, null, 'no key in a compacted topic')]), 'FB_RECORD_REFUSED')
    await log.append([record(topic, 'k', 'goes on')])
    assert.equal(await next(log, topic), 1)
  },
  { topicConfigs: { 'cleanup.policy': 'compact' } },
)

kafkaTest(
  'a record that its topic does not take fails its own call, and nothing of that call runs ahead',
  async ({ log, topic }) => {
    await log.ensureTopics([{ name: topic, partitions: 1 }])
    const large = 'x'.repeat(400_000)
    // Two batches, and the calls of others in both.
    const calls = [
      log.append([record(topic, 'k', 'before')]),
      log.append([record(topic, null, 'no key'), record(topic, 'k', `a${large}`), record(topic, 'k', `b${large}`)]),
      log.append([record(topic, 'j', `beside${large}`)]),
    ]
    const outcomes = await Promise.allSettled(calls)
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
    await rejectsWith(calls[1] as Promise<unknown>, 'FB_RECORD_REFUSED')
    await log.append([record(topic, 'k', 'a'), record(topic, 'k', 'b')])
    const found = texts(await log.inspect().read({ topic, partition: 0, offset: 0 }, 10))
    assert.deepEqual(
      found.map((one) => one.replace(/x+$/, '')),
      ['before', 'beside', 'a', 'b'],
    )
  },
  { topicConfigs: { 'cleanup.policy': 'compact' } },
)

kafkaTest('topics get what they declare', async ({ log, topic }) => {
  await log.ensureTopics([{ name: topic, partitions: 2, retentionMs: 3_600_000, retentionBytes: 5_000_000 }])
  const admin = new Admin({ clientId: 'operator', bootstrapBrokers: [...brokers] })
  const [found] = await admin.describeConfigs({
    resources: [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: topic }],
  })
  await admin.close()
  const value = (name: string): unknown => found?.configs.find((config) => config.name === name)?.value
  assert.equal(value('retention.ms'), '3600000')
  assert.equal(value('retention.bytes'), '5000000')
  // Whole segments go: one must not span the time that records may stay.
  assert.equal(value('segment.ms'), '900000')
})

const dayMs = 86_400_000

kafkaTest('records of publishers whose clocks are wrong are taken, and kept as long as any other', async (scene) => {
  const { log, topic } = scene
  await log.ensureTopics([{ name: topic, partitions: 1, retentionMs: 3_600_000 }])
  const fromMs = systemClock.now()
  for (const aheadMs of [dayMs, -dayMs, -fromMs]) {
    const { log: wrong } = mortalLog({}, { ...systemClock, now: () => systemClock.now() + aheadMs })
    await wrong.append([record(topic, 'k', `${aheadMs} ms ahead`)]).finally(() => wrong.close())
  }
  const found = await log.inspect().read({ topic, partition: 0, offset: 0 }, 10)
  assert.equal(found.length, 3)
  // By the broker's clock, on the machine of the test.
  for (const { atMs } of found) assert.ok(Math.abs(atMs - fromMs) < dayMs / 2, `${atMs} is not the time of the broker`)
})

kafkaTest(
  'where topics must not be created, all that is missing is named',
  async ({ log, topic }) => {
    const call = log.ensureTopics([{ name: topic }, { name: `${topic}-2` }])
    await assert.rejects(call, (error) => {
      assert.ok(isFirebreakError(error, 'FB_TOPIC_UNKNOWN'))
      assert.match(error.message, new RegExp(`${topic}, ${topic}-2`))
      return true
    })
    assert.equal(await next(log, topic), -1)
  },
  { createTopics: false },
)

kafkaTest('several instances that create the same topics at once agree', async ({ log, topic }) => {
  const other = mortalLog().log
  try {
    await Promise.all([log, other, log, other].map((one) => one.ensureTopics([{ name: topic, partitions: 5 }])))
    assert.equal((await log.inspect().topics()).find(({ name }) => name === topic)?.partitions, 5)
  } finally {
    await other.close()
  }
})

kafkaTest('a call that has to ask for a topic first keeps its place before later calls', async ({ log, topic }) => {
  const fresh = `${topic}-2`
  await log.ensureTopics([
    { name: topic, partitions: 1 },
    { name: fresh, partitions: 1 },
  ])
  await log.append([record(topic, 'k', 'known')])
  const first = log.append([record(topic, 'k', 'first'), record(fresh, 'k', 'x')])
  const second = log.append([record(topic, 'k', 'second')])
  await Promise.all([first, second])
  const found = await log.inspect().read({ topic, partition: 0, offset: 0 }, 10)
  assert.deepEqual(texts(found), ['known', 'first', 'second'])
})

test('kafka writing: without a broker, calls end in time and say where they looked', async () => {
  const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  const log = kafkaLog({ brokers: [`127.0.0.1:${port}`], appendTimeoutMs: 200 })
  try {
    const calls = [
      log.append([record('t', 'k', 'x')]),
      log.open('g', ['t']),
      log.ensureTopics([{ name: 't' }]),
      log.inspect().topics(),
    ]
    for (const outcome of await Promise.allSettled(calls)) {
      assert.ok(outcome.status === 'rejected' && isFirebreakError(outcome.reason, 'FB_LOG_UNAVAILABLE'))
      assert.match(outcome.reason.message, new RegExp(`127.0.0.1:${port}`))
    }
  } finally {
    await log.close()
    server.close()
  }
})
