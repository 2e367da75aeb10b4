import { randomUUID } from 'node:crypto'
import { Consumer, type MessageToProduce, ProduceAcks, Producer } from '@platformatic/kafka'
import { measured } from '../common/events.ts'
import { compression, fetchBytesMax, perSecond } from '../common/settings.ts'

export interface RawProduce {
  readonly brokers: readonly string[]
  readonly topic: string
  readonly count: number
  /** Records of one call of `send`. */
  readonly batch: number
  /** Calls of `send` that are awaited at the same time. */
  readonly sends: number
}

/**
 * What an application has without firebreak: the client's own producer in a loop, idempotent, acks of all replicas, and each
 * record the bytes that a published event has: JSON, a key, and the headers of an envelope with an id of its own. No bound for
 * `publish`, which encodes its batches itself.
 */
export async function rawProducePerSec({ brokers, topic, count, batch, sends }: RawProduce): Promise<number> {
  const producer = new Producer({
    clientId: 'fb-bench',
    bootstrapBrokers: [...brokers],
    idempotent: true,
    acks: ProduceAcks.ALL,
    compression,
    autocreateTopics: false,
  })
  for (let n = 0; n < 20; n++) await producer.send({ messages: stretch(topic, n * batch, batch) })
  const started = performance.now()
  let next = 0
  const line = async (): Promise<void> => {
    while (next < count) {
      const from = next
      next += batch
      await producer.send({ messages: stretch(topic, from, batch) })
    }
  }
  await Promise.all(Array.from({ length: sends }, line))
  const rate = perSecond(count, performance.now() - started)
  await producer.close()
  return rate
}

type Record_ = MessageToProduce<Buffer, Buffer, Buffer, Buffer>

const headerNames = [
  'ce_specversion',
  'ce_id',
  'ce_source',
  'ce_type',
  'ce_time',
  'ce_schemaversion',
  'ce_correlationid',
  'content-type',
  'traceparent',
].map((name) => Buffer.from(name))
const fixedHeaders = [
  '1.0',
  '',
  '/fb-bench-publisher',
  'bench.happened',
  '2026-01-01T00:00:00.000Z',
  '1',
  '01890000-0000-7000-8000-000000000000',
  'application/json',
  '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
].map((value) => Buffer.from(value))

function stretch(topic: string, from: number, length: number): Record_[] {
  return Array.from({ length }, (_, i) => {
    const payload = measured(from + i)
    const id = Buffer.from(randomUUID())
    const headers = new Map(headerNames.map((name, at) => [name, at === 1 ? id : (fixedHeaders[at] as Buffer)]))
    return { topic, key: Buffer.from(payload.id), value: Buffer.from(JSON.stringify(payload)), headers }
  })
}

export interface RawConsume {
  readonly brokers: readonly string[]
  readonly topic: string
  readonly group: string
  readonly count: number
}

/**
 * What an application has without firebreak: the client's own stream in a group, each value parsed, positions committed once
 * a second, and nothing remembered. From the first record to the last.
 */
export async function rawConsumePerSec({ brokers, topic, group, count }: RawConsume): Promise<number> {
  const consumer = new Consumer({ clientId: 'fb-bench', bootstrapBrokers: [...brokers], groupId: group })
  const stream = await consumer.consume({
    topics: [topic],
    mode: 'committed',
    fallbackMode: 'earliest',
    autocommit: 1000,
    maxBytes: fetchBytesMax,
    maxWaitTime: 100,
  })
  let seen = 0
  let sum = 0
  let firstAt = 0
  for await (const message of stream) {
    if (seen === 0) firstAt = performance.now()
    sum += (JSON.parse(message.value.toString()) as { n: number }).n
    if (++seen === count) break
  }
  const rate = perSecond(count, performance.now() - firstAt)
  await consumer.close(true)
  if (sum !== (count * (count - 1)) / 2)
    throw new Error(`the raw loop read ${seen} records, but not those of the topic`)
  return rate
}
