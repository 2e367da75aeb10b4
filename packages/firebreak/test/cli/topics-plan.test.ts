import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TopicSpec } from '../../src/contracts/log.ts'
import { emptyScene, run, type Scene } from './scene.ts'

const namesIn = async (scene: Scene): Promise<readonly string[]> => {
  const log = scene.config.log()
  const topics = await log.inspect().topics()
  await log.close()
  return topics.map(({ name }) => name).sort()
}

async function have(scene: Scene, ...topics: readonly TopicSpec[]): Promise<void> {
  const log = scene.config.log()
  await log.ensureTopics(topics)
  await log.close()
}

test('topics --plan: shows what is missing, creates nothing, and ends with 1', async (t) => {
  const scene = emptyScene(t)
  const { exit, out, err } = await run(scene, ['topics', '--plan'])
  assert.equal(exit, 1)
  assert.match(out, /^TOPIC +PARTITIONS +KEPT +PLAN\ninvoices +1 +7 d +create\norders +2 +7 d +create\n$/)
  assert.match(err, /2 topics to create: firebreak topics --create/)
  assert.deepEqual(await namesIn(scene), [])
})

test('topics --create: shows the same plan, creates what is missing, and then nothing is to do', async (t) => {
  const scene = emptyScene(t)
  await have(scene, { name: 'orders', partitions: 2 })
  const planned = await run(scene, ['topics', '--plan'])
  const created = await run(scene, ['topics', '--create'])
  assert.deepEqual([created.exit, created.out], [0, planned.out])
  assert.match(created.err, /^Created 1 topic\.$/m)
  assert.deepEqual(await namesIn(scene), ['invoices', 'orders'])
  const again = await run(scene, ['topics', '--plan'])
  assert.deepEqual([again.exit, again.err], [0, 'Nothing to do.\n'])
})

test('topics --create: a topic with too few partitions stays as it is, is told in the words of the error, and ends with 1', async (t) => {
  const scene = emptyScene(t)
  await have(scene, { name: 'orders', partitions: 1 })
  const { exit, out, err } = await run(scene, ['topics', '--create'])
  assert.equal(exit, 1)
  assert.match(out, /^orders: topic orders has 1 partitions, the definition says 2: /m)
  assert.match(err, /Created 1 topic\.\nServices refuse to start with orders\./)
  assert.match((await run(scene, ['topics', '--plan'])).out, /^orders +1 +7 d +mismatch$/m)
})

test('topics --plan: another retention and topics of others are told, and are nothing to do', async (t) => {
  const scene = emptyScene(t)
  const own = [
    { name: 'orders', partitions: 2, retentionMs: 3_600_000 },
    { name: 'invoices', partitions: 1 },
  ]
  await have(scene, ...own, { name: 'payroll' })
  const { exit, out, err } = await run(scene, ['topics', '--plan'])
  assert.equal(exit, 0)
  assert.match(out, /^orders +2 +1 h +differs$/m)
  assert.match(out, /^orders: its records are kept shorter than declared/m)
  assert.match(err, /\(1 other topic in the log, not touched: payroll\)/)
})

test('topics --plan --json: the plan as a document, with what is to do', async (t) => {
  const scene = emptyScene(t)
  await have(scene, { name: 'orders', partitions: 2 })
  const planned = JSON.parse((await run(scene, ['topics', '--plan', '--json'])).out)
  const kept = { partitions: 2, retentionMs: 604_800_000 }
  assert.deepEqual(planned.topics[1], { name: 'orders', state: 'fine', declared: kept, found: kept, remarks: [] })
  assert.deepEqual([planned.others, planned.created, planned.toDo], [[], [], ['invoices']])
  const created = JSON.parse((await run(scene, ['topics', '--create', '--json'])).out)
  assert.deepEqual([created.created, created.toDo], [['invoices'], []])
})

test('topics --plan: a service that mirrors its dead letters needs their topic too', async (t) => {
  const scene = emptyScene(t)
  const services = scene.config.services.map((entry) => ({ ...entry, mirrorDeadLetters: true }))
  const { out } = await run({ ...scene, config: { ...scene.config, services } }, ['topics', '--plan'])
  assert.match(out, /^invoicing\.dlq +6 +30 d +create$/m)
})

test('topics: --plan with --create, or with a name, is 2', async (t) => {
  const scene = emptyScene(t)
  for (const line of [
    ['--plan', '--create'],
    ['orders', '--plan'],
    ['orders', '--create'],
  ])
    assert.equal((await run(scene, ['topics', ...line])).exit, 2, line.join(' '))
  assert.deepEqual(await namesIn(scene), [])
})
