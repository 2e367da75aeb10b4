import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import { hours } from '../../../src/contracts/duration.ts'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import type { LogEntry } from '../../../src/contracts/log.ts'
import { event } from '../../../src/define/event.ts'
import { handle } from '../../../src/define/handle.ts'
import { service } from '../../../src/define/service.ts'
import { topic } from '../../../src/define/topic.ts'
import { topicsOf } from '../../../src/define/topics-of.ts'
import { readPayload } from '../../../src/runtime/message/contract.ts'
import {
  childTrace,
  envelopeOf,
  headersOf,
  inboxIdOf,
  parsePayload,
} from '../../../src/runtime/message/envelope-codec.ts'
import { describeError, fingerprintOf } from '../../../src/runtime/message/fingerprint.ts'
import { seededEntropy } from '../../../src/testing/virtual-time/seeded-entropy.ts'

const schema: z.ZodObject<{ id: z.ZodString }> = z.object({ id: z.string() })
const spec = { type: 'a.b', topic: 't', key: 'id', schema } as const

function problemsOf(run: () => unknown): readonly string[] {
  try {
    run()
  } catch (error) {
    assert.ok(isFirebreakError(error, 'FB_CONFIG'))
    return String(error.detail['problems']).split('\n')
  }
  return []
}

test('an event names every mistake of its definition at once', () => {
  const wrong = {
    ...spec,
    type: 'A b',
    topic: 'a topic',
    version: 0,
    upcast: { 3: () => ({}) },
    tombstone: 1 as never,
  }
  assert.equal(problemsOf(() => event(wrong)).length, 5)
  assert.deepEqual(
    problemsOf(() => event(spec)),
    [],
  )
})

test('how long a topic keeps its records is a length of time, or forever', () => {
  for (const retentionMs of [
    -1,
    0,
    0.5,
    Number.NaN,
    Number.NEGATIVE_INFINITY,
    '7d' as never,
    null as never,
    Symbol('week') as never,
  ]) {
    const [problem = '', ...others] = problemsOf(() => topic('a.b', { retentionMs }))
    assert.deepEqual(others, [])
    assert.match(
      problem,
      /^topic a\.b: retentionMs must be a whole number of ms from 1 to 9007199254740991, or Infinity, not /,
    )
  }
  for (const retentionMs of [1, 86_400_000, Number.POSITIVE_INFINITY])
    assert.equal(event({ ...spec, topic: topic('t', { retentionMs }) }).retentionMs, retentionMs)
})

test('a handler names every mistake of its options at once', () => {
  const problems = problemsOf(() =>
    handle(event(spec), undefined as never, { deadlineMs: 0, retry: { attemptsMax: 0, capMs: -1 } }),
  )
  assert.equal(problems.length, 5)
  assert.ok(problems.every((problem) => problem.startsWith('handler of a.b')))
})

test('a handler can be written with its options first, and is the same', () => {
  const run = (): void => {}
  const options = { deadlineMs: 5, retry: { attemptsMax: 3 }, onExhausted: 'hold' } as const
  const one = event(spec)
  assert.deepEqual(handle(one, { ...options, run }), handle(one, run, options))
  assert.deepEqual(handle(one, { run }), handle(one, run))
})

test('a handler with its options first names every mistake of theirs', () => {
  const one = event(spec)
  const problems = problemsOf(() => handle(one, { run: undefined as never, deadlineMs: 0, retrys: 3 } as never))
  assert.deepEqual(problems, [
    'handler of a.b: deadlineMs must be a whole number of ms from 1 to 2147483647, not 0',
    'handler of a.b: retrys is no option: did you mean retry?',
    'handler of a.b: it needs a function that takes the payload, not undefined',
  ])
  assert.match(problemsOf(() => handle(one, { run: () => {} }, { deadlineMs: 5 })).join(), /options are given twice/)
})

test('a service refuses two handlers of an event, two definitions of a type, and topics that disagree', () => {
  const one = event(spec)
  const twin = event(spec)
  const wide = event({ ...spec, type: 'a.c', topic: topic('t', { partitions: 12 }) })
  const handlers = [handle(one, () => {}), handle(one, () => {})]
  const problems = problemsOf(() => service({ name: 'No Name', handlers, publishes: [twin, wide], handlersMax: 0 }))
  for (const words of [
    'kebab',
    'two handlers of a.b',
    'could not say which: do both in one handler, or make it two services',
    'defined twice',
    'handlersMax',
    'partitions',
  ]) {
    assert.ok(
      problems.some((problem) => problem.includes(words)),
      `${words} is missing in ${problems}`,
    )
  }
})

test('a topic is defined once for all its events, and a service needs it once', () => {
  const t = topic('t', { partitions: 12, retentionMs: 9e9 })
  assert.deepEqual(t, { kind: 'topic', name: 't', partitions: 12, retentionMs: 9e9 })
  const one = event({ ...spec, topic: t })
  const other = event({ ...spec, type: 'a.c', topic: t })
  assert.equal(one.topic, 't')
  const topics = topicsOf(service({ name: 's', handlers: [handle(one, () => {})], publishes: [other] }))
  assert.deepEqual(topics, [{ name: 't', partitions: 12, retentionMs: 9e9 }])
})

