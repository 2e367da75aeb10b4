import type { ArmResult, LatencySummary, ServiceResult, WaitSummary, WindowResult } from '../model/result.ts'
import type { Arm, Scenario } from '../model/scenario.ts'
import { visitsOf } from '../sim/arm-graph.ts'
import type { ArmStats, Tally } from '../sim/arm-stats.ts'
import { latencySummary, type Samples, waitSummary } from '../sim/samples.ts'
import type { ClosedWindow, Simulation } from '../sim/simulation.ts'
import type { Station } from '../sim/station.ts'
import { timeToRecoverMs } from './recovery.ts'

/** What was measured of one run of an arm, in virtual time or by processes. */
export interface ArmMeasurements {
  readonly scenario: Scenario
  readonly arm: Arm
  readonly stats: ArmStats
  readonly windows: readonly ClosedWindow[]
  /** By name. */
  readonly services: ArmResult['services']
  readonly breakerOpens: number
  readonly deadLetters: number
}

/** What a simulation has measured. */
export function measurementsOf({ stations, busyMarks, links, channels, ...rest }: Simulation): ArmMeasurements {
  const { scenario, arm, stats, windows } = rest
  const services = stations.map((station, index) => {
    const busyUs = (busyMarks.end[index] ?? 0) - (busyMarks.warmup[index] ?? 0)
    return [station.model.name, serviceResult(station, scenario, busyUs)] as const
  })
  return {
    scenario,
    arm,
    stats,
    windows,
    services: Object.fromEntries(services),
    breakerOpens: links.reduce((sum, { breakerOpens }) => sum + breakerOpens, 0),
    deadLetters: channels.reduce((sum, { counts }) => sum + counts.dead, 0),
  }
}

/** What one replication of an arm came to. */
export function armResult(measurements: ArmMeasurements): ArmResult {
  const { stats, scenario, arm, services, breakerOpens, deadLetters } = measurements
  const windows = measurements.windows.map((window) => windowResult(window, arm))
  const { measured } = stats
  return {
    ...tallyResult(measured),
    attempts: stats.attempts,
    amplification: amplification(measurements),
    timeToRecoverMs: timeToRecoverMs(scenario, arm, windows),
    breakerOpens,
    deadLetters,
    backlogPeak: stats.messagesMax,
    oldestAgeMaxMs: stats.messageAgeMaxUs / 1000,
    windows,
    services,
    ecdf: ecdf(measured.latencies),
  }
}

/**
 * Attempts over what the same requests need if nothing fails: over all, or at the service where that is the most. What
 * reaches a service that has traffic of its own cannot be told apart, and counts in the first only.
 */
function amplification({ stats, arm, services }: ArmMeasurements): number {
  if (stats.needed === 0) return 0
  const needed = new Map<string, number>()
  const entries = new Set(arm.traffic.map(({ to }) => to))
  for (const entry of entries) {
    if (arm.edges.some(({ to }) => to === entry)) return stats.attempts / stats.needed
    for (const [name, visits] of visitsOf(arm, entry, () => true))
      needed.set(name, (needed.get(name) ?? 0) + visits * (services[entry]?.arrivals ?? 0))
  }
  const called = [...needed].filter(([name, count]) => count > 0 && !entries.has(name))
  const ratios = called.map(([name, count]) => (services[name]?.arrivals ?? 0) / count)
  return Math.max(stats.attempts / stats.needed, ...ratios)
}

/** The part of a result that says what became of the requests of a span. */
export type TallyResult = Pick<
  ArmResult,
  'offered' | 'succeeded' | 'failed' | 'successRatio' | 'latencyMs' | 'answerMs' | 'answered'
>

/** What is still open at the end of the run has failed as `unfinished`. */
export function tallyResult(tally: Tally): TallyResult {
  const { offered, succeeded, answered, failures } = tally
  const unfinished = offered - succeeded - failures
  return {
    offered,
    succeeded,
    failed: unfinished === 0 ? { ...tally.failed } : { ...tally.failed, unfinished },
    successRatio: offered === 0 ? 0 : succeeded / offered,
    latencyMs: latencySummary(tally.latencies) ?? noLatency,
    answerMs: latencySummary(tally.answers) ?? noLatency,
    answered,
  }
}

const noLatency: LatencySummary = { mean: 0, p50: 0, p90: 0, p95: 0, p99: 0, p999: 0, max: 0 }
const noWait: WaitSummary = { mean: 0, p50: 0, p95: 0, p99: 0 }

function windowResult({ fromUs, toUs, counts, ...rest }: ClosedWindow, { services }: Arm): WindowResult {
  const there = services.map(({ name }, index) => [name, rest.services[index] ?? { busy: 0, queued: 0 }] as const)
  return {
    fromMs: fromUs / 1000,
    toMs: toUs / 1000,
    ...counts,
    backlog: rest.backlog,
    oldestAgeMs: rest.oldestAgeUs / 1000,
    open: rest.open,
    services: Object.fromEntries(there),
  }
}

/** What was measured at a service; `busyUs` is the area under its busy workers within the measured time. */
export function serviceResult({ model, stats }: Station, scenario: Scenario, busyUs: number): ServiceResult {
  const measuredMs = scenario.durationMs - scenario.warmupMs
  const busy = measuredMs > 0 ? busyUs / (measuredMs * 1000) : 0
  const { arrivals, started, waited, completed, rejected, failed, abandoned, wasted } = stats.measured
  const workers = model.instances * model.concurrency
  const ended = stats.sojourns.size
  return {
    arrivals,
    started,
    completed,
    rejected,
    failed,
    abandoned,
    utilization: workers === Number.POSITIVE_INFINITY ? busy : busy / workers,
    waitMs: waitSummary(stats.waits) ?? noWait,
    serviceMs: { mean: ended === 0 ? 0 : stats.serviceUs / ended / 1000 },
    sojournMs: waitSummary(stats.sojourns) ?? noWait,
    waitProbability: started === 0 ? 0 : waited / started,
    queueMax: stats.queueMax,
    wastedWork: wasted,
  }
}

// Evenly up to 0.99, then ever closer to 1.
const ecdfShares: readonly number[] = [
  ...Array.from({ length: 100 }, (_, i) => i / 100),
  ...[0.995, 0.999, 0.9995, 0.9999, 1],
]

function ecdf(samples: Samples): ArmResult['ecdf'] {
  return samples.size === 0 ? [] : ecdfShares.map((share) => [share, samples.quantileMs(share)] as const)
}
