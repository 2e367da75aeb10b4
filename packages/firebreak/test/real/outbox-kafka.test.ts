import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Kafka, logLevel } from 'kafkajs'
import { z } from 'zod'
import { isFirebreakError } from '../../src/contracts/errors.ts'
import type { EventDefinition } from '../../src/contracts/event.ts'
import type { Fact } from '../../src/contracts/journal.ts'
import type { Log, LogEntry, LogRecord } from '../../src/contracts/log.ts'
import type { Schema } from '../../src/contracts/schema.ts'
import { event } from '../../src/define/event.ts'
import { service } from '../../src/define/service.ts'
import { addToOutbox } from '../../src/ledger/outbox.ts'
import { verifyLedger } from '../../src/ledger/verify/verify.ts'
import { systemClock } from '../../src/node/clock.ts'
import { systemEntropy } from '../../src/node/entropy.ts'
import { createRuntime, type Runtime } from '../../src/runtime/runtime.ts'
import { sqliteDatabase } from '../../src/sqlite/database/sqlite-database.ts'
import { brokers, mortalLog, noKafka, unique, until } from './kafka/scene.ts'

type Noted = EventDefinition<Schema<{ id: string; text: string }>>
const noted = (type: string, topic: string): Noted =>
  event({ type, topic, key: 'id', schema: z.object({ id: z.string(), text: z.string() }) })

interface Scene {
  readonly log: Log
  readonly facts: readonly Fact[]
  readonly database: ReturnType<typeof sqliteDatabase>
  readonly sick: Noted
  readonly well: Noted
  start(): Promise<Runtime>
}

/** A service that writes to a topic with these settings, and to one as it comes. */
async function outboxScene(t: TestContext, topicConfigs: Readonly<Record<string, string>>): Promise<Scene> {
  const [sick, well] = [noted('noted.sick', unique('sick')), noted('noted.well', unique('well'))]
  const maker = mortalLog({ topicConfigs }).log
  await maker.ensureTopics([{ name: sick.topic }])
  await maker.close()
  const folder = mkdtempSync(join(tmpdir(), 'firebreak-outbox-'))
  const { log } = mortalLog()
  const database = sqliteDatabase({ path: join(folder, 'one.db') })
  const writes = service({ name: unique('writes'), publishes: [sick, well] })
  const facts: Fact[] = []
  const started: Runtime[] = []
  t.after(async () => {
    for (const runtime of started) await runtime.stop({ drainMs: 0 })
    await log.close()
    await database.close()
    rmSync(folder, { recursive: true })
  })
  const start = async (): Promise<Runtime> => {
    const runtime = createRuntime({ service: writes, log, database, observe: (fact) => facts.push(fact) })
    started.push(runtime)
    await runtime.start()
    return runtime
  }
  return { log, facts, database, sick, well, start }
}

async function entriesOf(log: Log, topic: string): Promise<readonly LogEntry[]> {
  const inspection = log.inspect()
  const [info] = await inspection.topics([topic])
  const found = (info?.ends ?? []).map(({ partition, first }) =>
    inspection.read({ topic, partition, offset: first }, 10_000),
  )
  return (await Promise.all(found)).flat()
}

const idsOf = (entries: readonly LogEntry[]): string[] => entries.map(({ headers }) => headers['ce_id'] ?? '').sort()

/** Publishes ten events and waits until they are in the log. **Shape** how long that took, in ms, and their copies. */
async function tenOf({ log, well }: Scene, runtime: Runtime): Promise<{ tookMs: number; copies: number }> {
  const fromMs = systemClock.monotonic()
  const before = (await entriesOf(log, well.topic)).length
  for (let n = 0; n < 10; n++) await runtime.transaction(async (tx) => tx.publish(well, { id: `k${n}`, text: 'short' }))
  await until('ten events of the healthy topic are in the log', async () => {
    return new Set(idsOf(await entriesOf(log, well.topic))).size >= before + 10
  })
  return { tookMs: systemClock.monotonic() - fromMs, copies: (await entriesOf(log, well.topic)).length - before }
}