test('a topic that was written by hand is judged like one of topic()', () => {
  const byHand = (fields: object) => () => event({ ...spec, topic: { kind: 'topic', name: 't', ...fields } as never })
  assert.deepEqual(problemsOf(byHand({ partitions: -1, retentionMs: 'long' })), [
    'event a.b: topic.partitions must be a whole number of partitions from 1 to 1000, not -1',
    'event a.b: topic.retentionMs must be a whole number of ms from 1 to 9007199254740991, or Infinity, not "long"',
  ])
  assert.match(problemsOf(byHand({ name: '..' })).join(), /event a\.b: topic "?\.\./)
  assert.equal(byHand({})().partitions, 6)
})

test('a topic that is only named has the default settings, and says the same as one defined with them', () => {
  const named = event(spec)
  const defined = event({ ...spec, type: 'a.c', topic: topic('t') })
  assert.deepEqual([named.partitions, named.retentionMs], [6, hours(24 * 7)])
  assert.deepEqual(topicsOf(service({ name: 's', publishes: [named, defined] })).length, 1)
})

test('a service refuses a topic about which its events disagree, named or defined', () => {
  const said = (...topics: (string | ReturnType<typeof topic>)[]): readonly string[] =>
    problemsOf(() =>
      service({ name: 's', publishes: topics.map((one, n) => event({ ...spec, type: `a.e${n}`, topic: one })) }),
    )
  const ends = 'define it once with topic() for both'
  assert.deepEqual(said('t', topic('t', { partitions: 12 })), [`topic t: a.e0 says partitions 6, a.e1 12; ${ends}`])
  assert.deepEqual(said(topic('t', { retentionMs: 5 }), topic('t', { retentionMs: 9 })), [
    `topic t: a.e0 says retentionMs 5, a.e1 9; ${ends}`,
  ])
  assert.deepEqual(said(topic('t', { retentionMs: 5 }), 'other'), [])
})

test('a topic and an event say what is wrong with a topic', () => {
  assert.match(
    problemsOf(() => topic('a topic', { partition: 3 } as never)).join(),
    /must have 1 to 249.*did you mean/s,
  )
  for (const wrong of [undefined, null, 7, {}, { kind: 'event', name: 't' }])
    assert.match(
      problemsOf(() => event({ ...spec, topic: wrong as never })).join(),
      /event a\.b: topic .* must have 1 to 249/,
    )
})

test('an envelope survives its headers', () => {
  const text = fc.string({ minLength: 1 })
  const envelope = fc.record({
    id: text,
    source: text,
    type: text,
    time: text,
    schemaVersion: fc.integer({ min: 1, max: 1000 }),
    correlationId: text,
    causationId: fc.option(text),
    traceparent: fc.option(text),
  })
  fc.assert(
    fc.property(envelope, (one) => {
      assert.deepEqual(envelopeOf(entryOf({ headers: headersOf(one) })), { ...one })
    }),
  )
})

function entryOf(changes: Partial<LogEntry>): LogEntry {
  return { topic: 't', partition: 0, offset: 0, key: null, value: null, headers: {}, atMs: 0, ...changes }
}

test('an id that is not a UUID is known together with its source', () => {
  const id = '01890000-0000-7000-8000-000000000000'
  assert.equal(inboxIdOf(entryOf({ headers: { ce_id: id, ce_source: '/a' } })), id)
  assert.equal(inboxIdOf(entryOf({ headers: { ce_id: '7', ce_source: '/a' } })), '/a#7')
  assert.equal(inboxIdOf(entryOf({})), null)
})

test('a payload is valid JSON in valid UTF-8, or undecodable', () => {
  assert.deepEqual(parsePayload(new TextEncoder().encode('{"ä":1}')), { ä: 1 })
  for (const value of [null, new Uint8Array([0xc3, 0x28]), new TextEncoder().encode('{'), new Uint8Array()]) {
    assert.throws(
      () => parsePayload(value),
      (error) => isFirebreakError(error, 'FB_UNDECODABLE'),
    )
  }
})

test('a child span keeps the trace of its parent; without a sound parent a new trace begins', () => {
  const entropy = seededEntropy(1)
  const parent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-00`
  assert.match(childTrace(parent, entropy), /^00-a{32}-[0-9a-f]{16}-00$/)
  assert.match(childTrace('nonsense', entropy), /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
})

test('a payload is lifted from any older version; a gap or a newer version is refused', () => {
  const lifted = event({ ...spec, version: 3, upcast: { 1: () => ({ n: 1 }), 2: () => ({ id: 'x' }) } })
  assert.deepEqual(readPayload(lifted, 1, {}), { value: { id: 'x' } })
  assert.throws(() => readPayload(lifted, 4, {}), /FB_UPCASTER_MISSING|no upcaster/)
  assert.throws(() => readPayload(event({ ...spec, version: 2 }), 1, {}), /no upcaster/)
})

test('a fingerprint is equal for one kind of failure and tells others apart', () => {
  const at = (file: string, line: number): string => `Error: x\n    at work (/srv/app/${file}:${line}:7)`
  const one = { errorClass: 'Error', message: 'order 4711', stack: at('order.ts', 10) }
  assert.equal(fingerprintOf(one), fingerprintOf({ ...one, message: 'order 4712', stack: at('order.ts', 99) }))
  assert.notEqual(fingerprintOf(one), fingerprintOf({ ...one, stack: at('truck.ts', 10) }))
  assert.notEqual(fingerprintOf(one), fingerprintOf({ ...one, errorClass: 'TypeError' }))
  const bare = { errorClass: 'string', message: 'order 4711 of "ann"', stack: '' }
  assert.equal(fingerprintOf(bare), fingerprintOf({ ...bare, message: 'order 12 of "bob"' }))
})

test('what is kept of an error is bounded, whatever was thrown', () => {
  const deep = new Error('x'.repeat(100_000), { cause: new Error('y'.repeat(100_000)) })
  for (const thrown of [deep, 'x'.repeat(100_000), null, 7, { toString: () => 'odd' }]) {
    const kept = describeError(thrown)
    assert.ok(kept.message.length <= 1024 && kept.stack.length <= 4096)
  }
})
