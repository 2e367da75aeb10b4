import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { count, duration, percent } from '../../src/analysis/report-figures.ts'
import type { ArmResult, LabResult } from '../../src/model/result.ts'
import { verdictOf } from '../../src/report/verdict.ts'
import { burst, type SceneSpec, scene } from './report-scene.ts'

type Scene = ReturnType<typeof scene>

const sentencesOf = ({ scenario, result }: Scene): readonly string[] =>
  verdictOf(scenario, result.arms, result.fluid, result.differences)

const verdict = (spec: SceneSpec = {}): string => sentencesOf(scene(spec)).join('\n')

/** The scene with figures of one arm replaced. */
function changed(spec: SceneSpec, arm: string, change: Partial<ArmResult>): Scene {
  const { scenario, result } = scene(spec)
  const arms = { ...result.arms, [arm]: { ...(result.arms[arm] as ArmResult), ...change } }
  return { scenario, result: { ...result, arms } }
}

describe('the verdict', () => {
  test('first says which arm completed most, with its share and its count', () => {
    const made = scene()
    const { event } = made.result.arms
    const [first = ''] = sentencesOf(made)
    assert.match(first, /^event completed most: 100/)
    assert.ok(first.includes(count(event?.succeeded ?? null)), first)
    for (const name of ['event-wide', 'rpc-full', 'rpc-naive'])
      assert.ok(first.includes(`${name} ${percent(made.result.arms[name]?.successRatio ?? null)}`), first)
  })

  test('ranks by shares, not by counts', () => {
    const busy = changed({ arms: ['full', 'event'] }, 'rpc-full', { offered: 2_000_000, succeeded: 1_000_000 })
    assert.match(sentencesOf(busy)[0] ?? '', /^event completed most/)
  })

  test('names all arms that are level at the top', () => {
    const text = verdict({ arms: ['naive', 'event', 'full'], rate: [{ atMs: 0, perSec: 100 }] })
    assert.match(text, /^All arms completed the same share of their requests: 100\u00a0%\.$/m)
    const level = changed({ arms: ['event', 'full', 'naive'] }, 'rpc-full', { successRatio: 0.998 })
    assert.match(sentencesOf(level)[0] ?? '', /^event and rpc-full completed most/)
  })

  test('says what bounds a synchronous arm, why, who stayed within it and who passed it', () => {
    const text = verdict()
    assert.match(text, /profile lets at most 330\/s through, 58\.5\u00a0% of these requests\./)
    assert.match(text, /No synchronous arm can complete more, .*its callers wait for the answer/)
    assert.match(text, /rpc-naive 39\.2\u00a0% and rpc-full 58\.4\u00a0% stayed within it\./)
    assert.match(text, /event 100\u00a0% and event-wide .* passed it/)
  })

  test('says nothing of a bound that nobody meets', () => {
    assert.doesNotMatch(verdict({ rate: [{ atMs: 0, perSec: 100 }] }), /at most/)
  })
})

describe('the verdict on collapses', () => {
  test('tells a collapse by its time after the trigger, and its end', () => {
    const text = verdict({ arms: ['naive', 'full'] })
    const expected =
      /^rpc-naive collapsed at 20\u00a0s, when the rate rose to 800\/s: of .* until 30\u00a0s, when the rate fell again\.$/m
    assert.match(text, expected)
    assert.doesNotMatch(text, /rpc-full collapsed/)
  })

  test('names the fault that began last as the trigger', () => {
    const faults = [{ kind: 'latency', target: 'profile', value: 5, atMs: 25_000, forMs: 20_000 }] as const
    const rate = [
      { atMs: 0, perSec: 100 },
      { atMs: 20_000, perSec: 200 },
      { atMs: 40_000, perSec: 100 },
    ]
    const text = verdict({ arms: ['full'], faults, rate })
    assert.match(text, /rpc-full collapsed at 25\u00a0s, when profile became 5 times slower/)
    assert.match(text, /until 45\u00a0s, when profile had its speed again/)
  })

  test('calls an arm metastable only when the trigger is gone, the load is as before and goodput is down', () => {
    const stuck = { arms: ['naive', 'full'], stuck: true } as const
    assert.match(
      verdict(stuck),
      /^rpc-naive is metastable: up to 30\u00a0s after the rate fell again it completed only 12/m,
    )
    assert.doesNotMatch(verdict({ ...stuck, stuck: false }), /metastable/)
    const higher = burst.map((step) => (step.atMs === 30_000 ? { ...step, perSec: 300 } : step))
    assert.doesNotMatch(verdict({ ...stuck, rate: higher }), /metastable/)
    const noisy = changed({ arms: ['full', 'event'] }, 'rpc-full', { timeToRecoverMs: null })
    assert.doesNotMatch(sentencesOf(noisy).join('\n'), /metastable/)
    const lasting = burst.slice(0, 2)
    assert.doesNotMatch(verdict({ ...stuck, rate: lasting }), /metastable/)
  })

  test('says how long an arm took to come back', () => {
    const slow = changed({ arms: ['full', 'event'] }, 'rpc-full', { timeToRecoverMs: 12_000 })
    assert.match(sentencesOf(slow).join('\n'), /^rpc-full needed 12\u00a0s after the rate fell again/m)
  })
})

