import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ArmResult, LabResult } from '../../src/model/result.ts'
import type { Arm, Edge, Scenario } from '../../src/model/scenario.ts'
import { bare, call, constant, queue, runChecked, scenario, service } from '../scene.ts'

// A service designed to fail, called by four instances with 20 slots each, or fed by 15 or 60 consumers.
const profile = service('profile', {
  latency: { kind: 'uniform', minMs: 30, maxMs: 70 },
  failure: 0.02,
  overload: { at: 20, latencySlope: 1, failureSlope: 0.5, failureMax: 0.9 },
})
const backoff = { baseMs: 50, capMs: 2000, jitter: 'full' } as const
const retries = { deadlineMs: 2000, attemptTimeoutMs: 300, attemptsMax: 4, backoff }
const protectedBy = {
  ...retries,
  budget: { kind: 'ratio', ratio: 0.2, minPerSec: 1, ttlMs: 10_000 },
  bulkhead: { slots: 20, queueMax: 0, queueWaitMaxMs: 100 },
  breaker: { failureRatio: 0.5, callsMin: 20, windowMs: 10_000, openMs: 2000, probesMax: 1, slowMs: null },
} as const
const rate = [
  { atMs: 0, perSec: 100 },
  { atMs: 20_000, perSec: 800 },
  { atMs: 30_000, perSec: 100 },
]
const build = (name: string, edge: Edge): Arm => ({
  name,
  description: '',
  success: 'processed',
  services: [service('web', { instances: 4 }), profile],
  edges: [edge],
  traffic: [{ to: 'web', arrivals: { kind: 'poisson', rate }, critical: 0, keys: 0 }],
  faults: [],
})
const consumers = (count: number): Edge =>
  queue('web', 'profile', { consumers: count, attemptsMax: 5, backoff: { baseMs: 100, capMs: 5000, jitter: 'full' } })
const showdown = (arms: readonly Arm[]): Scenario =>
  scenario(arms, { durationMs: 60_000, warmupMs: 10_000, drainMaxMs: 120_000, replications: 3, seed: 42 })
const once = { baseMs: 0, capMs: 0, jitter: 'none' } as const

const result: LabResult = await runChecked(
  showdown([
    build('retry-now', call('web', 'profile', { policy: bare({ ...retries, backoff: once }) })),
    build('rpc-naive', call('web', 'profile', { policy: bare(retries) })),
    build('rpc-full', call('web', 'profile', { policy: bare(protectedBy) })),
    build('event', consumers(15)),
    build('event-4x', consumers(60)),
  ]),
)
const of = (name: string): ArmResult => result.arms[name]!
const goodput = (name: string, fromMs: number, toMs: number): number => {
  const windows = of(name).windows.filter((window) => window.fromMs >= fromMs && window.toMs <= toMs)
  return windows.reduce((sum, { succeeded }) => sum + succeeded, 0) / ((toMs - fromMs) / 1000)
}

test('retries alone carry the collapse on after the burst, at once or with backoff alike', () => {
  for (const name of ['retry-now', 'rpc-naive']) {
    assert.ok(goodput(name, 10_000, 20_000) > 95)
    assert.ok(goodput(name, 40_000, 60_000) < 5)
    assert.equal(of(name).timeToRecoverMs, null)
    assert.ok(of(name).amplification > 3)
  }
  assert.ok(Math.abs(of('retry-now').successRatio - of('rpc-naive').successRatio) < 0.01)
})

test('with bulkhead, breaker and budget the calls survive the burst, and most of it fails', () => {
  const { successRatio, failed, breakerOpens, latencyMs, timeToRecoverMs, amplification } = of('rpc-full')
  assert.ok(successRatio > of('rpc-naive').successRatio + 0.1)
  assert.ok(goodput('rpc-full', 22_000, 30_000) < 400 && goodput('rpc-full', 40_000, 60_000) > 95)
  assert.ok(failed.bulkhead! > 0 && failed.open! > 0 && breakerOpens >= 4)
  assert.ok(timeToRecoverMs !== null && timeToRecoverMs <= 5000)
  assert.ok(latencyMs.p99 > 2 * latencyMs.p50 && amplification < 1.1)
})

test('no synchronous arm passes what the capacity of the service lets through', () => {
  for (const name of ['retry-now', 'rpc-naive', 'rpc-full']) {
    const bound = result.fluid[name]!.bound!
    // 392 a second at 20 pieces of work: 1000 before, 3920 in the burst, 3000 after, of 12,000.
    assert.deepEqual([bound.service, Math.round(bound.perSec)], ['profile', 392])
    assert.ok(Math.abs(bound.ratio - 7920 / 12_000) < 1e-9)
    assert.ok(of(name).successRatio < bound.ratio)
  }
})

test('a queue with fewer consumers than the service is comfortable with loses nothing; the price is age', () => {
  const { successRatio, deadLetters, latencyMs, answerMs, oldestAgeMaxMs, backlogPeak } = of('event')
  assert.deepEqual([successRatio, deadLetters, answerMs.max], [1, 0, 0])
  assert.ok(latencyMs.p99 > 10_000 && oldestAgeMaxMs > 15_000)
  const { backlogPeak: predicted } = result.fluid['event']!
  assert.ok(Math.abs(backlogPeak / predicted! - 1) < 0.05)
})

test('four times the consumers overload the service from behind the queue: half is lost', () => {
  const { successRatio, failed } = of('event-4x')
  assert.ok(successRatio > 0.35 && successRatio < 0.65, `${successRatio}`)
  assert.deepEqual(Object.keys(failed), ['dead-letter'])
})

test('at rest the direct call is as fast as the work, and the queue costs nothing but its own waiting', async () => {
  const calm = [{ atMs: 0, perSec: 100 }]
  const arms = [
    build('rpc', call('web', 'profile', { policy: bare(protectedBy), network: constant(1) })),
    build('event', { ...consumers(15), network: constant(5) }),
  ].map((one) => ({ ...one, traffic: [{ ...one.traffic[0]!, arrivals: { kind: 'poisson', rate: calm } as const }] }))
  const { arms: found } = await runChecked(showdown(arms))
  const [rpc, event] = [found['rpc']!, found['event']!]
  assert.ok(rpc.successRatio > 0.999 && event.successRatio === 1)
  assert.ok(rpc.latencyMs.p50 < event.latencyMs.p50)
})

test('the verdict names the winner, the bound and the collapse that stays', () => {
  const text = result.verdict.join('\n')
  assert.match(text, /^event completed most: 100\s%/)
  assert.match(text, /profile lets at most 392\/s through, 66\s% of these requests/)
  assert.match(text, /rpc-naive is metastable/)
})
