/** A scenario and a result of it for the tests of the reports: windows of a coarse flow model, no simulation. */
import { policy } from 'firebreak'
import type { ArmResult, LabResult, LatencySummary, WaitSummary, WindowResult } from '../../src/model/result.ts'
import type { Arm, Distribution, Edge, Fault, RateStep, Scenario, ServiceModel } from '../../src/model/scenario.ts'

export interface SceneSpec {
  readonly arms?: readonly ('naive' | 'full' | 'event' | 'wide')[]
  readonly rate?: readonly RateStep[]
  readonly faults?: readonly Fault[]
  readonly replications?: number
  readonly durationMs?: number
  /** Put before every name of an arm and of a service. */
  readonly prefix?: string
  /** The naive arm never comes back from its overload. */
  readonly stuck?: boolean
}

const capacity = 330
const constant = (ms: number): Distribution => ({ kind: 'constant', ms })
export const burst: readonly RateStep[] = [
  { atMs: 0, perSec: 100 },
  { atMs: 20_000, perSec: 800 },
  { atMs: 30_000, perSec: 100 },
]

export function scene(spec: SceneSpec = {}): { readonly scenario: Scenario; readonly result: LabResult } {
  const { prefix = '', replications = 1, durationMs = 60_000 } = spec
  const kinds = spec.arms ?? ['naive', 'full', 'event', 'wide']
  const arms = kinds.map((kind) => armOf(kind, spec, prefix))
  const scenario: Scenario = {
    name: `${prefix}burst on profile`,
    description: `${prefix}One service asks another for each request, and a burst passes its capacity.`,
    seed: 42,
    replications,
    durationMs,
    warmupMs: 5000,
    drainMaxMs: 60_000,
    windowMs: 1000,
    eventsMax: 1e7,
    arms,
    expect: [],
  }
  const flows = kinds.map((kind, index) => resultOf(kind, arms[index] as Arm, scenario, spec))
  const results = Object.fromEntries(arms.map(({ name }, index) => [name, flows[index] as ArmResult]))
  const offered = flows[0]?.offered ?? 0
  const ratio = offered === 0 ? 1 : Math.min(1, (0.85 * capacity * 10 + 45 * 100) / offered)
  const bound = { service: `${prefix}profile`, perSec: capacity, succeeded: ratio * offered, ratio }
  const isEvent = (kind: string): boolean => kind === 'event' || kind === 'wide'
  const fluidOf = (kind: string): LabResult['fluid'][string] => ({
    bound,
    backlogPeak: isEvent(kind) ? 5000 : null,
    drainMs: isEvent(kind) ? 25_000 : null,
    forms: isEvent(kind)
      ? []
      : [{ name: 'M/M/c', metric: 'services.profile.waitMs.mean', predicted: 12.4, simulated: 12.9 }],
  })
  return {
    scenario,
    result: {
      scenario: scenario.name,
      description: scenario.description,
      mode: 'sim',
      seed: 42,
      replications,
      arms: results,
      fluid: Object.fromEntries(kinds.map((kind, index) => [(arms[index] as Arm).name, fluidOf(kind)])),
      differences: replications < 2 ? [] : differencesOf(results),
      expect: [
        { claim: `${arms.at(-1)?.name} successRatio >= 0.999`, holds: true, seen: 0.9995 },
        { claim: `${arms[0]?.name} latencyMs.p99 < 300`, holds: false, seen: 1234.5 },
      ],
      verdict: [`${arms[0]?.name} was first.`, 'Nothing else was seen.'],
      checks: {
        conservation: { ok: true, worst: 0, where: '' },
        little: { ok: true, worst: 0.0042, where: `${arms[0]?.name} profile` },
        capacity: { ok: false, worst: 0.02, where: `${arms[0]?.name} profile` },
      },
      digest: 'a3'.repeat(32),
    },
  }
}

