import assert from 'node:assert/strict'
import { test } from 'node:test'
import { kafkaLog } from 'firebreak/kafka'
import { kafkaBrokers, skipReason } from '../../../firebreak/test/real/servers.ts'
import { runReal } from '../../src/live/live.ts'
import { arm, model, queue, scenario, steady } from '../process/real-scene.ts'

const brokers = kafkaBrokers()

test('the lab runs queue edges on Kafka, and removes its topics and groups', {
  skip: brokers ? false : skipReason.kafka,
}, async (t) => {
  const kafka = brokers as readonly string[]
  const log = kafkaLog({ brokers: kafka })
  t.after(() => log.close())
  const names = async (): Promise<readonly string[]> => {
    const all = [...(await log.inspect().topics()).map(({ name }) => name), ...(await log.inspect().groups())]
    return all.filter((name) => name.startsWith('firebreak-lab-')).toSorted()
  }
  const before = await names()
  const services = [model('web'), model('work', { latency: { kind: 'constant', ms: 10 } })]
  const traffic = [steady('web', 40)]
  const of = (publish: 'outbox' | 'direct') =>
    arm(publish, { services, edges: [queue('web', 'work', { publish, kind: 'stream', partitions: 3 })], traffic })
  const seen: string[] = []
  const onProgress = async (): Promise<void> => void seen.push(...(await names()))
  const real = await runReal(scenario([of('outbox'), of('direct')]), { kafka, onProgress })
  for (const { successRatio, offered } of Object.values(real.arms)) assert.deepEqual([successRatio, offered], [1, 40])
  for (const { ok, where } of Object.values(real.checks)) assert.ok(ok, where)
  assert.ok(seen.some((name) => !before.includes(name)))
  assert.deepEqual(
    (await names()).filter((name) => !before.includes(name)),
    [],
  )
})

test('brokers that do not answer are reported before anything is started', async () => {
  const one = arm('one', { services: [model('web')], edges: [queue('web', 'web')], traffic: [steady('web', 1)] })
  const started: string[] = []
  const onProgress = (_done: number, _total: number, what: string): void => void started.push(what)
  await assert.rejects(runReal(scenario([one]), { kafka: ['127.0.0.1:1'], onProgress }), { code: 'FB_LOG_UNAVAILABLE' })
  assert.deepEqual(started, [])
})
