/** What an event writes it can read: everything else is refused where it is published, with the field, the reason and the remedy. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { z } from 'zod'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import type { AnyEvent } from '../../../src/contracts/event.ts'
import type { Schema } from '../../../src/contracts/schema.ts'
import { event } from '../../../src/define/event.ts'
import { handle } from '../../../src/define/handle.ts'
import { service } from '../../../src/define/service.ts'
import { createRuntime, type Runtime } from '../../../src/runtime/runtime.ts'
import { memoryLog } from '../../../src/testing/memory-log/memory-log.ts'
import { createTestRuntime } from '../../../src/testing/test-runtime.ts'
import { named } from '../../named.ts'

let draws = 0
const dateOf = (from: unknown): Date => z.coerce.date().parse(from)
const eventOf = (schema: unknown): AnyEvent =>
  event({ type: 'thing.said', topic: 'said', key: 'k' as never, schema: schema as Schema })
const withV = (v: z.ZodType): AnyEvent => eventOf(z.object({ k: z.string(), v }))
const judging = (validate: (value: unknown) => unknown): AnyEvent =>
  eventOf({ '~standard': { version: 1, vendor: 'own', validate } })
const anything = judging((value) => ({ value }))

/** What a reader was given, or in words why it could not be published. */
async function said(one: AnyEvent, payload: unknown): Promise<{ read: unknown } | string> {
  let read: unknown
  const take = (it: unknown): void => {
    read = it
  }
  const app = await createTestRuntime({ services: [service({ name: 'one', handlers: [handle(one, take)] })] })
  try {
    await app.publish(one, payload as never)
    const [letter] = await named(app, 'one').deadLetters.list()
    assert.equal(letter?.message, undefined, 'what was published is read')
    return { read }
  } catch (error) {
    assert.ok(isFirebreakError(error), String(error))
    assert.ok(['FB_CONTRACT_VIOLATED', 'FB_RECORD_TOO_LARGE'].includes(error.code), error.code)
    assert.equal((await app.published()).length, 0, 'nothing of it has left')
    return error.message
  } finally {
    await app.stop()
  }
}

describe('a transform that changes what it has made is refused, with the field and the remedy', () => {
  const cases: Record<string, [AnyEvent, unknown, RegExp]> = {
    'euros to cents': [withV(z.number().transform((n) => n * 100)), { k: 'a', v: 1 }, /v: 100 is read as 10000\. The/],
    'prefix of the key': [
      eventOf(z.object({ k: z.string().transform((k) => `tenant-${k}`) })),
      { k: 'a' },
      /k: "tenant-a" is read as "tenant-tenant-a"/,
    ],
    'ISO date to Date': [withV(z.iso.date().transform((d) => dateOf(d))), { k: 'a', v: '2026-01-01' }, /v: Invalid/],
    'text to number': [withV(z.string().transform(Number)), { k: 'a', v: '5' }, /v: Invalid input: expected string/],
    'a field that is renamed': [
      eventOf(z.object({ k: z.string(), old: z.int() }).transform(({ k, old }) => ({ k, next: old }))),
      { k: 'a', old: 1 },
      /old: Invalid input/,
    ],
    'in place': [
      judging((value) => {
        const it = value as { v: number }
        it.v *= 2
        return { value: it }
      }),
      { k: 'a', v: 1 },
      /v: 2 is read as 4/,
    ],
  }
  for (const [name, [one, payload, words]] of Object.entries(cases))
    test(name, async () => {
      const answer = await said(one, payload)
      assert.match(String(answer), /it cannot read what it writes: /)
      assert.match(String(answer), words)
      assert.match(String(answer), /transform before publish or in the handler/)
    })
})

describe('a schema that reads what it has made is left alone', () => {
  const now = dateOf('2026-01-01T00:00:00.000Z')
  const isoDate = z.codec(z.iso.datetime(), z.date(), { decode: (s) => dateOf(s), encode: (d) => d.toISOString() })
  const cases: Record<string, [AnyEvent, unknown, unknown]> = {
    trim: [withV(z.string().trim()), { k: 'a', v: ' x ' }, { k: 'a', v: 'x' }],
    'lower case': [withV(z.string().toLowerCase()), { k: 'a', v: 'X' }, { k: 'a', v: 'x' }],
    default: [withV(z.string().default('x')), { k: 'a' }, { k: 'a', v: 'x' }],
    'a default that differs': [withV(z.number().default(() => draws++)), { k: 'a' }, { k: 'a', v: 0 }],
    catch: [withV(z.string().catch('x')), { k: 'a', v: 1 }, { k: 'a', v: 'x' }],
    'coerced number': [withV(z.coerce.number()), { k: 'a', v: '5' }, { k: 'a', v: 5 }],
    'coerced date': [withV(z.coerce.date()), { k: 'a', v: now }, { k: 'a', v: now }],
    'a codec of dates': [withV(isoDate), { k: 'a', v: now.toISOString() }, { k: 'a', v: now }],
    brand: [withV(z.string().brand('x')), { k: 'a', v: 'x' }, { k: 'a', v: 'x' }],
    'unknown fields': [withV(z.int()), { k: 'a', v: 1, secret: 's' }, { k: 'a', v: 1 }],
    'a field that is undefined': [withV(z.string().optional()), { k: 'a', v: undefined }, { k: 'a' }],
    'a field that a symbol names': [anything, { k: 'a', [Symbol('s')]: 1 }, { k: 'a' }],
    'minus zero': [withV(z.number()), { k: 'a', v: -0 }, { k: 'a', v: 0 }],
    'fields with names of the language': [
      anything,
      JSON.parse('{"k":"a","__proto__":{"x":1},"constructor":1}'),
      JSON.parse('{"k":"a","__proto__":{"x":1},"constructor":1}'),
    ],
    'an object of a class': [anything, Object.assign(new (class Row {})(), { k: 'a' }), { k: 'a' }],
    'an object without prototype': [anything, Object.assign(Object.create(null), { k: 'a' }), { k: 'a' }],
  }
  for (const [name, [one, payload, expected]] of Object.entries(cases))
    test(name, async () => assert.deepEqual(await said(one, payload), { read: expected }))
})