describe('the verdict on retries and backlogs', () => {
  test('counts attempts beyond need, and work that nobody waited for', () => {
    const { result } = scene()
    const text = verdict()
    const factor = result.arms['rpc-naive']?.amplification.toFixed(2)
    assert.match(text, new RegExp(`Failures multiplied the attempts: rpc-naive made ${factor} for each one`))
    assert.match(text, /given up: rpc-naive \d+ answers\./)
    assert.doesNotMatch(verdict({ arms: ['event'] }), /multiplied|given up/)
  })

  test('sets the backlog of an event arm beside the even flow', () => {
    const { result } = scene({ arms: ['event'] })
    const peak = count(result.arms['event']?.backlogPeak ?? null)
    const oldest = duration(result.arms['event']?.oldestAgeMaxMs ?? null)
    const text = verdict({ arms: ['event'] })
    assert.ok(text.includes(`The backlog of event peaked at ${peak} messages around`), text)
    assert.ok(text.includes('(if everything flowed evenly: 5000 messages and 25\u00a0s)'), text)
    assert.ok(text.includes(`the oldest message waited ${oldest}.`), text)
  })

  test('says when an event arm loses too, and that its consumers are too many for the target', () => {
    const text = verdict({ arms: ['wide'] })
    assert.match(
      text,
      /event-wide lost .* although it has a queue: \d+ requests ended as dead letters after up to 5 attempts\./,
    )
    assert.match(text, /^60 consumers of event-wide work on profile at once, which takes 20 with ease/m)
    assert.doesNotMatch(verdict({ arms: ['event'] }), /lost|with ease/)
    const few = sentencesOf(
      changed({ arms: ['event'] }, 'event', { successRatio: 0.9, failed: { dropped: 1250 } }),
    ).join('\n')
    assert.match(few, /event lost 10\u00a0% although it has a queue: 1250 were dropped\./)
    assert.doesNotMatch(few, /with ease/)
  })
})

describe('the verdict on what is traded', () => {
  test('says plainly that the direct call wins, with both figures', () => {
    const text = verdict({ arms: ['full', 'event'], rate: [{ atMs: 0, perSec: 100 }] })
    assert.match(
      text,
      /^The direct call wins here: both complete 100\u00a0%, and half of rpc-full is done within 66\u00a0ms, of event within 5\.2\u00a0s\./m,
    )
    assert.match(text, /The caller of event has its answer within 6\u00a0ms, before the work is done\.$/m)
  })

  test('says that the direct call wins where the event arm completed less', () => {
    const behind = sentencesOf(
      changed({ arms: ['full', 'wide'], rate: [{ atMs: 0, perSec: 100 }] }, 'event-wide', { successRatio: 0.4 }),
    )
    assert.match(
      behind.join('\n'),
      /^The direct call wins here: rpc-full completed 100\u00a0%, event-wide 40\u00a0%\.$/m,
    )
  })

  test('names age as the price of an event arm that completed more', () => {
    const oldest = duration(scene({ arms: ['full', 'event'] }).result.arms['event']?.oldestAgeMaxMs ?? null)
    assert.ok(
      verdict({ arms: ['full', 'event'] }).includes(
        `The price of event is age: the oldest message waited ${oldest}; half of its requests were done within`,
      ),
    )
  })

  test('says whether a lead is more than chance', () => {
    const spec = { replications: 10, arms: ['naive', 'event'] } as const
    assert.match(
      verdict(spec),
      /Over 10 replications event and rpc-naive differ by \d+\.\d ± 1\.2 percentage points .*more than chance explains/,
    )
    const { scenario, result } = scene(spec)
    const wide = result.differences.map((one) => ({ ...one, ci95: 5 }))
    assert.match(verdictOf(scenario, result.arms, result.fluid, wide).join('\n'), /which may be chance/)
  })

  test('has words for a run without requests and for arms without results', () => {
    const { scenario, result } = scene({ arms: ['full'], rate: [{ atMs: 0, perSec: 0 }] })
    assert.deepEqual(verdictOf(scenario, result.arms, result.fluid, []), [
      'No request arrived, so nothing can be said.',
    ])
    assert.deepEqual(verdictOf(scenario, {}, {}, []), ['No request arrived, so nothing can be said.'])
  })
})

test('whatever the figures, a verdict repeats itself and shows no NaN, Infinity or undefined', () => {
  const kinds = ['naive', 'full', 'event', 'wide'] as const
  const ms = fc.integer({ min: 0, max: 70_000 })
  const fault = fc.oneof(
    fc.record({ kind: fc.constantFrom('crash', 'hang'), target: fc.constant('profile'), atMs: ms, forMs: ms }),
    fc.record({
      kind: fc.constantFrom('capacity', 'latency', 'errors'),
      target: fc.constant('profile'),
      value: fc.double({ min: 0, max: 1, noNaN: true }),
      atMs: ms,
      forMs: ms,
    }),
    fc.record({
      kind: fc.constantFrom('partition', 'broker-down', 'hold'),
      target: fc.constant('web->profile'),
      atMs: ms,
      forMs: ms,
    }),
  )
  const specs = fc.record({
    arms: fc.subarray([...kinds], { minLength: 1 }),
    rate: fc.array(fc.record({ atMs: ms, perSec: fc.integer({ min: 0, max: 900 }) }), { minLength: 1, maxLength: 4 }),
    faults: fc.array(fault, { maxLength: 3 }),
    replications: fc.constantFrom(1, 5),
    stuck: fc.boolean(),
  })
  fc.assert(
    fc.property(specs, (spec) => {
      const rate = spec.rate.toSorted((a, b) => a.atMs - b.atMs)
      const text = verdict({ ...spec, rate } as SceneSpec)
      assert.equal(verdict({ ...spec, rate } as SceneSpec), text)
      assert.doesNotMatch(text, /NaN|Infinity|undefined|null/)
    }),
    { numRuns: 60 },
  )
})

test('a fluid line without figures leaves its sentences out', () => {
  const { scenario, result } = scene({ arms: ['event'] })
  const fluid: LabResult['fluid'] = { event: { bound: null, backlogPeak: null, drainMs: null, forms: [] } }
  assert.doesNotMatch(verdictOf(scenario, result.arms, fluid, []).join('\n'), /evenly|at most/)
})
