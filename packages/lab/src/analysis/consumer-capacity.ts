import type { Arm, Fault, QueueEdge, ServiceModel } from '../model/scenario.ts'
import { visitsOf } from '../sim/arm-graph.ts'
import { moments } from '../sim/distributions.ts'
import { healthUnder } from '../sim/fault-board.ts'
import { failureProbability, latencyFactor } from '../sim/overload.ts'
import type { Outlet } from './rate-steps.ts'

/** Consumers with the same part of what comes. */
export interface ConsumerGroup {
  /** Part of the messages that comes to it, of 1. */
  readonly share: number
  /** What it can settle, over time: overload, retries and faults included. */
  readonly outlets: readonly Outlet[]
}

/** All consumers of a queue edge are one group; those of a stream are two where some own a partition more. */
export function consumerGroupsOf(arm: Arm, edge: QueueEdge): readonly ConsumerGroup[] {
  const instants = new Set([0, ...arm.faults.flatMap(({ atMs, forMs }) => [atMs, atMs + forMs])])
  const times = [...instants].filter(Number.isFinite).toSorted((a, b) => a - b)
  return workersOf(edge).map(({ workers, share }) => {
    const outlets = times.map((atMs) => {
      const holding = arm.faults.filter((fault) => fault.atMs <= atMs && atMs < fault.atMs + fault.forMs)
      return { atMs, ...outletUnder(arm, edge, { holding, workers }) }
    })
    return { share, outlets }
  })
}

function outletUnder(
  arm: Arm,
  edge: QueueEdge,
  { holding, workers }: { readonly holding: readonly Fault[]; readonly workers: number },
): Omit<Outlet, 'atMs'> {
  const model = arm.services.find(({ name }) => name === edge.to)
  if (model === undefined || holding.some((fault) => stopsEdge(fault, edge))) return { bestPerMs: 0, fullPerMs: 0 }
  const faults = holding.filter(({ target }) => target === edge.to)
  const working = arm.edges.filter((one): one is QueueEdge => one.kind !== 'sync' && one.to === edge.to)
  const all = working.flatMap(workersOf).reduce((sum, one) => sum + one.workers, 0)
  const rate = (atWork: number): number => settledPerMs(arm, edge, { model, faults, workers: atWork })
  let best = 0
  for (let atWork = 1; atWork <= all; atWork++) best = Math.max(best, rate(atWork))
  return { bestPerMs: (best * workers) / all, fullPerMs: (rate(all) * workers) / all }
}

/** Messages under way at the same time, at most, and the part of all messages that they come from. */
function workersOf(edge: QueueEdge): readonly { readonly workers: number; readonly share: number }[] {
  const { kind, consumers, partitions } = edge
  if (kind === 'queue') return [{ workers: consumers, share: 1 }]
  const working = Math.min(consumers, partitions)
  const fewer = Math.floor(partitions / working)
  const withMore = partitions % working
  return [
    { workers: withMore, share: (withMore * (fewer + 1)) / partitions },
    { workers: working - withMore, share: ((working - withMore) * fewer) / partitions },
  ].filter(({ workers }) => workers > 0)
}

function stopsEdge({ kind, target }: Fault, { id, to }: QueueEdge): boolean {
  if (kind === 'broker-down') return target === id || target === 'broker'
  if (kind === 'hold' || kind === 'partition') return target === id
  return (kind === 'crash' || kind === 'hang') && target === to
}

interface Work {
  readonly model: ServiceModel
  readonly faults: readonly Fault[]
  /** Messages under way at the service. */
  readonly workers: number
}

/** Messages that are done or given up per ms, with all workers busy. */
function settledPerMs(arm: Arm, edge: QueueEdge, { model, faults, workers }: Work): number {
  const { capacity, latencyFactor: slowness, errors } = healthUnder(faults)
  if (capacity === 0) return 0
  const inService = Math.min(workers, model.instances * model.concurrency * capacity)
  const load = { inService, capacity }
  const ownMs = moments(model.latency).mean * latencyFactor(model, load) * slowness
  const called = calledBy(arm, model.name)
  const failing = 1 - (1 - failureProbability(model, load)) * (1 - errors) * called.sound
  // A message that fails every time comes attemptsMax times.
  let attempts = 0
  let again = 1
  for (let n = 0; n < Math.min(edge.attemptsMax, 1000); n++) {
    attempts += again
    again *= failing
  }
  const attemptMs = Math.min(ownMs + called.ms, edge.attemptTimeoutMs)
  return attemptMs === 0 ? Number.POSITIVE_INFINITY : inService / attemptMs / attempts
}

/** Time and luck of the calls that a service waits for, one after the other, each service as when it is idle. */
function calledBy(arm: Arm, name: string): { readonly ms: number; readonly sound: number } {
  let ms = 0
  let sound = 1
  for (const [other, times] of visitsOf(arm, name, (edge) => edge.kind === 'sync')) {
    const model = arm.services.find((one) => one.name === other)
    if (other === name || model === undefined) continue
    ms += times * moments(model.latency).mean
    sound *= Math.exp(times * Math.log(1 - Math.min(model.failure, 1 - 1e-9)))
  }
  return { ms, sound }
}
