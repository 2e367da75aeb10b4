import { type Trigger, triggersOf } from '../../analysis/report-moments.ts'
import type { ArmResult, FluidResult, LabResult } from '../../model/result.ts'
import type { Arm, QueueEdge, Scenario } from '../../model/scenario.ts'

/** An arm as it was built, with what came of it. */
export interface Side {
  readonly arm: Arm
  readonly result: ArmResult
  readonly fluid: FluidResult | undefined
  readonly triggers: readonly Trigger[]
  /** It passes work on through a queue or a stream. */
  readonly isEvent: boolean
}

type Outcome = Pick<LabResult, 'arms' | 'fluid'>

/** The arms that have a result, in the order of the scenario. */
export function sidesOf(scenario: Scenario, outcome: Outcome): readonly Side[] {
  return scenario.arms.flatMap((arm) => {
    const result = outcome.arms[arm.name]
    if (result === undefined) return []
    const isEvent = queueEdges(arm).length > 0
    return [{ arm, result, fluid: outcome.fluid[arm.name], triggers: triggersOf(arm, scenario), isEvent }]
  })
}

export const queueEdges = (arm: Arm): readonly QueueEdge[] => arm.edges.filter((edge) => edge.kind !== 'sync')

/** Messages that the consumers of a queue edge can work on at once. */
export const consumersOf = (edge: QueueEdge): number =>
  edge.kind === 'stream' ? Math.min(edge.consumers, edge.partitions) : edge.consumers
