import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isFirebreakError } from '../../src/contracts/errors.ts'
import type { Schema } from '../../src/contracts/schema.ts'
import { payloadDifference } from '../../src/contracts/text/payload-difference.ts'
import { isKeptJson, isSameJson } from '../../src/contracts/text/same-json.ts'
import { event } from '../../src/define/event.ts'
import { handle } from '../../src/define/handle.ts'
import { service } from '../../src/define/service.ts'
import { oddThenables, oddValues } from '../../src/testing/hostile/values.ts'
import { createTestRuntime } from '../../src/testing/test-runtime.ts'
import { named } from '../named.ts'

const options = {
  withDate: true,
  withMap: true,
  withSet: true,
  withBigInt: true,
  withTypedArray: true,
  withSparseArray: true,
  withNullPrototype: true,
  withBoxedValues: true,
}
const odd = [...oddValues, ...oddThenables.filter(({ name }) => !name.startsWith('rejection'))]
/** Boxed: what generates values must not look into these. */
const anything: fc.Arbitrary<() => unknown> = fc.oneof(
  fc.jsonValue().map((value) => () => value),
  fc.anything(options).map((value) => () => value),
  fc.constantFrom(
    ...odd.map(
      ({ make }) =>
        () =>
          make(() => 0.5),
    ),
  ),
)

/** What a schema does to the field `v` of what it is given: by name, so that it does it to what it reads too. */
const ways: Readonly<Record<string, (v: unknown) => unknown>> = {
  nothing: (v) => v,
  text: (v) => (typeof v === 'string' ? v : (JSON.stringify(v) ?? 'nothing')),
  wraps: (v) => [v],
  turns: (v) => (typeof v === 'number' ? -v : v),
  absolute: (v) => (typeof v === 'number' ? Math.abs(v) : v),
  drops: () => undefined,
  replaces: () => new Map(),
}

interface Judged {
  readonly k: string
  readonly way: string
  readonly v: unknown
}

const schema: Schema<Judged> = {
  '~standard': {
    version: 1,
    vendor: 'own',
    validate: (value) => {
      const it = value as Judged
      return { value: { ...it, v: ways[it.way]?.(it.v) } }
    },
  },
}
const Said = event({ type: 'thing.said', topic: 'said', key: 'k', schema })
const runs = 2000

test('whatever a schema returns, what is published is read as the same, in order, and everything else is refused', async () => {
  const read: unknown[] = []
  const one = service({ name: 'one', publishes: [Said], handlers: [handle(Said, (it) => void read.push(it))] })
  const app = await createTestRuntime({ services: [one] })
  let sent = 0
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...Object.keys(ways)), anything, async (way, make) => {
      const v = make()
      const [error] = await named(app, 'one')
        .runtime.publish(Said, { k: 'k', way, v })
        .then(
          () => [undefined],
          (reason: unknown) => [reason],
        )
      if (error === undefined) {
        sent++
        await app.settle()
        const made = { k: 'k', way, v: ways[way]?.(v) }
        assert.equal(payloadDifference(made, read.at(-1)), undefined)
      } else assert.ok(isFirebreakError(error), String(error))
      assert.equal(read.length, sent)
    }),
    { numRuns: runs },
  )
  assert.ok(sent > runs / 10 && sent < runs, `${sent} of ${runs}`)
  assert.deepEqual(await named(app, 'one').deadLetters.list(), [])
  assert.deepEqual((await named(app, 'one').ledger()).problems, [])
  await app.stop()
})

test('what JSON brings back unchanged is no difference, and only that', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
      const copy = JSON.parse(JSON.stringify(one))
      assert.equal(payloadDifference(one, copy), undefined)
      // Of those with a field that is named like the prototype it is not known.
      const isKnown = !JSON.stringify(one).includes('__proto__')
      if (isKnown) assert.ok(isSameJson(copy, one, 10_000) && isKeptJson(copy, one, 10_000))
      const isEqual = JSON.stringify(sorted(one)) === JSON.stringify(sorted(other))
      assert.equal(payloadDifference(one, other) === undefined, isEqual)
      if (isSameJson(one, other, 10_000)) assert.ok(isEqual)
    }),
    { numRuns: runs },
  )
})

test('a value is the same JSON only if it is read as it was written', () => {
  fc.assert(
    fc.property(anything, (make) => {
      const value = make()
      if (isSameJson(value, value, 10_000))
        assert.equal(payloadDifference(value, JSON.parse(JSON.stringify(value))), undefined)
    }),
    { numRuns: runs },
  )
})

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return { fields: entries.map(([name, field]) => [name, sorted(field)]) }
}
