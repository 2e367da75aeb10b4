/** What the torture has found on Kafka, each in the fewest moves that show it. A broker of their own is restarted for it. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import type { Cursor, Log, LogEntry, LogRecord } from 'firebreak'
import { kafkaLog } from 'firebreak/kafka'
import { type KafkaCluster, startKafka } from '../../../../../scripts/infra/kafka-cluster.ts'
import { kafkaJarsFolder } from '../../../../../scripts/infra/kafka-jars.ts'
import { findJava } from '../../../../../scripts/infra/tools.ts'

const isPossible = findJava() !== undefined && existsSync(kafkaJarsFolder)
const skip = !isPossible && 'needs Java and the jars of Kafka: npm run infra -- up kafka'

const topic = 'orders'
const record = (n: number): LogRecord => ({ topic, key: 'k', value: Uint8Array.of(n), headers: {} })

async function ownBroker(t: TestContext): Promise<KafkaCluster> {
  const folder = mkdtempSync(join(tmpdir(), 'firebreak-found-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const kafka = await startKafka({ folder, nodes: 1 })
  t.after(() => kafka.stop())
  return kafka
}

async function restart(kafka: KafkaCluster): Promise<void> {
  for (const node of kafka.nodes) {
    await node.stop()
    await node.start()
  }
  await kafka.ready()
}

const poll = (cursor: Cursor, waitMs: number): Promise<readonly LogEntry[]> =>
  cursor.poll({ recordsMax: 1, waitMs, signal: new AbortController().signal })

async function nextOf(cursor: Cursor): Promise<LogEntry> {
  for (;;) {
    const [entry] = await poll(cursor, 10_000)
    if (entry !== undefined) return entry
  }
}

test('a position that comes from the ledger, ahead of what the cursor has read, leads its successor to the next record', {
  skip,
}, async (t) => {
  const kafka = await ownBroker(t)
  const open = (): Log => kafkaLog({ brokers: kafka.brokers, sessionTimeoutMs: 3000 })
  const before = open()
  await before.ensureTopics([{ name: topic, partitions: 1 }])
  await before.append([record(0), record(1), record(2)])
  const first = await before.open('shop', [topic])
  await nextOf(first)
  await first.commit([{ topic, partition: 0, offset: 1 }])
  await before.close()
  // A new leader: what comes now is of another epoch than the position that is committed.
  await restart(kafka)
  const after = open()
  t.after(() => after.close())
  await after.append([record(3), record(4), record(5)])
  const second = await after.open('shop', [topic])
  while (second.assignment().length === 0) await poll(second, 1)
  // The service's database had more than the log was told; the runtime tells it when it claims the partition.
  await second.commit([{ topic, partition: 0, offset: 5 }])
  await second.close()
  const third = await after.open('shop', [topic])
  assert.equal((await nextOf(third)).offset, 5)
})