describe('what JSON would change in silence is refused', () => {
  const cyclic: Record<string, unknown> = { k: 'a' }
  cyclic['self'] = cyclic
  let laughs: unknown = ['ha']
  for (let i = 0; i < 60; i++) laughs = [laughs, laughs]
  let turn = 0
  const values: Record<string, unknown> = {
    ...{ nan: Number.NaN, infinity: Number.POSITIVE_INFINITY, bigint: 5n, symbol: Symbol('s'), function: () => 1 },
    ...{ date: dateOf(0), map: new Map([['x', 1]]), set: new Set([1]), bytes: new Uint8Array(3), regex: /x/ },
    ...{ error: new Error('x'), url: new URL('http://x'), boxed: Object(5), promise: Promise.resolve(1) },
    ...{ 'undefined in a list': [undefined], 'a hole': new Array(3) },
    'says something else': { toJSON: () => ({ other: 1 }) },
    'another one each time': Object.defineProperty({}, 'n', { get: () => turn++, enumerable: true }),
    ...{ cyclic, 'four billion holes': new Array(2 ** 32 - 1), 'more parts than can be counted': laughs },
    ...{
      'a gigabyte of bytes': new Uint8Array(2 ** 30),
      'half a million characters each': Array(64).fill('x'.repeat(2 ** 19)),
    },
  }
  for (const [name, v] of Object.entries(values))
    test(name, async () =>
      assert.match(
        String(await said(anything, { k: 'a', v })),
        /v(\.[^ :]*)*: .* is read as |cannot be written as JSON|is more than 1048576 bytes/,
      ),
    )
})

test('a key that is missing, no text, or lost by the schema, is refused in every way to publish', async () => {
  const renamed = judging(() => ({ value: { other: 1 } }))
  const ways: ((runtime: Runtime, one: AnyEvent, payload: never) => Promise<unknown>)[] = [
    (runtime, one, payload) => runtime.publish(one, payload),
    (runtime, one, payload) => runtime.transaction(async (tx) => tx.publish(one, payload)),
  ]
  for (const key of [undefined, null, 5, Number.NaN, true, {}, ['a'], 'a\0b', 'half \ud800', Symbol('k')]) {
    for (const way of ways) {
      for (const one of [anything, ...(key === undefined ? [renamed] : [])]) {
        const app = await createTestRuntime({ services: [service({ name: 'one', publishes: [one] })] })
        await assert.rejects(way(named(app, 'one').runtime, one, { k: key } as never), (error) =>
          isFirebreakError(error, 'FB_CONTRACT_VIOLATED'),
        )
        assert.equal((await app.published()).length, 0)
        await app.stop()
      }
    }
  }
})

test('in production the first hundred of each event are read back, and later those in which the schema has changed a value', async () => {
  let asked = 0
  const counting = judging((value) => {
    asked++
    const { v, ...rest } = value as { k: string; v: unknown }
    return { value: { ...rest, ...(v === undefined ? {} : { v: typeof v === 'string' ? v.trim() : v }), added: 1 } }
  })
  const log = memoryLog()
  const runtime = createRuntime({ service: service({ name: 'one', publishes: [counting] }), log })
  await runtime.start()
  const cost = async (payload: object): Promise<number> => {
    asked = 0
    await runtime.publish(counting, payload as never)
    return asked
  }
  for (let i = 0; i < 100; i++) assert.equal(await cost({ k: 'a', v: 'x' }), 2)
  assert.equal(await cost({ k: 'a', v: 'x' }), 1, 'what was added stays')
  assert.equal(await cost({ k: 'a', v: ' x ' }), 2, 'what was changed is read')
  assert.equal(await cost({ k: 'a' }), 1)
  for (const v of [Number.NaN, [undefined], dateOf(0)])
    await assert.rejects(runtime.publish(counting, { k: 'a', v } as never), /it cannot read what it writes/)
  await runtime.stop()
  const careful = createRuntime({ service: service({ name: 'one', publishes: [counting] }), log, readBack: 'always' })
  await careful.start()
  for (let i = 0; i < 200; i++) {
    asked = 0
    await careful.publish(counting, { k: 'a', v: 'x' } as never)
    assert.equal(asked, 2)
  }
  await careful.stop()
  await log.close()
})
