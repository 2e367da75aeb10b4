import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compressionsAlgorithms } from '@platformatic/kafka'
import kafkajs from 'kafkajs'
import { z } from 'zod'
import type { Fact } from '../../../src/contracts/journal.ts'
import type { LogRecord } from '../../../src/contracts/log.ts'
import { event } from '../../../src/define/event.ts'
import { handle } from '../../../src/define/handle.ts'
import { service } from '../../../src/define/service.ts'
import { topic as defineTopic } from '../../../src/define/topic.ts'
import { verifyLedger } from '../../../src/ledger/verify/verify.ts'
import { createRuntime } from '../../../src/runtime/runtime.ts'
import { sqliteDatabase } from '../../../src/sqlite/database/sqlite-database.ts'
import { exactOf } from '../../../src/testing/conformance/exact-record.ts'
import { drawOddRecord } from '../../../src/testing/hostile/records.ts'
import { seededEntropy } from '../../../src/testing/virtual-time/seeded-entropy.ts'
import { brokers, mortalLog, noKafka, unique, until } from './scene.ts'

const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = kafkajs
const total = Number(process.env['FIREBREAK_RECORDS'] ?? 4000)
const batch = 250
const goodKeys = 20
const types = { None: 'none', GZIP: 'gzip', Snappy: 'snappy', LZ4: 'lz4', ZSTD: 'zstd' } as const
const retry = { attemptsMax: 2, baseMs: 10, capMs: 10, laneWaitMaxMs: 50 } as const

// The client brings gzip alone.
for (const name of ['Snappy', 'LZ4', 'ZSTD'] as const) {
  const { compressSync, decompressSync } = compressionsAlgorithms[types[name]]
  CompressionCodecs[CompressionTypes[name]] = () => ({
    compress: async ({ buffer }: { buffer: Buffer }) => Buffer.from(compressSync(buffer)),
    decompress: async (buffer: Buffer) => Buffer.from(decompressSync(buffer)),
  })
}

/** As a client of another language would send it; this one takes headers as an object, so it tells names by their text. */
function messageOf({ key, value, original }: Omit<LogRecord, 'topic'>): kafkajs.Message {
  const headers: Record<string, (Buffer | string)[]> = {}
  for (const header of original?.headers ?? []) {
    const name = Buffer.from(header.name).toString()
    if (header.value !== null && name !== '__proto__')
      headers[name] = [...(Object.hasOwn(headers, name) ? (headers[name] ?? []) : []), Buffer.from(header.value)]
  }
  const bytes = original?.key ?? (key === null ? null : Buffer.from(key))
  return {
    key: bytes === null ? null : Buffer.from(bytes),
    value: value === null ? null : Buffer.from(value),
    headers,
    partition: 0,
    timestamp: String(Math.abs(value?.length ?? 0) % 7 === 0 ? 0 : 1_700_000_000_000),
  }
}

