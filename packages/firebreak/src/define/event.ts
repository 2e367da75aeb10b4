import { FirebreakError } from '../contracts/errors.ts'
import type { EventDefinition } from '../contracts/event.ts'
import { count, flag, type OptionTable, optionProblems, other, type Problems, shown } from '../contracts/option.ts'
import type { Schema, SchemaInput, SchemaOutput } from '../contracts/schema.ts'
import { fieldOf } from '../contracts/text/text-of.ts'
import { topicNameProblems } from '../contracts/topic-options.ts'
import { type TopicDefinition, topicDefaults, topicSettings } from './topic.ts'
import { schemaProblems } from './wire-schema.ts'

/** The fields of a payload that can be its key: those whose value is a string. */
export type StringField<T> = { [K in keyof T]-?: T[K] extends string ? K : never }[keyof T] & string

/** The key itself, or a sentence that says why it cannot be one. */
export type KeyField<S extends Schema, K extends string> = K extends StringField<SchemaInput<S>> &
  StringField<SchemaOutput<S>>
  ? K
  : K extends keyof SchemaInput<S>
    ? undefined extends SchemaInput<S>[K]
      ? `${K} may be missing, and a key is text that is always there`
      : `${K} is no text, and a key is: make it a string field, or add one`
    : K extends `${infer F}.${string}`
      ? F extends keyof SchemaInput<S>
        ? `${K} lies within ${F}, and a key is a field of the payload itself`
        : KeyFields<S>
      : KeyFields<S>

type KeyFields<S extends Schema> = [StringField<SchemaInput<S>> & StringField<SchemaOutput<S>>] extends [never]
  ? 'this payload has no text field, and its key is one'
  : StringField<SchemaInput<S>> & StringField<SchemaOutput<S>>

export interface EventSpec<
  S extends Schema,
  T extends boolean = false,
  N extends string = string,
  K extends string = string,
> {
  /** As CloudEvents has it: `order.placed`, `OrderPlaced`, `com.github.pull_request.opened`. */
  readonly type: N
  /** What `topic()` made, or the name of a topic with the default settings. */
  readonly topic: TopicDefinition | string
  /** A field whose value is a string: events of one key are handled one after the other. */
  readonly key: KeyField<S, K>
  readonly schema: S
  readonly version?: number
  /** `{ 1: (old) => new }` leads from version 1 to 2, and so on up to `version`. */
  readonly upcast?: Readonly<Record<number, (payload: never) => unknown>>
  /**
   * True: it can also be published without a payload, `publish(Event, null, { key })`, and its handlers get null. The record
   * has no value: a topic that Kafka compacts forgets the key.
   */
  readonly tombstone?: T
  readonly description?: string
}

export const eventOptions: OptionTable<EventSpec<Schema, boolean>> = {
  type: other,
  topic: other,
  key: other,
  schema: other,
  version: count('versions', { least: 1, most: 1_000_000, default: 1, meaning: 'raised when the schema changes' }),
  upcast: other,
  tombstone: flag({
    default: false,
    meaning: 'whether it can be published without a payload, as a record without a value',
  }),
  description: other,
}

// The part of CloudEvents' grammar that is safe in headers, tables, addresses and terminals.
const typePattern = /^[A-Za-z0-9][A-Za-z0-9._/:#-]{0,199}$/

/**
 * Defines a domain event.
 *
 * Its schema describes what is on the wire, and runs twice: when the event is published, where what it returns is written as
 * JSON, and again when that is read. Both have to come to the same. What trims, fills in or coerces does; what transforms does
 * not, and belongs before `publish` and into the handler. An event that a service only handles, because others write it, may
 * transform.
 *
 * **Errors** `FB_CONFIG` with every mistake at once.
 *
 * @example
 * ```ts
 * import { event } from 'firebreak'
 * import { z } from 'zod'
 *
 * export const OrderPlaced = event({
 *   type: 'order.placed',
 *   topic: 'orders',
 *   key: 'orderId',
 *   schema: z.object({ orderId: z.string(), amountMinor: z.int() }),
 * })
 * ```
 */
export function event<
  S extends Schema,
  const T extends boolean = false,
  const N extends string = string,
  const K extends string = string,
>(spec: EventSpec<S, T, N, K>): EventDefinition<S, T, N> {
  const problems = problemsOf(spec)
  if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
  const { version = 1, upcast, tombstone = false, description = '' } = spec
  const {
    name: topic,
    partitions,
    retentionMs,
  } = typeof spec.topic === 'string' ? { name: spec.topic, ...topicDefaults } : { ...topicDefaults, ...spec.topic }
  return Object.freeze({
    kind: 'event',
    type: spec.type,
    version,
    topic,
    key: spec.key,
    schema: spec.schema,
    upcast: Object.freeze({ ...upcast }),
    tombstone: tombstone as T,
    partitions,
    retentionMs,
    description,
  })
}

/** As JavaScript may write it. */
type GivenSpec = Omit<EventSpec<Schema, boolean>, 'key'> & { readonly key: unknown }

function problemsOf(spec: GivenSpec): Problems {
  const type = fieldOf(spec, 'type')
  const isSound = typeof type === 'string' && typePattern.test(type)
  const of = isSound ? `event ${type}: ` : 'event: '
  if (typeof spec !== 'object' || spec === null) return [`an event must be an object, not ${shown(spec)}`]
  const found = [...optionProblems(eventOptions, spec, of)]
  if (!isSound)
    found.push(
      `event type ${shown(type)} must have 1 to 200 letters, digits, ".", "_", "-", "/", ":" or "#", a letter or digit first`,
    )
  if (typeof spec.key !== 'string' || spec.key === '') found.push(`${of}key must name a field, not ${shown(spec.key)}`)
  found.push(...schemaProblems(spec.schema).map((problem) => `${of}${problem}`))
  found.push(...topicProblems(spec.topic).map((problem) => `${of}${problem}`))
  found.push(...upcastProblems(spec).map((problem) => `${of}${problem}`))
  return found
}

/** A definition is judged again: JavaScript can write one by hand. */
function topicProblems(topic: unknown): Problems {
  if (fieldOf(topic, 'kind') !== 'topic') return topicNameProblems(topic)
  const settings = { partitions: fieldOf(topic, 'partitions'), retentionMs: fieldOf(topic, 'retentionMs') }
  return [...topicNameProblems(fieldOf(topic, 'name')), ...optionProblems(topicSettings, settings, 'topic.')]
}

/** What is wrong with the steps that lead from older versions to the one of a definition. */
export function upcastProblems({ upcast = {}, version = 1 }: Pick<GivenSpec, 'upcast' | 'version'>): Problems {
  if (typeof upcast !== 'object' || upcast === null) return [`upcast must be an object, not ${shown(upcast)}`]
  return Object.entries(upcast).flatMap(([from, step]) => {
    const leads = Number.isSafeInteger(Number(from)) && Number(from) >= 1 && Number(from) < version
    if (!leads) return [`upcast ${from} leads nowhere: the version is ${shown(version)}`]
    return typeof step === 'function' ? [] : [`upcast ${from} must be a function, not ${shown(step)}`]
  })
}
