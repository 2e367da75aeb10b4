import type { ServiceModel } from '../model/scenario.ts'
import { moments } from '../sim/distributions.ts'
import { failureProbability, latencyFactor } from '../sim/overload.ts'

export interface Capacity {
  /** Pieces of work per second that end well; Infinity where nothing bounds them. */
  readonly perSec: number
  /** In service at the same time when it is reached. */
  readonly inService: number
}

/** What a service does when `inService` pieces of work are in service all the time. **Units** per second, ended well */
function throughputAt(model: ServiceModel, inService: number, share = 1): number {
  const load = { inService, capacity: share }
  const ms = moments(model.latency).mean * latencyFactor(model, load)
  const good = 1 - failureProbability(model, load)
  return good === 0 ? 0 : ratePerSec(good * inService, ms)
}

/** Work that takes no time is done without bound, unless none of it ends well. */
const ratePerSec = (good: number, ms: number): number => (good === 0 ? 0 : (good * 1000) / ms)

/** The most that a service can do, over every number in service that its workers allow; `share` of it is there. */
export function capacityOf(model: ServiceModel, share = 1): Capacity {
  const workers = model.instances * model.concurrency * share
  const { overload } = model
  if (share === 0) return { perSec: 0, inService: 0 }
  if (overload === null) return { perSec: throughputAt(model, workers, share), inService: workers }
  // Beyond the point where failures are at their most, throughput only falls or levels off.
  const worst = overload.failureSlope > 0 ? 1 + (overload.failureMax - model.failure) / overload.failureSlope : 1
  const last = Math.min(workers, Math.ceil(overload.at * share * Math.max(1, worst)) + 1)
  let best: Capacity = { perSec: 0, inService: 0 }
  for (let inService = 1; inService <= last; inService++) {
    const perSec = throughputAt(model, inService, share)
    if (perSec > best.perSec) best = { perSec, inService }
  }
  const end = endless(model, workers, share)
  return end > best.perSec ? { perSec: end, inService: workers } : best
}

/** With as many in service as the workers allow; for endless ones what it comes near to. */
function endless(model: ServiceModel, workers: number, share: number): number {
  if (workers !== Number.POSITIVE_INFINITY) return throughputAt(model, workers, share)
  const { overload, latency } = model
  if (overload === null || overload.latencySlope === 0) return throughputAt(model, 1e12, share)
  const good = 1 - Math.max(model.failure, overload.failureSlope > 0 ? overload.failureMax : model.failure)
  return ratePerSec(good * overload.at * share, moments(latency).mean * overload.latencySlope)
}
