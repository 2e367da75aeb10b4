import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { permanent } from '../../src/contracts/errors.ts'
import type { LogRecord } from '../../src/contracts/log.ts'
import { exactOf } from '../../src/testing/conformance/exact-record.ts'
import { drawOddRecord } from '../../src/testing/hostile/records.ts'
import { seededEntropy } from '../../src/testing/virtual-time/seeded-entropy.ts'
import { tryRecords } from '../../torture/records.ts'
import { named } from '../named.ts'
import { Happened, scene, writer } from '../thing-scene.ts'

test('3,000 records of any key, headers and value end once each, and harm nobody beside them', async (t) => {
  const report = await tryRecords({ records: Number(process.env['FIREBREAK_RECORDS'] ?? 3000), seed: 20_261_130 })
  t.diagnostic(JSON.stringify(report))
  const { halts, unsettled, neighboursHarmed, ledgerImbalance } = report
  assert.deepEqual([halts, unsettled, neighboursHarmed, ledgerImbalance], [0, 0, 0, 0])
  assert.ok(report.deadLettered > 500 && report.done > 500 && report.neighbours > 300)
})

const bytes = fc.uint8Array({ maxLength: 12 })
const text = fc.string({ maxLength: 8, unit: 'binary' }).map((one) => new TextEncoder().encode(one))
const namedHeader = fc
  .constantFrom('ce_id', 'ce_type', 'twice', '__proto__', '1')
  .map((name) => new TextEncoder().encode(name))
const header = fc.record({ name: fc.oneof(namedHeader, text, bytes), value: fc.option(fc.oneof(text, bytes)) })
const record: fc.Arbitrary<Omit<LogRecord, 'topic'>> = fc.record({
  key: fc.constant('k'),
  value: fc.option(bytes),
  headers: fc.constant({}),
  original: fc.record({ key: fc.oneof(text, bytes), headers: fc.array(header, { maxLength: 6 }) }),
})

test('a letter has the bytes of its record, is replayed with them, and comes back the same', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 8 }), async (drawn) => {
      const { app } = await scene([writer('one', () => Promise.reject(permanent('no')))])
      await app.log.append(drawn.map((one) => ({ ...one, topic: Happened.topic, partition: 0 })))
      await app.settle()
      const deadLetters = named(app, 'one').deadLetters
      const letters = async () => (await deadLetters.list()).toSorted((a, b) => a.entry.offset - b.entry.offset)
      const first = await letters()
      // What another type asks for is skipped.
      const sent = first.map(({ entry }) => drawn[entry.offset] as Omit<LogRecord, 'topic'>)
      assert.deepEqual(
        first.map(({ entry }) => exactOf(entry)),
        sent.map(exactOf),
      )
      for (const { id } of first) await deadLetters.replay(id, { by: 'ann', note: '' })
      await app.settle()
      const again = await letters()
      assert.deepEqual(
        again.map(({ entry, state }) => [exactOf(entry), state]),
        sent.map((one) => [exactOf(one), 'open']),
      )
      assert.deepEqual((await named(app, 'one').ledger()).problems, [])
      await app.stop()
    }),
    { numRuns: 60 },
  )
})

test('the generator draws records that text cannot say', () => {
  const { random } = seededEntropy(1)
  const drawn = Array.from({ length: 500 }, () => drawOddRecord(random, 'x'))
  const names = drawn.map(({ original }) => original?.headers?.map(({ name }) => String(name)) ?? [])
  assert.ok(
    names.some((list) => new Set(list).size < list.length),
    'a header twice',
  )
  assert.ok(
    drawn.some(({ original }) => original?.headers?.some(({ value }) => value === null)),
    'a header without a value',
  )
  assert.ok(
    drawn.some(({ original }) => original?.key !== undefined),
    'a key of bytes',
  )
})
