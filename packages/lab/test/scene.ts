import type { Policy, PolicySpec } from 'firebreak'
import { withDefaults } from 'firebreak/internal'
import type { ArmResult, LabResult } from '../src/model/result.ts'
import type {
  Arm,
  Arrivals,
  Distribution,
  Edge,
  QueueEdge,
  Scenario,
  ServiceModel,
  SyncEdge,
  Traffic,
} from '../src/model/scenario.ts'
import { runScenario } from '../src/run/run.ts'

const infinity: number = Number.POSITIVE_INFINITY

export const constant = (ms: number): Distribution => ({ kind: 'constant', ms })
export const exponential = (meanMs: number): Distribution => ({ kind: 'exponential', meanMs })

/** A service that does nothing, at once, for any number of requests. */
export const service = (name: string, patch: Partial<ServiceModel> = {}): ServiceModel => ({
  name,
  instances: 1,
  concurrency: infinity,
  queue: { max: infinity, order: 'fifo', maxWaitMs: infinity },
  latency: constant(0),
  failure: 0,
  overload: null,
  onCancel: 'ignore',
  shed: null,
  ...patch,
})

export const queueOf = (max: number): ServiceModel['queue'] => ({ max, order: 'fifo', maxWaitMs: infinity })

/** A call over a network that takes no time, without a policy. */
export const call = (from: string, to: string, patch: Partial<SyncEdge> = {}): SyncEdge => ({
  kind: 'sync',
  id: `${from}->${to}`,
  from,
  to,
  group: 0,
  parallel: false,
  optional: false,
  fallback: false,
  calls: 1,
  policy: null,
  network: constant(0),
  ...patch,
})

/** A queue with one consumer that tries forever, a second between attempts. */
export const queue = (from: string, to: string, patch: Partial<QueueEdge> = {}): QueueEdge => ({
  kind: 'queue',
  id: `${from}=>${to}`,
  from,
  to,
  consumers: 1,
  partitions: 0,
  attemptsMax: 1_000_000,
  attemptTimeoutMs: infinity,
  backoff: { baseMs: 1000, capMs: 1000, jitter: 'none' },
  deadLetters: true,
  publish: 'outbox',
  network: constant(0),
  ...patch,
})

/** A policy without any part but deadline, time-out and attempts, all of them long and few. */
export const bare = (spec: PolicySpec = {}): Policy =>
  withDefaults({
    deadlineMs: 1e9,
    attemptTimeoutMs: 1e9,
    attemptsMax: 1,
    backoff: { baseMs: 0, capMs: 0, jitter: 'none' },
    budget: null,
    breaker: null,
    bulkhead: null,
    ...spec,
  })

export const poisson = (perSec: number): Arrivals => ({ kind: 'poisson', rate: [{ atMs: 0, perSec }] })
export const even = (perSec: number): Arrivals => ({ kind: 'deterministic', rate: [{ atMs: 0, perSec }] })
export const trace = (...atMs: readonly number[]): Arrivals => ({ kind: 'trace', atMs })
export const trafficTo = (to: string, arrivals: Arrivals, patch: Partial<Traffic> = {}): Traffic => ({
  to,
  arrivals,
  critical: 0,
  keys: 0,
  ...patch,
})

/** An arm of these services and edges; its traffic is what the patch says. */
export const arm = (services: readonly ServiceModel[], edges: readonly Edge[], patch: Partial<Arm> = {}): Arm => ({
  name: 'only',
  description: '',
  success: 'processed',
  services,
  edges,
  traffic: [],
  faults: [],
  ...patch,
})

/** Ten seconds without warm-up. */
export const scenario = (arms: readonly Arm[], patch: Partial<Scenario> = {}): Scenario => ({
  name: 'test',
  description: '',
  seed: 1,
  replications: 1,
  durationMs: 10_000,
  warmupMs: 0,
  drainMaxMs: 60_000,
  windowMs: 1000,
  eventsMax: 10_000_000,
  arms,
  expect: [],
  ...patch,
})

/** The result of the one arm; every run's own checks must hold. */
export async function runArm(one: Arm, patch: Partial<Scenario> = {}): Promise<ArmResult> {
  const result = await runChecked(scenario([one], patch))
  return result.arms[one.name] as ArmResult
}

export async function runChecked(what: Scenario): Promise<LabResult> {
  const result = await runScenario(what)
  for (const [name, check] of Object.entries(result.checks)) {
    if (!check.ok) throw new Error(`${name} does not hold: ${check.worst} at ${check.where}`)
  }
  return result
}
