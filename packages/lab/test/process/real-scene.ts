import { withDefaults } from 'firebreak/internal'
import type { Arm, QueueEdge, RateStep, Scenario, ServiceModel, SyncEdge, Traffic } from '../../src/model/scenario.ts'
import { call, constant } from '../scene.ts'

const noTime = constant(0)

/** A service without work and without bounds. */
export function model(name: string, own: Partial<ServiceModel> = {}): ServiceModel {
  return {
    name,
    instances: 1,
    concurrency: Number.POSITIVE_INFINITY,
    queue: { max: 0, order: 'fifo', maxWaitMs: Number.POSITIVE_INFINITY },
    latency: noTime,
    failure: 0,
    overload: null,
    onCancel: 'ignore',
    shed: null,
    ...own,
  }
}

export function queue(from: string, to: string, own: Partial<QueueEdge> = {}): QueueEdge {
  return {
    kind: 'queue',
    id: `${from}->${to}`,
    from,
    to,
    consumers: 4,
    partitions: 0,
    attemptsMax: 3,
    attemptTimeoutMs: Number.POSITIVE_INFINITY,
    backoff: { baseMs: 10, capMs: 20, jitter: 'full' },
    deadLetters: true,
    publish: 'outbox',
    network: noTime,
    ...own,
  }
}

export function steady(to: string, perSec: number): Traffic {
  return rising(to, [{ atMs: 0, perSec }])
}

function rising(to: string, rate: readonly RateStep[]): Traffic {
  return { to, arrivals: { kind: 'deterministic', rate }, critical: 0, keys: 0 }
}

export function arm(name: string, parts: Partial<Arm>): Arm {
  return { name, description: '', success: 'processed', services: [], edges: [], traffic: [], faults: [], ...parts }
}

/** A second of arrivals. */
export function scenario(arms: readonly Arm[], own: Partial<Scenario> = {}): Scenario {
  return {
    name: 'real',
    description: '',
    seed: 3,
    replications: 1,
    durationMs: 1000,
    warmupMs: 0,
    drainMaxMs: 20_000,
    windowMs: 500,
    eventsMax: 10_000_000,
    arms,
    expect: [],
    ...own,
  }
}

/**
 * The showdown of seed 004 for two cores: a quarter of its rates and of its concurrency, with its latencies. `burstMs`: from
 * when to when eight times as much arrives.
 */
export function showdown(burstMs: readonly [number, number], own: Partial<Scenario> = {}): Scenario {
  const web = model('web', { instances: 4 })
  const profile = model('profile', {
    latency: { kind: 'uniform', minMs: 30, maxMs: 70 },
    failure: 0.02,
    overload: { at: 5, latencySlope: 1, failureSlope: 0.5, failureMax: 0.9 },
  })
  const traffic = [
    rising('web', [
      { atMs: 0, perSec: 25 },
      { atMs: burstMs[0], perSec: 200 },
      { atMs: burstMs[1], perSec: 25 },
    ]),
  ]
  const retries = {
    deadlineMs: 2000,
    attemptTimeoutMs: 300,
    attemptsMax: 4,
    backoff: { baseMs: 50, capMs: 2000, jitter: 'full' },
  } as const
  const naive = withDefaults({ ...retries, budget: null, breaker: null, bulkhead: null })
  const full = withDefaults({
    ...retries,
    budget: { ratio: 0.2, minPerSec: 1, ttlMs: 10_000 },
    breaker: { failureRatio: 0.5, callsMin: 20, windowMs: 10_000, openMs: 2000, probesMax: 1 },
    bulkhead: { slots: 5, queueMax: 0 },
  })
  const events = (consumers: number): QueueEdge =>
    queue('web', 'profile', { consumers, attemptsMax: 5, backoff: { baseMs: 100, capMs: 5000, jitter: 'full' } })
  const of = (name: string, edge: SyncEdge | QueueEdge): Arm =>
    arm(name, { services: [web, profile], edges: [edge], traffic })
  return scenario(
    [
      of('rpc-naive', call('web', 'profile', { policy: naive })),
      of('rpc-full', call('web', 'profile', { policy: full })),
      of('event', events(4)),
      of('event-4x', events(15)),
    ],
    { name: 'showdown', ...own },
  )
}
