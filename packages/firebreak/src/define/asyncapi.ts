import type { AnyEvent } from '../contracts/event.ts'
import type { Schema } from '../contracts/schema.ts'
import { sha256 } from '../node/digest.ts'
import type { Handler } from './handle.ts'
import { type Json, jsonSchemaOf } from './json-schema.ts'
import { eventsOf, type ManifestTopic, manifestOf } from './manifest-of.ts'
import type { ServiceDefinition } from './service.ts'

export interface AsyncApiInfo {
  readonly title: string
  readonly version: string
  readonly description?: string
}

export interface AsyncApi {
  /** The document: plain JSON. */
  readonly document: Json
  /** Types whose schema library gives no JSON Schema: their messages have no payload. */
  readonly withoutPayload: readonly string[]
}

const kafkaBinding = '0.5.0'
const ref = (path: string): Json => ({ $ref: `#/${path}` })

/**
 * The name of a type in a document. Names have letters, digits, dots, dashes and underscores only; what has to be replaced is
 * told apart by the digest.
 */
const nameOf = (type: string): string =>
  /^[\w.-]+$/.test(type) ? type : `${type.replaceAll(/[^\w.-]/g, '_')}-${sha256(type).slice(0, 12)}`

/**
 * Describes services as an AsyncAPI 3.1.0 document: a channel per topic, a message per event, an operation per service
 * and event. Payloads are what a record must fit to be read.
 *
 * **Source** https://www.asyncapi.com/docs/reference/specification/v3.1.0; Kafka bindings 0.5.0
 */
export function asyncApiOf(services: readonly ServiceDefinition[], info: AsyncApiInfo): AsyncApi {
  const manifest = manifestOf(services)
  const events = eventsOf(services)
  const schemas = new Map<string, Json>()
  for (const event of events) {
    const schema = payloadSchema(event.schema, `#/components/schemas/${nameOf(event.type)}`)
    if (schema !== undefined) schemas.set(nameOf(event.type), schema)
  }
  const ordered = manifest.services.flatMap(({ name }) => services.filter((service) => service.name === name))
  return {
    document: {
      asyncapi: '3.1.0',
      info: {
        title: info.title,
        version: info.version,
        ...(info.description === undefined ? {} : { description: info.description }),
      },
      defaultContentType: 'application/json',
      channels: Object.fromEntries(manifest.topics.map((topic) => [topic.name, channelOf(topic)])),
      operations: Object.fromEntries(ordered.flatMap(operationsOf)),
      components: {
        messages: Object.fromEntries(
          events.map((event) => [nameOf(event.type), messageOf(event, schemas.has(nameOf(event.type)))]),
        ),
        messageTraits: { cloudEvents },
        ...(schemas.size > 0 ? { schemas: Object.fromEntries(schemas) } : {}),
      },
    },
    withoutPayload: events.map((event) => event.type).filter((type) => !schemas.has(nameOf(type))),
  }
}

function channelOf(topic: ManifestTopic): Json {
  return {
    address: topic.name,
    messages: Object.fromEntries(
      topic.events.map((type) => [nameOf(type), ref(`components/messages/${nameOf(type)}`)]),
    ),
    bindings: {
      kafka: {
        topic: topic.name,
        partitions: topic.partitions,
        // Kafka writes "forever" as -1.
        topicConfiguration: { 'cleanup.policy': ['delete'], 'retention.ms': topic.retentionMs ?? -1 },
        bindingVersion: kafkaBinding,
      },
    },
  }
}

function messageOf(event: AnyEvent, hasPayload: boolean): Json {
  return {
    name: event.type,
    title: `${event.type} v${event.version}`,
    ...(event.description === '' ? {} : { summary: event.description }),
    contentType: 'application/json',
    ...(hasPayload ? { payload: ref(`components/schemas/${nameOf(event.type)}`) } : {}),
    traits: [ref('components/messageTraits/cloudEvents')],
    bindings: {
      kafka: {
        key: { type: 'string', description: `The value of \`${event.key}\` of the payload.` },
        bindingVersion: kafkaBinding,
      },
    },
    'x-firebreak-version': event.version,
    ...(event.tombstone === true ? { 'x-firebreak-tombstone': true } : {}),
  }
}

function operationsOf(service: ServiceDefinition): [string, Json][] {
  const send = [...service.publishes].map((event): [string, Json] => [
    `${service.name}.send.${nameOf(event.type)}`,
    { action: 'send', ...placeOf(event) },
  ])
  const receive = [...service.handlers.values()].map((handler): [string, Json] => [
    `${service.name}.receive.${nameOf(handler.event.type)}`,
    { action: 'receive', ...placeOf(handler.event), ...groupOf(service, handler) },
  ])
  return [...receive, ...send].sort(([a], [b]) => (a < b ? -1 : 1))
}

const placeOf = (event: AnyEvent): Json => ({
  channel: ref(`channels/${event.topic}`),
  messages: [ref(`channels/${event.topic}/messages/${nameOf(event.type)}`)],
})

function groupOf(service: ServiceDefinition, handler: Handler): Json {
  return {
    ...(service.description === '' ? {} : { description: service.description }),
    bindings: { kafka: { groupId: { type: 'string', enum: [service.name] }, bindingVersion: kafkaBinding } },
    'x-firebreak-retry': { ...handler.retry, deadlineMs: handler.deadlineMs, onExhausted: handler.onExhausted },
  }
}

const text = { type: 'string', minLength: 1 }

/** The grammar of `contracts/envelope.ts`. */
const cloudEvents: Json = {
  summary: 'CloudEvents 1.0, Kafka binary content mode',
  headers: {
    type: 'object',
    required: ['ce_specversion', 'ce_id', 'ce_source', 'ce_type'],
    properties: {
      ce_specversion: { type: 'string', const: '1.0' },
      ce_id: { ...text, description: 'Unique per event.' },
      ce_source: { ...text, description: '"/" and the name of the service that published it.' },
      ce_type: text,
      ce_time: { type: 'string', format: 'date-time' },
      ce_schemaversion: { type: 'string', pattern: '^[1-9][0-9]*$' },
      ce_correlationid: { ...text, description: 'One business transaction.' },
      ce_causationid: { ...text, description: 'ce_id of the direct cause; absent on the first event.' },
      traceparent: { ...text, description: 'W3C trace context.' },
      'content-type': { type: 'string', const: 'application/json' },
    },
  },
  correlationId: {
    description: 'One business transaction, through all services.',
    location: '$message.header#/ce_correlationid',
  },
}

/**
 * The JSON Schema (draft 07) of a payload as it may stand under `at` of a larger document, e.g. `#/components/schemas/x`;
 * undefined where the schema library gives none.
 */
function payloadSchema(schema: Schema, at: string): Json | undefined {
  // Some schemas are one-way, a transformation for example: then the other side says more than nothing.
  const found = jsonSchemaOf(schema, 'input') ?? jsonSchemaOf(schema, 'output')
  if (found === undefined) return undefined
  const { $schema: _, ...rest } = found
  return moved(rest, at) as Json
}

// A reference of a schema to itself is written from its own root, which is not the root of the document around it.
function moved(value: unknown, at: string): unknown {
  if (Array.isArray(value)) return value.map((item) => moved(item, at))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([name, inner]) =>
    name === '$ref' && typeof inner === 'string' && inner.startsWith('#')
      ? [name, at + inner.slice(1)]
      : [name, moved(inner, at)],
  )
  return Object.fromEntries(entries)
}
