import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { z } from 'zod'
import type { Schema } from '../../../src/contracts/schema.ts'
import { asyncApiOf } from '../../../src/define/asyncapi.ts'
import { event } from '../../../src/define/event.ts'
import { handle } from '../../../src/define/handle.ts'
import { manifestOf } from '../../../src/define/manifest-of.ts'
import { service } from '../../../src/define/service.ts'
import { topic } from '../../../src/define/topic.ts'

type Tree = { readonly label: string; readonly children: readonly Tree[] }
const tree: z.ZodType<Tree> = z.object({ label: z.string(), children: z.lazy(() => z.array(tree)) })

const orders = topic('orders', { partitions: 12, retentionMs: Number.POSITIVE_INFINITY })
const Placed = event({
  type: 'order.placed',
  topic: orders,
  key: 'orderId',
  version: 2,
  upcast: { 1: (old) => old },
  description: 'A customer ordered.',
  schema: z.object({ orderId: z.string(), tree }),
})
const plain: Schema<{ id: string }> = {
  '~standard': { version: 1, vendor: 'own', validate: (value) => ({ value: value as { id: string } }) },
}
const Cancelled = event({
  type: 'order.cancelled',
  topic: orders,
  key: 'id',
  schema: plain,
})
const shop = service({ name: 'shop', publishes: [Placed, Cancelled] })
const billing = service({ name: 'billing', handlers: [handle(Placed, () => {}, { onExhausted: 'hold' })] })
const services = [shop, billing]

describe('manifestOf', () => {
  test('lists services, events and topics in order, as plain JSON', () => {
    const manifest = manifestOf(services)
    assert.deepEqual(JSON.parse(JSON.stringify(manifest)), manifest)
    assert.deepEqual(
      manifest.services.map(({ name }) => name),
      ['billing', 'shop'],
    )
    assert.deepEqual(manifest.events[1], {
      type: 'order.placed',
      version: 2,
      topic: 'orders',
      key: 'orderId',
      description: 'A customer ordered.',
      publishedBy: ['shop'],
      handledBy: ['billing'],
    })
    assert.deepEqual(manifest.topics, [
      { name: 'orders', partitions: 12, retentionMs: null, events: ['order.cancelled', 'order.placed'] },
    ])
  })

  test('does not depend on the order of the services', () => {
    assert.deepEqual(manifestOf([billing, shop]), manifestOf(services))
  })

  test('of two versions of an event it shows the newer', () => {
    const old = event({ type: 'order.placed', topic: orders, key: 'id', schema: plain })
    const late = service({ name: 'late', handlers: [handle(old, () => {})] })
    for (const order of [
      [late, shop],
      [shop, late],
    ])
      assert.equal(manifestOf(order).events[1]?.version, 2)
  })
})

describe('asyncApiOf', () => {
  const { document, withoutPayload } = asyncApiOf(services, { title: 'Shop', version: '1.0.0' })
  // biome-ignore lint/suspicious/noExplicitAny: a JSON document
  const doc = JSON.parse(JSON.stringify(document)) as any

  test('has a channel per topic with its Kafka binding', () => {
    assert.equal(doc.asyncapi, '3.1.0')
    assert.deepEqual(Object.keys(doc.channels), ['orders'])
    const { kafka } = doc.channels.orders.bindings
    assert.deepEqual([kafka.partitions, kafka.topicConfiguration['retention.ms']], [12, -1])
  })

  test('has an operation per service and event, with group and retry', () => {
    assert.deepEqual(Object.keys(doc.operations), [
      'billing.receive.order.placed',
      'shop.send.order.cancelled',
      'shop.send.order.placed',
    ])
    const receive = doc.operations['billing.receive.order.placed']
    assert.equal(receive.action, 'receive')
    assert.deepEqual(receive.bindings.kafka.groupId.enum, ['billing'])
    assert.equal(receive['x-firebreak-retry'].onExhausted, 'hold')
  })

  test('every message carries the CloudEvents headers and the place of the correlation id', () => {
    const { cloudEvents } = doc.components.messageTraits
    assert.equal(cloudEvents.correlationId.location, '$message.header#/ce_correlationid')
    assert.deepEqual(cloudEvents.headers.required, ['ce_specversion', 'ce_id', 'ce_source', 'ce_type'])
    for (const message of Object.values<{ traits: unknown }>(doc.components.messages)) {
      assert.deepEqual(message.traits, [{ $ref: '#/components/messageTraits/cloudEvents' }])
    }
  })

  test('a schema library without JSON Schema leaves the payload out and is named', () => {
    assert.deepEqual(withoutPayload, ['order.cancelled'])
    assert.ok(!('payload' in doc.components.messages['order.cancelled']))
    assert.ok('payload' in doc.components.messages['order.placed'])
  })

  test('every reference leads somewhere, those of a recursive payload too', () => {
    const refs = [...JSON.stringify(doc).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path]) => path ?? '')
    assert.ok(refs.some((path) => path.startsWith('components/schemas/order.placed/')))
    for (const path of refs) {
      const found = path.split('/').reduce((at, name) => at?.[name], doc)
      assert.notEqual(found, undefined, path)
    }
  })
})
