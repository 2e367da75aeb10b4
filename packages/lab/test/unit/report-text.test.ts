import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { count, duration, factor, moment, percent } from '../../src/analysis/report-figures.ts'
import type { LabResult } from '../../src/model/result.ts'
import { reportLines } from '../../src/report/report-text.ts'
import { type SceneSpec, scene } from './report-scene.ts'

const lines = (width: number, spec: SceneSpec = {}): readonly string[] => reportLines(scene(spec).result, width)

describe('the report for terminals', () => {
  test('has the arms, their bound, failures, expectations, self-checks and the verdict', () => {
    const { result } = scene()
    const text = reportLines(result, 100).join('\n')
    const rowOf = (name: string): string => text.split('\n').find((line) => line.startsWith(name)) ?? ''
    for (const [name, arm] of Object.entries(result.arms)) {
      assert.ok(rowOf('arm ').includes(name))
      assert.ok(rowOf('offered').includes(count(arm.offered)))
      assert.ok(rowOf('succeeded').includes(percent(arm.successRatio)), rowOf('succeeded'))
      assert.ok(rowOf('p99').includes(duration(arm.latencyMs.p99)))
      assert.ok(rowOf('amplification').includes(factor(arm.amplification)))
      assert.ok(rowOf('dead letters').includes(count(arm.deadLetters)))
      assert.ok(rowOf('oldest age').includes(duration(arm.oldestAgeMaxMs)))
    }
    assert.match(rowOf('bound '), /≤ 58\.5/)
    assert.match(rowOf('bound by'), /profile 330\/s/)
    assert.match(text, /^yes {4}event-wide successRatio >= 0\.999 +0\.9995$/m)
    assert.match(text, /^NO {5}rpc-naive latencyMs\.p99 < 300 +1234\.5$/m)
    assert.match(text, /^NO {5}work ≤ capacity +0\.02 +rpc-naive profile$/m)
    assert.match(text, /^\* rpc-naive was first\.$/m)
    assert.match(text, /^arm +timeout +breaker open +dead letter$/m)
  })

  test('lays the arms out as rows where there is room', () => {
    assert.ok(lines(200).some((line) => /^arm +offered +succeeded .* recover +bound +bound by$/.test(line)))
  })

  test('shows half the width of the intervals with more than one replication', () => {
    assert.match(lines(120, { replications: 10 }).join('\n'), /39\.2\u00a0% ±\u00a01\.2\u00a0%/)
  })

  test('has a dash where an arm has no latency, and words where it never came back', () => {
    const { result } = scene({ arms: ['naive'], stuck: true })
    const [arm] = Object.entries(result.arms)[0] ?? []
    const none = { ...result.arms[arm ?? '']!, succeeded: 0, successRatio: 0 }
    const text = reportLines({ ...result, arms: { none } }, 80).join('\n')
    assert.match(text, /^p50 +–$/m)
    assert.match(text, /^recover +never$/m)
  })

  test('says never where a claim about recovery saw no end', () => {
    const { result } = scene({ arms: ['full'] })
    const expect = [{ claim: 'rpc-full: timeToRecoverMs < 5000', holds: false, seen: Number.POSITIVE_INFINITY }]
    assert.match(reportLines({ ...result, expect }, 80).join('\n'), /timeToRecoverMs < 5000 +never$/m)
  })

  test('lets nothing through that moves a cursor or turns text around', () => {
    const text = lines(80, { prefix: '\u001b[2J\r\n\u202e' }).join('\n')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not come out
    assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u202a-\u202e]/)
  })
})

test('no line is wider than the terminal, whatever it is given', () => {
  const kinds = ['naive', 'full', 'event', 'wide'] as const
  const specs = fc.record({
    arms: fc.subarray([...kinds], { minLength: 1 }),
    prefix: fc.string({ maxLength: 90 }),
    replications: fc.constantFrom(1, 10),
  })
  fc.assert(
    fc.property(specs, fc.integer({ min: 0, max: 220 }), (spec, width) => {
      const all = lines(width, spec)
      for (const line of all) assert.ok(line.length <= Math.max(60, width), `${line.length} > ${width}: ${line}`)
      assert.doesNotMatch(all.join('\n').replaceAll(spec.prefix, ''), /NaN|Infinity|undefined/)
    }),
    { numRuns: 80 },
  )
})

test('an empty result is a report', () => {
  const { result } = scene({ arms: ['full'] })
  const empty: LabResult = { ...result, arms: {}, fluid: {}, expect: [], verdict: [], description: '' }
  assert.ok(reportLines(empty, 60).length > 0)
})

describe('figures', () => {
  test('what is not all is never shown as all, what is not nothing never as nothing', () => {
    assert.deepEqual([1, 0.99999, 0.5, 0.00001, 0].map(percent), [
      '100\u00a0%',
      '>99.9\u00a0%',
      '50\u00a0%',
      '<0.1\u00a0%',
      '0\u00a0%',
    ])
  })

  test('a duration has the unit that leaves few digits', () => {
    const values = [0, 0.42, 4.21, 52, 999.7, 6100, 24_300, 210_000, 9_000_000]
    const shown = ['0 ms', '0.42 ms', '4.2 ms', '52 ms', '1 s', '6.1 s', '24 s', '3.5 min', '2.5 h']
    assert.deepEqual(
      values.map((ms) => duration(ms).replace('\u00a0', ' ')),
      shown,
    )
  })

  test('points in time keep seconds for ten minutes', () => {
    assert.deepEqual(
      [0, 90_500, 599_000, 600_000, 21_600_000].map((ms) => moment(ms).replace('\u00a0', ' ')),
      ['0 s', '90.5 s', '599 s', '10 min', '6 h'],
    )
  })

  test('large counts are grouped, small means keep a digit', () => {
    assert.deepEqual(
      [0, 3.14, 1234, 12_345, 1_234_567].map((value) => count(value).replaceAll('\u00a0', ' ')),
      ['0', '3.1', '1234', '12 345', '1 234 567'],
    )
  })

  test('what is no number is a dash', () => {
    for (const shown of [percent, duration, count, factor])
      for (const value of [null, Number.NaN, Number.POSITIVE_INFINITY]) assert.equal(shown(value), '–')
  })
})
