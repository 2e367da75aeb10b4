import { hours } from '../contracts/duration.ts'
import { FirebreakError } from '../contracts/errors.ts'
import type { EventDefinition } from '../contracts/event.ts'
import type { Schema, SchemaInput, SchemaOutput } from '../contracts/schema.ts'
import { textOf } from '../contracts/text-of.ts'
import { describeWire, unreadableParts } from './wire-schema.ts'

/** The fields of a payload that can be its key: those whose value is a string. */
export type StringField<T> = { [K in keyof T]-?: T[K] extends string ? K : never }[keyof T] & string

export interface EventSpec<S extends Schema> {
  readonly type: string
  readonly topic: string
  readonly key: StringField<SchemaInput<S>> & StringField<SchemaOutput<S>>
  readonly schema: S
  readonly version?: number
  /** `{ 1: (old) => new }` leads from version 1 to 2, and so on up to `version`. */
  readonly upcast?: Readonly<Record<number, (payload: never) => unknown>>
  /**
   * The topic, as it is created where it is missing: 6 partitions and 7 days by default. All events of a topic agree on
   * `partitions`; of `retentionMs` the longest counts. A topic with fewer partitions is `FB_TOPIC_MISMATCH`; one with more is
   * used as it is. Another number moves keys to other partitions.
   *
   * **Units** `retentionMs` in ms.
   */
  readonly channel?: { readonly partitions?: number; readonly retentionMs?: number }
  readonly description?: string
}

const typePattern = /^[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)*$/
const topicPattern = /^[A-Za-z0-9._-]{1,200}$/

/**
 * Defines a domain event.
 *
 * Its schema describes what is on the wire, and runs twice: when the event is published, where what it returns is written as
 * JSON, and again when that is read. Both have to come to the same. What trims, fills in or coerces does; what transforms does
 * not, and belongs before `publish` and into the handler. An event that a service only handles, because others write it, may
 * transform.
 *
 * **Errors** `FB_CONFIG` with every mistake at once.
 */
export function event<S extends Schema>(spec: EventSpec<S>): EventDefinition<S> {
  const version = spec.version ?? 1
  const partitions = spec.channel?.partitions ?? 6
  const problems: string[] = []
  if (!typePattern.test(spec.type))
    problems.push(`event type "${spec.type}" must be lower case, words separated by dots`)
  if (!topicPattern.test(spec.topic))
    problems.push(`topic "${spec.topic}" of ${spec.type} may hold letters, digits, . _ -`)
  if (!Number.isSafeInteger(version) || version < 1) problems.push(`version of ${spec.type} must be 1 or more`)
  if (!Number.isSafeInteger(partitions) || partitions < 1 || partitions > 1000) {
    problems.push(`partitions of ${spec.topic} must be 1 to 1000, not ${partitions}`)
  }
  const { retentionMs = hours(24 * 7) } = spec.channel ?? {}
  const isForever = retentionMs === Number.POSITIVE_INFINITY
  if (!isForever && !(Number.isSafeInteger(retentionMs) && retentionMs >= 1)) {
    problems.push(
      `retentionMs of ${spec.topic} must be a whole number of ms, 1 or more, or Infinity, not ${textOf(retentionMs, 50)}`,
    )
  }
  for (const from of Object.keys(spec.upcast ?? {})) {
    if (!(Number(from) >= 1 && Number(from) < version)) problems.push(`upcast ${from} of ${spec.type} leads nowhere`)
  }
  for (const part of unreadableParts(spec.schema)) problems.push(`schema of ${spec.type}: ${part}. ${describeWire}`)
  if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
  return Object.freeze({
    kind: 'event',
    type: spec.type,
    version,
    topic: spec.topic,
    key: spec.key,
    schema: spec.schema,
    upcast: Object.freeze({ ...spec.upcast }),
    partitions,
    retentionMs,
    description: spec.description ?? '',
  })
}