/** Events of before the topic had its limit. */
async function fill({ database, sick }: Scene, count: number): Promise<void> {
  const value = new TextEncoder().encode(JSON.stringify({ id: 'k', text: 'x'.repeat(50_000) }))
  const records = Array.from({ length: count }, (_, n): LogRecord => {
    const headers = { ce_id: systemEntropy.uuid(), ce_type: sick.type, ce_source: '/t', ce_specversion: '1.0' }
    return { topic: sick.topic, key: `stuck${n}`, value, headers }
  })
  const [verdict] = await database.commit([async (sql) => void (await addToOutbox(sql, records, systemClock.now()))])
  assert.equal(verdict?.ok, true)
}

for (const count of [3, 1200]) {
  test(`with ${count} events that their topic does not take, those of another topic are in the log at once, each once`, {
    skip: noKafka,
    timeout: 120_000,
  }, async (t) => {
    const scene = await outboxScene(t, { 'max.message.bytes': '20000' })
    await (await scene.start()).stop()
    await fill(scene, count)
    const runtime = await scene.start()
    const first = await tenOf(scene, runtime)
    await until('each is told', () => scene.facts.filter(({ kind }) => kind === 'blocked').length === count)
    const later = await tenOf(scene, runtime)
    t.diagnostic(`${first.tookMs.toFixed(0)} ms while they are found out, ${later.tookMs.toFixed(0)} ms beside them`)
    assert.deepEqual([first.copies, later.copies], [10, 10])
    assert.deepEqual(await entriesOf(scene.log, scene.sick.topic), [])
    assert.equal((await verifyLedger(scene.database)).blocked, count)
    assert.equal(scene.facts.filter(({ kind }) => kind === 'halted' || kind === 'infrastructure-error').length, 0)
  })
}

test('a transaction refuses what its topic does not take, as publish does', {
  skip: noKafka,
  timeout: 60_000,
}, async (t) => {
  const scene = await outboxScene(t, { 'max.message.bytes': '20000' })
  const runtime = await scene.start()
  const large = { id: 'k', text: 'x'.repeat(50_000) }
  const isTooLarge = (error: unknown): boolean => isFirebreakError(error, 'FB_RECORD_TOO_LARGE')
  await assert.rejects(runtime.publish(scene.sick, large), isTooLarge)
  await assert.rejects(
    runtime.transaction(async (tx) => tx.publish(scene.sick, large)),
    isTooLarge,
  )
  await runtime.transaction(async (tx) => tx.publish(scene.well, large))
  await until('the other topic has it', async () => (await entriesOf(scene.log, scene.well.topic)).length === 1)
})

test('a topic that is missing makes no other one wait, and has each event once when it is back', {
  skip: noKafka,
  timeout: 180_000,
}, async (t) => {
  const scene = await outboxScene(t, {})
  const runtime = await scene.start()
  await deleteTopic(scene.sick.topic)
  await runtime.transaction(async (tx) => {
    for (let n = 0; n < 100; n++) tx.publish(scene.sick, { id: `k${n}`, text: 'waits' })
  })
  const rounds = []
  for (let i = 0; i < 5; i++) rounds.push(await tenOf(scene, runtime))
  t.diagnostic(`rounds of ten took ${rounds.map(({ tookMs }) => tookMs.toFixed(0)).join(', ')} ms`)
  assert.deepEqual(
    rounds.map(({ copies }) => copies),
    [10, 10, 10, 10, 10],
  )
  await until('they are listed', async () => (await runtime.outbox.list({ max: 200 })).length === 100)
  await scene.log.ensureTopics([{ name: scene.sick.topic }])
  const waiting = async (): Promise<number> => (await verifyLedger(scene.database)).outbox
  const haveGone = (): Promise<void> => until('all have gone', async () => (await waiting()) === 0)
  // They are tried again after half a minute at most.
  await haveGone().catch(haveGone)
  const ids = idsOf(await entriesOf(scene.log, scene.sick.topic))
  assert.deepEqual([ids.length, new Set(ids).size], [100, 100])
  assert.equal(scene.facts.filter(({ kind }) => kind === 'halted').length, 0)
})

async function deleteTopic(topic: string): Promise<void> {
  const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    await admin.deleteTopics({ topics: [topic] })
  } finally {
    await admin.disconnect()
  }
}