test(`kafka: ${total} records of foreign producers, plain and in four compressions, end once each and harm nobody`, {
  skip: noKafka,
  timeout: 600_000,
}, async (t) => {
  const topic = unique('foreign')
  const name = unique('reader')
  const Good = event({
    type: 'record.good',
    topic: defineTopic(topic, { partitions: 1 }),
    key: 'id',
    schema: z.object({ id: z.string(), n: z.number() }),
  })
  const counts: Partial<Record<Fact['kind'], number>> = {}
  const handled = new Map<string, number>()
  let harmed = 0
  const reading = service({
    name,
    unknownEvents: 'skip',
    handlers: [
      handle(
        Good,
        ({ id, n }) => {
          if (!id.startsWith('good-')) return
          if (n !== (handled.get(id) ?? -1) + 1) harmed++
          handled.set(id, n)
        },
        { retry },
      ),
    ],
  })
  const { log } = mortalLog()
  const database = sqliteDatabase({ path: ':memory:' })
  await log.ensureTopics([{ name: topic, partitions: 1 }])
  const observe = ({ kind }: Fact): void => {
    counts[kind] = (counts[kind] ?? 0) + 1
  }
  const runtime = createRuntime({ service: reading, log, database, observe, mirrorDeadLetters: true })
  t.after(async () => {
    await runtime.stop()
    await log.close()
    await database.close()
  })
  await runtime.start()
  const good = await produce(topic, Good.type)
  const ended = (): number =>
    (['done', 'duplicate', 'skipped', 'dead-lettered'] as const).reduce((sum, kind) => sum + (counts[kind] ?? 0), 0)
  await until('all records have ended', () => ended() >= total || counts.halted !== undefined, 500_000)
  t.diagnostic(JSON.stringify(counts))
  assert.equal(counts.halted, undefined)
  assert.equal(ended(), total)
  assert.equal(harmed, 0)
  assert.equal(
    [...handled.values()].reduce((sum, n) => sum + n + 1, 0),
    good,
  )
  await until('the outbox is empty', async () => (await verifyLedger(database)).outbox === 0)
  await runtime.stop()
  assert.deepEqual((await verifyLedger(database, { inspection: log.inspect(), group: name })).problems, [])
  await sameInMirror({ log, runtime, topic, mirror: `${name}.dlq` })
})

/** Sends them all, one batch after the other in each compression; resolves to how many of them are good. */
async function produce(topic: string, type: string): Promise<number> {
  const client = new Kafka({ clientId: 'foreign', brokers: [...brokers], logLevel: logLevel.NOTHING })
  const producer = client.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
  await producer.connect()
  const { random } = seededEntropy(Number(process.env['FIREBREAK_SEED'] ?? 11))
  let good = 0
  const next = (): kafkajs.Message => {
    if (random() < 0.75) return messageOf(drawOddRecord(random, type))
    const [id, n] = [`good-${good % goodKeys}`, Math.floor(good / goodKeys)]
    const headers = { ce_id: `g-${good++}`, ce_type: type, ce_source: '/foreign', ce_specversion: '1.0' }
    return { key: id, value: JSON.stringify({ id, n }), headers, partition: 0 }
  }
  const kinds = Object.keys(types) as (keyof typeof types)[]
  for (let sent = 0, round = 0; sent < total; sent += batch, round++) {
    const compression = CompressionTypes[kinds[round % kinds.length] as keyof typeof types]
    const messages = Array.from({ length: Math.min(batch, total - sent) }, next)
    await producer.send({ topic, compression, messages, acks: -1 })
  }
  await producer.disconnect()
  return good
}

/** Letters have the bytes of the log, and copies have them too, with the reason behind them. */
async function sameInMirror(scene: {
  readonly log: ReturnType<typeof mortalLog>['log']
  readonly runtime: ReturnType<typeof createRuntime>
  readonly topic: string
  readonly mirror: string
}): Promise<void> {
  const inspection = scene.log.inspect()
  const letters = await scene.runtime.deadLetters.list({ max: 50 })
  const [mirror] = await inspection.topics([scene.mirror])
  const copies = new Map<string | undefined, ReturnType<typeof exactOf>>()
  for (const { partition, first, next } of mirror?.ends ?? [])
    for (let offset = first; offset < next; ) {
      const page = await inspection.read({ topic: scene.mirror, partition, offset }, 1000)
      for (const entry of page) copies.set(entry.headers['x-letter-id'], exactOf(entry))
      offset = (page.at(-1)?.offset ?? next) + 1
    }
  assert.ok(letters.length > 20)
  for (const { id, entry } of letters) {
    const [original] = await inspection.read(
      { topic: scene.topic, partition: entry.partition, offset: entry.offset },
      1,
    )
    assert.ok(original !== undefined)
    assert.deepEqual(exactOf(entry), exactOf(original))
    const copy = copies.get(id)
    const { headers, ...rest } = exactOf(original)
    assert.deepEqual({ key: copy?.key, value: copy?.value }, rest)
    assert.deepEqual(copy?.headers.slice(0, headers.length), headers)
  }
}
