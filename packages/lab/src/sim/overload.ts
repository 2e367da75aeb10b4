import type { ServiceModel } from '../model/scenario.ts'

/** What the number of pieces of work in service makes of each of them. `capacity`: the share of the service that is there. */
export interface ServiceLoad {
  readonly inService: number
  readonly capacity: number
}

/** Factor on the latency. */
export function latencyFactor({ overload }: ServiceModel, load: ServiceLoad): number {
  return overload === null ? 1 : 1 + overload.latencySlope * over(overload.at, load)
}

/** Probability of failing. `failureMax` bounds what overload adds, not what the service does by itself. */
export function failureProbability({ overload, failure }: ServiceModel, load: ServiceLoad): number {
  if (overload === null) return failure
  const raised = failure + overload.failureSlope * over(overload.at, load)
  return Math.max(failure, Math.min(raised, overload.failureMax))
}

function over(at: number, { inService, capacity }: ServiceLoad): number {
  return Math.max(0, inService / (at * capacity) - 1)
}
