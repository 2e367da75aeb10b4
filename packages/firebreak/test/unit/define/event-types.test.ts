/** Names of the field: what event types and topics are called elsewhere, and what no engine, table or terminal can bear. */

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import { asyncApiOf } from '../../../src/define/asyncapi.ts'
import { event } from '../../../src/define/event.ts'
import { handle } from '../../../src/define/handle.ts'
import { manifestOf } from '../../../src/define/manifest-of.ts'
import { service } from '../../../src/define/service.ts'
import { sqliteLog } from '../../../src/sqlite/sqlite-log.ts'
import { memoryLog } from '../../../src/testing/memory-log/memory-log.ts'
import { createTestRuntime } from '../../../src/testing/test-runtime.ts'
import { named } from '../../named.ts'

const schema: z.ZodObject<{ id: z.ZodString }> = z.object({ id: z.string() })
const typed = (type: string) => event({ type, topic: 'things', key: 'id', schema })

const ofTheField = [
  'OrderPlaced',
  'order_placed',
  'order-placed',
  'order.placed.v2',
  'com.github.pull_request.opened',
  'Microsoft.Storage.BlobCreated',
  'google.cloud.storage.object.v1.finalized',
  'urn:example:order:placed',
  'https://schemas.example.com/orders#OrderPlaced',
  '7.of.9',
  'constructor',
  'toString',
  'valueOf',
  'a'.repeat(200),
]

test('types as others name them are published, handled, dead-lettered and described', async () => {
  const events = ofTheField.map(typed)
  const seen: string[] = []
  const handlers = events.map((one) =>
    handle(
      one,
      ({ id }, ctx) => {
        if (id === 'bad') throw new Error('no')
        seen.push(ctx.envelope.type)
      },
      { retry: { attemptsMax: 1 } },
    ),
  )
  const one = service({ name: 'reader', handlers })
  const app = await createTestRuntime({ services: [one], expectDeadLetters: true })
  for (const each of events) {
    await app.publish(each, { id: 'good' })
    await app.publish(each, { id: 'bad' })
  }
  assert.deepEqual(seen, ofTheField)
  for (const eventType of ofTheField) {
    const [letter, ...others] = await named(app, 'reader').deadLetters.list({ eventType })
    assert.deepEqual([letter?.eventType, others.length], [eventType, 0])
  }
  await app.stop()
  assert.deepEqual(
    manifestOf([one])
      .events.map(({ type }) => type)
      .sort(),
    ofTheField.toSorted(),
  )
})

test('names in an AsyncAPI document are names there, every reference leads somewhere, and no two types share one', () => {
  const types = [...ofTheField, 'a/b', 'a:b', 'a#b', 'a_b']
  const { document } = asyncApiOf([service({ name: 's', publishes: types.map(typed) })], { title: 't', version: '1' })
  const text = JSON.stringify(document)
  const { components, channels, operations } = document as Record<string, Record<string, Record<string, object>>>
  const names = [...Object.keys(components?.['messages'] ?? {}), ...Object.keys(operations ?? {})]
  assert.equal(Object.keys(components?.['messages'] ?? {}).length, types.length)
  assert.equal(Object.keys(channels?.['things']?.['messages'] ?? {}).length, types.length)
  for (const name of names) assert.match(name, /^[A-Za-z0-9._-]+$/)
  for (const [, path = ''] of text.matchAll(/"\$ref":"#\/([^"]*)"/g)) {
    const found = path.split('/').reduce<unknown>((at, part) => (at as Record<string, unknown>)?.[part], document)
    assert.ok(found !== undefined, path)
  }
})

test('a type that no header, table or terminal should carry is refused', () => {
  const types: unknown[] = [
    ...[
      '',
      ' ',
      'a b',
      '.a',
      '_a',
      '/a',
      '__proto__',
      'a\n',
      'a\0',
      '\u001b[31mred',
      'a\u202eb',
      'a\u0085b',
      'órdenes',
    ],
    ...['a"b', "a'b", 'a`b', 'a$b', 'a%00', 'a\\b', 'a|b', 'a,b', 'a;b', '<b>', 'a'.repeat(201)],
    ...[undefined, null, 7, {}, ['a.b'], Symbol('a'), { toString: () => 'a.b' }],
  ]
  for (const type of types)
    assert.throws(
      () => typed(type as string),
      (error) => isFirebreakError(error, 'FB_CONFIG') && /event type .* must have 1 to 200 letters/.test(error.message),
      String(type),
    )
})

const noTopics: unknown[] = [
  ...['', '.', '..', 'a b', 'a/b', 'a:b', 'ä', 'a\n', 'a'.repeat(250)],
  ...[undefined, null, 7, {}, ['a'], Symbol('a')],
]

test('a topic that Kafka would refuse is refused by every engine, before anything is created', async () => {
  const path = mkdtempSync(join(tmpdir(), 'fb-names-'))
  const logs = [memoryLog(), sqliteLog({ path })]
  try {
    for (const log of logs) {
      for (const name of noTopics)
        await assert.rejects(
          log.ensureTopics([{ name: 'sound' }, { name: name as string }]),
          (error) => isFirebreakError(error, 'FB_CONFIG') && /must have 1 to 249 letters/.test(error.message),
        )
      for (const retentionMs of [-1, 0, Number.NaN, '7d'])
        await assert.rejects(
          log.ensureTopics([{ name: 'sound', retentionMs: retentionMs as number, partitions: 0 }]),
          /partitions must be .* from 1 to 1000, not 0\n.*retentionMs must be/,
        )
      assert.deepEqual(await log.inspect().topics(), [])
      await log.ensureTopics([{ name: 'a'.repeat(249) }, { name: '...' }, { name: '_' }])
    }
  } finally {
    for (const log of logs) await log.close()
    rmSync(path, { recursive: true })
  }
  for (const topic of noTopics)
    assert.throws(() => event({ type: 'a', topic: topic as string, key: 'id', schema }), /must have 1 to 249 letters/)
})

test('a definition that is none is refused in words, and so is what stands in a list of them', () => {
  const words = (run: () => unknown): string => {
    try {
      run()
    } catch (error) {
      assert.ok(isFirebreakError(error, 'FB_CONFIG'), String(error))
      return error.message
    }
    return ''
  }
  for (const spec of [undefined, null, 5, 'text', []]) {
    assert.match(
      words(() => event(spec as never)),
      /event/,
    )
    assert.match(
      words(() => service(spec as never)),
      /service name undefined must be/,
    )
  }
  const holes = { name: 's', handlers: [undefined], publishes: [{}], calls: ['ping'] }
  assert.match(
    words(() => service(holes as never)),
    /handlers\[0\] must be made by handle\(\), not undefined/,
  )
  assert.match(
    words(() => service(holes as never)),
    /publishes\[0\] must be made by event\(\), not a value of type object/,
  )
  assert.match(
    words(() => service(holes as never)),
    /calls\[0\] must be made by call\(\), not "ping"/,
  )
  assert.match(
    words(() => service({ name: 's', handlers: 'all' as never })),
    /handlers must be a list, not "all"/,
  )
})
