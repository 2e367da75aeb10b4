/** What is known at its definition of an event that cannot read what it writes. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { z } from 'zod'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import type { AnyEvent } from '../../../src/contracts/event.ts'
import type { Schema } from '../../../src/contracts/schema.ts'
import { event } from '../../../src/define/event.ts'
import { handle } from '../../../src/define/handle.ts'
import { service } from '../../../src/define/service.ts'
import { createTestRuntime } from '../../../src/testing/test-runtime.ts'

const eventOf = (schema: unknown): AnyEvent =>
  event({ type: 'thing.said', topic: 'said', key: 'k' as never, schema: schema as Schema })
const withV = (v: z.ZodType): AnyEvent => eventOf(z.object({ k: z.string(), v }))
const published = (one: AnyEvent): unknown => service({ name: 'one', publishes: [one] })
const toDate = (text: string): Date => z.coerce.date().parse(text)

function problemOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    assert.ok(isFirebreakError(error, 'FB_CONFIG'), String(error))
    return error.message
  }
  return 'none'
}

describe('an event that no record could hold is refused with the place and the remedy', () => {
  const kinds: Record<string, [z.ZodType, string]> = {
    'a Date': [z.date(), 'v'],
    'a Map': [z.map(z.string(), z.number()), 'v'],
    'a Set': [z.set(z.string()), 'v'],
    'a symbol': [z.symbol(), 'v'],
    'a file': [z.file(), 'v'],
    NaN: [z.nan(), 'v'],
  }
  for (const [what, [schema, place]] of Object.entries(kinds))
    test(what, () => {
      const problem = problemOf(() => withV(schema))
      assert.ok(problem.startsWith(`event thing.said: schema: ${place}: JSON has nothing that is ${what}. `), problem)
      assert.match(problem, /let it describe what is on the wire/)
    })
  const places: Record<string, z.ZodType> = {
    v: z.date().optional(),
    'v.0': z.array(z.date().nullable()),
    'v.at': z.object({ at: z.date().readonly() }),
    'v.*': z.record(z.string(), z.date()),
    'v.1': z.tuple([z.string(), z.date()]),
  }
  for (const [place, schema] of Object.entries(places))
    test(`at ${place}`, () => assert.ok(problemOf(() => withV(schema)).includes(`said: schema: ${place}: JSON`)))
  test('before a transform', () =>
    assert.match(
      problemOf(() => withV(z.date().transform(String))),
      /a Date/,
    ))
})

describe('a service does not publish what was tried and is misread', () => {
  const transforms: Record<string, [AnyEvent, RegExp]> = {
    'euros to cents': [withV(z.number().transform((n) => n * 100)), /v: 700 is read as 70000/],
    'prefix of the key': [eventOf(z.object({ k: z.string().transform((k) => `t-${k}`) })), /is read as "t-t-/],
    'text to number': [withV(z.string().transform(Number)), /it writes {.*"v":7}, and does not accept that/],
    'ISO date to Date': [withV(z.iso.date().transform(toDate)), /does not accept that/],
    'a turned flag': [withV(z.boolean().transform((is) => !is)), /v: false is read as true/],
  }
  for (const [name, [one, words]] of Object.entries(transforms))
    test(name, () =>
      assert.match(
        problemOf(() => published(one)),
        words,
      ),
    )
})

test('an event that is only handled may transform: nothing of it is written', async () => {
  const cents = withV(z.number().transform((n) => n * 100))
  let read: unknown
  const take = (it: unknown): void => {
    read = it
  }
  const app = await createTestRuntime({ services: [service({ name: 'one', handlers: [handle(cents, take)] })] })
  const value = new TextEncoder().encode('{"k":"a","v":1}')
  const headers = { ce_id: 'one', ce_source: '/elsewhere', ce_type: cents.type }
  await app.log.append([{ topic: cents.topic, key: 'a', value, headers }])
  await app.settle()
  assert.deepEqual(read, { k: 'a', v: 100 })
  await app.stop()
})

test('what is not sure to be wrong is not refused', () => {
  const isoDate = z.codec(z.iso.datetime(), z.date(), { decode: toDate, encode: (d) => d.toISOString() })
  const recursive: z.ZodType = z.object({ k: z.string(), next: z.lazy(() => recursive).optional() })
  const fine: Record<string, AnyEvent> = {
    trim: withV(z.string().trim().toLowerCase()),
    default: withV(z.string().default('x')),
    catch: withV(z.int().catch(1)),
    'coerced number': withV(z.coerce.number()),
    'coerced date': withV(z.coerce.date()),
    'text to Date, which writes it the same': withV(z.string().transform(toDate)),
    codec: withV(isoDate),
    brand: withV(z.string().brand('x')),
    'Date or text': withV(z.union([z.date(), z.string()])),
    custom: withV(z.custom<string>((it) => typeof it === 'string')),
    'asynchronous transform': withV(z.string().transform(async (it) => `${it}!`)),
    'transform that throws': withV(
      z.string().transform(() => {
        throw new Error('not now')
      }),
    ),
    'asynchronous refinement that fails': withV(z.string().refine(() => Promise.reject(new Error('no database yet')))),
    'a description that throws': eventOf({
      '~standard': Object.defineProperty({ validate: () => {} }, 'jsonSchema', { get: () => assert.fail() }),
    }),
    recursive: eventOf(recursive),
  }
  for (const [name, one] of Object.entries(fine))
    assert.equal(
      problemOf(() => published(one)),
      'none',
      name,
    )
})

test('what is no schema is refused where the event is defined', () => {
  const none = [undefined, null, 5, 'z', {}, { '~standard': {} }, { '~standard': { validate: true } }]
  for (const schema of none)
    assert.throws(() => event({ type: 'a', topic: 'a', key: 'id', schema } as never), {
      code: 'FB_CONFIG',
      message: /^event a: schema must be a Standard Schema, such as z\.object\(\{ … \}\) of zod, not /,
    })
  const type = Object.assign(() => true, {
    '~standard': { version: 1, vendor: 'v', validate: (value: unknown) => ({ value }) },
  })
  assert.equal(event({ type: 'a', topic: 'a', key: 'id', schema: type } as never).type, 'a')
})
