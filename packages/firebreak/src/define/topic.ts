import { FirebreakError } from '../contracts/errors.ts'
import { defaultsOf, filled, type OptionTable, optionProblems } from '../contracts/option.ts'
import { textOf } from '../contracts/text/text-of.ts'
import { topicNameProblems, topicOptions } from '../contracts/topic-options.ts'

/** A stream of events in the log, as it is created where it is missing. Inert data; `topic()` builds it. */
export interface TopicDefinition {
  readonly kind: 'topic'
  readonly name: string
  readonly partitions: number
  readonly retentionMs: number
}

/**
 * **Units** `retentionMs` in ms.
 */
export interface TopicSettings {
  /**
   * Default 6. It decides where a key lives, so it is fixed for the life of a topic: one with fewer is `FB_TOPIC_MISMATCH`, one
   * with more is used as it is.
   */
  readonly partitions?: number
  /** Records may go when they are older; default 7 days, `Infinity` keeps all. */
  readonly retentionMs?: number
}

const { partitions, retentionMs } = topicOptions
export const topicSettings: OptionTable<TopicSettings> = { partitions, retentionMs }

/** Of a topic that is only named. */
export const topicDefaults: Required<TopicSettings> = defaultsOf<Required<TopicSettings>>(topicSettings)

/**
 * Defines a topic once, for all events that go to it.
 *
 * **Errors** `FB_CONFIG` with every mistake at once.
 *
 * @example
 * ```ts
 * import { event, hours, topic } from 'firebreak'
 * import { z } from 'zod'
 *
 * const orders = topic('orders', { partitions: 12, retentionMs: hours(14 * 24) })
 * const schema = z.object({ orderId: z.string() })
 * export const OrderPlaced = event({ type: 'order.placed', topic: orders, key: 'orderId', schema })
 * export const OrderCancelled = event({ type: 'order.cancelled', topic: orders, key: 'orderId', schema })
 * ```
 */
export function topic(name: string, settings: TopicSettings = {}): TopicDefinition {
  const problems = [
    ...topicNameProblems(name),
    ...optionProblems(topicSettings, settings, `topic ${textOf(name, 100)}: `),
  ]
  if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
  return Object.freeze({ kind: 'topic', name, ...filled(topicDefaults, settings) })
}
