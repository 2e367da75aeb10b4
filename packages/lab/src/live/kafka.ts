import type { Arm } from '../model/scenario.ts'
import { consumersOf, topicOf } from './process/message.ts'

const answerWithinMs = 10_000

/** What the names of an arm begin with, on every log. */
export const prefixOf = (prefix: string, arm: number): string => `${prefix}-${arm}`

export interface KafkaTraces {
  readonly brokers: readonly string[]
  readonly prefix: string
  readonly arms: readonly Arm[]
}

/**
 * Runs `run`, and removes the topics and groups that its arms have made on the brokers, however it ends.
 *
 * **Errors** `FB_LOG_UNAVAILABLE` and `FB_LOG_REFUSED` before anything is started; those of `run`
 */
export async function onKafka<T>({ brokers, prefix, arms }: KafkaTraces, run: () => Promise<T>): Promise<T> {
  const edges = arms.flatMap((arm, index) =>
    arm.edges.flatMap(({ kind }, edge) => (kind === 'sync' ? [] : [{ prefix: prefixOf(prefix, index), edge }])),
  )
  const topics = edges.map((one) => topicOf(one.prefix, one.edge))
  const groups = edges.map((one) => consumersOf(one.prefix, one.edge))
  // Its client is an optional peer: only who runs on Kafka needs it.
  const { removeFromKafka } = await import('firebreak/kafka')
  const options = { brokers, clientId: 'firebreak-lab', appendTimeoutMs: answerWithinMs }
  const remove = (): Promise<void> => removeFromKafka(options, { topics, groups })
  // Nothing has these names yet: this shows whether the brokers answer, and let us.
  await remove()
  try {
    const result = await run()
    await remove()
    return result
  } catch (error) {
    await remove().catch(() => undefined)
    throw error
  }
}