function armOf(kind: string, spec: SceneSpec, prefix: string): Arm {
  const service = (name: string, concurrency: number): ServiceModel => ({
    name: `${prefix}${name}`,
    instances: 1,
    concurrency,
    queue: { max: 50, order: 'fifo', maxWaitMs: Number.POSITIVE_INFINITY },
    latency: constant(name === 'profile' ? 60 : 5),
    failure: 0.01,
    overload: name === 'profile' ? { at: 20, latencySlope: 1, failureSlope: 0.5, failureMax: 0.9 } : null,
    onCancel: 'ignore',
    shed: null,
  })
  const ends = {
    id: `${prefix}web->${prefix}profile`,
    from: `${prefix}web`,
    to: `${prefix}profile`,
    network: constant(1),
  }
  const call: Edge = {
    ...ends,
    kind: 'sync',
    group: 0,
    parallel: false,
    optional: false,
    fallback: false,
    calls: 1,
    policy: kind === 'naive' ? null : policy(),
  }
  const queue: Edge = {
    ...ends,
    kind: 'queue',
    consumers: kind === 'wide' ? 60 : 15,
    partitions: 0,
    attemptsMax: 5,
    attemptTimeoutMs: Number.POSITIVE_INFINITY,
    backoff: { baseMs: 100, capMs: 5000, jitter: 'full' },
    deadLetters: true,
    publish: 'outbox',
  }
  const store: Edge = { ...call, id: 'profile->store', from: `${prefix}profile`, to: `${prefix}store` }
  const rate = spec.rate ?? burst
  return {
    name: `${prefix}${{ naive: 'rpc-naive', full: 'rpc-full', event: 'event', wide: 'event-wide' }[kind]}`,
    description: '',
    success: 'processed',
    services: [service('web', Number.POSITIVE_INFINITY), service('profile', 20), service('store', 40)],
    edges: [kind === 'event' || kind === 'wide' ? queue : call, store],
    traffic: [{ to: `${prefix}web`, arrivals: { kind: 'poisson', rate }, critical: 0, keys: 0 }],
    faults: spec.faults ?? [],
  }
}

interface Tank {
  backlog: number
  overloaded: number
}

function resultOf(kind: string, arm: Arm, scenario: Scenario, spec: SceneSpec): ArmResult {
  const isEvent = kind === 'event' || kind === 'wide'
  const noise = waves(kind.length)
  const tank: Tank = { backlog: 0, overloaded: 0 }
  const endMs = scenario.durationMs + (isEvent ? 10_000 : 2000)
  const windows: WindowResult[] = []
  for (let fromMs = 0; fromMs < endMs; fromMs += scenario.windowMs)
    windows.push(windowOf({ kind, arm, scenario, stuck: spec.stuck ?? false }, fromMs, tank, noise))
  const counted = windows.filter(({ fromMs }) => fromMs >= scenario.warmupMs)
  const sum = (of: (one: WindowResult) => number): number => counted.reduce((total, one) => total + of(one), 0)
  const offered = sum((one) => one.offered)
  const lost = kind === 'event' ? 0 : sum((one) => one.failed)
  const succeeded = offered - lost
  const base = kind === 'naive' ? 180 : isEvent ? 5200 : 66
  const worstAge = Math.max(...windows.map((one) => one.oldestAgeMs))
  const failed = lost === 0 ? {} : isEvent ? { 'dead-letter': lost } : { timeout: lost / 2, open: lost / 2 }
  const needed = offered * 2
  return {
    offered,
    succeeded,
    failed,
    attempts: sum((one) => one.attempts),
    amplification: needed === 0 ? 1 : sum((one) => one.attempts) / needed,
    successRatio: offered === 0 ? 1 : succeeded / offered,
    latencyMs: latency(base, scenario.replications),
    answerMs: latency(isEvent ? 6 : base, scenario.replications),
    answered: succeeded,
    timeToRecoverMs: kind === 'naive' && spec.stuck === true ? null : isEvent ? 0 : 2000,
    breakerOpens: kind === 'full' ? 7 : 0,
    deadLetters: isEvent ? lost : 0,
    backlogPeak: Math.max(...windows.map((one) => one.backlog)),
    oldestAgeMaxMs: worstAge,
    windows,
    services: Object.fromEntries(
      arm.services.map(({ name }) => [name, serviceOf(offered, kind === 'naive' ? lost / 2 : 0)]),
    ),
    ecdf: ecdf(base, isEvent ? 1.2 : 0.5),
    ...(scenario.replications > 1 ? { ci95: { successRatio: 0.0123, amplification: 0.05 } } : {}),
  }
}

interface Setting {
  readonly kind: string
  readonly arm: Arm
  readonly scenario: Scenario
  readonly stuck: boolean
}

