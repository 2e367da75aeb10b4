/** What simulated and live parts of a system have in common: the simulation is made of some, processes of others. */
import type { Caller } from 'firebreak/internal'
import type { QueueEdge, SyncEdge } from '../model/scenario.ts'
import type { Outcome, Visit } from './visit.ts'

/** Where visits arrive: a service, or the way to its process. */
export interface Entry {
  /** Its number among the services. */
  readonly index: number
  arrive(visit: Visit): void
}

/** A call under way; `cancel` gives it up, and its caller is not notified. */
export interface Call {
  cancel(): void
}

/** The calling side of a sync edge. */
export interface LinkPart {
  readonly edge: SyncEdge
  /** `caller` may be notified before this returns. */
  call(visit: Visit, caller: Caller<undefined>): Call
}

/** The publishing side of a queue edge, where the answer waits for the message. */
export interface QueuePart {
  readonly edge: QueueEdge
  /** `done` is called when the message is safe, possibly before this returns. */
  publishAndWait(visit: Visit, done: (outcome: Outcome) => void): void
}

/** The publishing side of a queue edge, where the message goes with the answer. */
export interface OutboxPart {
  publish(visit: Visit): void
}

/** What faults make of a service; all 1, 0 and false when it is well. */
export interface Health {
  readonly isDown: boolean
  readonly isHung: boolean
  /** Share of the workers that is there. */
  readonly capacity: number
  readonly latencyFactor: number
  /** Probability of failing on top of its own. */
  readonly errors: number
}

/** What faults make of a queue edge. */
export interface ChannelFaults {
  /** Nothing passes between consumers and the service. */
  readonly isCut: boolean
  readonly isHeld: boolean
  readonly isBrokerDown: boolean
}

/** What faults can hit, by name of the service or id of the edge. */
export interface FaultTargets {
  readonly stations: ReadonlyMap<string, { setHealth(health: Health): void }>
  readonly links: ReadonlyMap<string, { isCut: boolean }>
  readonly channels: ReadonlyMap<string, { setFaults(faults: ChannelFaults): void }>
}
