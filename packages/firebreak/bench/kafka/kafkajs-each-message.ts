import { Kafka, logLevel } from 'kafkajs'
import { partitions, perSecond } from '../common/settings.ts'

export interface EachMessage {
  readonly brokers: readonly string[]
  readonly topic: string
  readonly group: string
  readonly count: number
  readonly waitMs: number
}

/**
 * KafkaJS as its guide has it: `eachMessage`, one record after the other in each partition, so that keys keep their order, and
 * all partitions at the same time. From the first record to the last.
 */
export async function eachMessagePerSec({ brokers, topic, group, count, waitMs }: EachMessage): Promise<number> {
  const kafka = new Kafka({ clientId: 'fb-bench', brokers: [...brokers], logLevel: logLevel.NOTHING })
  const consumer = kafka.consumer({ groupId: group })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  let firstAt = 0
  let left = count
  const finished = Promise.withResolvers<void>()
  consumer.on(consumer.events.CRASH, ({ payload }) => finished.reject(payload.error))
  await consumer.run({
    partitionsConsumedConcurrently: partitions,
    eachMessage: async ({ message }) => {
      if (firstAt === 0) firstAt = performance.now()
      JSON.parse(String(message.value))
      await new Promise((resolve) => setTimeout(resolve, waitMs))
      if (--left === 0) finished.resolve()
    },
  })
  await finished.promise
  const rate = perSecond(count, performance.now() - firstAt)
  await consumer.disconnect()
  return rate
}