function windowOf(
  { kind, arm, scenario, stuck }: Setting,
  fromMs: number,
  tank: Tank,
  noise: () => number,
): WindowResult {
  const arrivals = arm.traffic[0]?.arrivals
  const steps = arrivals?.kind === 'poisson' ? arrivals.rate : []
  const planned = fromMs < scenario.durationMs ? (steps.findLast(({ atMs }) => atMs <= fromMs)?.perSec ?? 0) : 0
  const offered = Math.round(planned * (1 + 0.06 * noise()))
  const isDown = arm.faults.some(({ kind, atMs, forMs }) => kind !== 'hold' && fromMs >= atMs && fromMs < atMs + forMs)
  const able = isDown ? 0 : capacity
  const isEvent = kind === 'event' || kind === 'wide'
  const isOver = offered > able || (stuck && kind === 'naive' && tank.overloaded > 0)
  tank.overloaded = isOver ? tank.overloaded + 1 : 0
  const share = kind === 'wide' && tank.backlog > 500 ? 0.5 : 1
  let succeeded = Math.min(offered, able)
  if (isEvent) {
    succeeded = Math.round(Math.min(tank.backlog + offered, able * share))
    tank.backlog = Math.max(0, tank.backlog + offered - Math.min(tank.backlog + offered, able))
  } else if (isOver) succeeded = Math.round((kind === 'naive' ? 0.12 : 0.85) * Math.min(offered, able || 10))
  const failed = isEvent ? (kind === 'wide' && share < 1 ? succeeded : 0) : offered - succeeded
  const attempts = 2 * offered + (kind === 'naive' ? 6 * failed : Math.round(failed / 5))
  const levels = (name: string): { busy: number; queued: number } => {
    if (name.endsWith('web')) return { busy: isOver ? 400 : 8, queued: 0 }
    if (name.endsWith('store')) return { busy: tank.overloaded > 2 && kind === 'naive' ? 40 : 3, queued: 0 }
    return { busy: isOver || tank.backlog > 0 ? 20 : 7, queued: isOver && !isEvent ? 50 : 0 }
  }
  return {
    fromMs,
    toMs: fromMs + scenario.windowMs,
    offered,
    succeeded,
    failed,
    attempts,
    backlog: isEvent ? tank.backlog : 0,
    oldestAgeMs: isEvent ? (tank.backlog / capacity) * 1000 : 0,
    open: kind === 'full' && isOver ? 1 : 0,
    services: Object.fromEntries(arm.services.map(({ name }) => [name, levels(name)])),
  }
}

/** Numbers between -1 and 1 that look like noise and are the same each time. */
function waves(start: number): () => number {
  let at = start * 7
  return () => {
    at++
    return Math.sin(at * 12.9898) * Math.cos(at * 4.1414)
  }
}

function latency(p50: number, replications: number): LatencySummary {
  const summary = { mean: p50 * 1.1, p50, p90: p50 * 1.8, p95: p50 * 2.2, p99: p50 * 3.1, p999: p50 * 5, max: p50 * 8 }
  return replications > 1 ? { ...summary, ci95: { p50: p50 * 0.02, p99: p50 * 0.09 } } : summary
}

function ecdf(p50: number, sigma: number): readonly (readonly [number, number])[] {
  const points: (readonly [number, number])[] = []
  for (let share = 0.01; share < 1; share += 0.01)
    points.push([share, p50 * Math.exp(sigma * Math.log(share / (1 - share)) * 0.6)])
  for (const share of [0.995, 0.999, 0.9995, 1]) points.push([share, p50 * Math.exp(sigma * 6 * share ** 20)])
  return points
}

function serviceOf(offered: number, wastedWork: number): ArmResult['services'][string] {
  const wait: WaitSummary = { mean: 12.4, p50: 3, p95: 60, p99: 140 }
  return {
    arrivals: offered,
    started: offered,
    completed: offered,
    rejected: 0,
    failed: 3,
    utilization: 0.43,
    waitMs: wait,
    serviceMs: { mean: 61.2 },
    sojournMs: { ...wait, mean: 73.6 },
    waitProbability: 0.21,
    queueMax: 50,
    wastedWork: wastedWork / 3,
    abandoned: 0,
  }
}

function differencesOf(arms: Readonly<Record<string, ArmResult>>): LabResult['differences'] {
  const [against = '', ...others] = Object.keys(arms)
  const metrics: readonly [string, (one: ArmResult) => number, number][] = [
    ['successRatio', (one) => one.successRatio, 0.012],
    ['latencyMs.p50', (one) => one.latencyMs.p50, 25],
    ['latencyMs.p99', (one) => one.latencyMs.p99, 300],
    ['amplification', (one) => one.amplification, 0.1],
  ]
  return metrics.flatMap(([metric, of, ci95]) =>
    others.map((arm) => ({
      arm,
      against,
      metric,
      mean: of(arms[arm] as ArmResult) - of(arms[against] as ArmResult),
      ci95,
    })),
  )
}
