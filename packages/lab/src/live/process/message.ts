import { topic as defineTopic, type EventDefinition, event, type Schema } from 'firebreak'
import type { QueueEdge } from '../../model/scenario.ts'

/** What travels over a queue edge. */
export interface Payload {
  /** Decides the order: that of the request, or one of its own. */
  readonly key: string
  /** From 0, in the order of publishing on this edge. */
  readonly number: number
  readonly n: number
  readonly salt: number
  readonly keyNumber: number
  readonly critical: boolean
}

export type MessageEvent = EventDefinition<Schema<Payload>>

// A queue has no partitions in the scenario; here it is a topic like every other.
const partitionsOfQueue = 6

/** Only processes of one run read it, so that nothing has to be checked. */
const asItIs: Schema<Payload> = {
  '~standard': { version: 1, vendor: 'firebreak', validate: (value) => ({ value: value as Payload }) },
}

/** The topic of an edge, by its number among the edges of the arm. */
export const topicOf = (prefix: string, edge: number): string => `${prefix}-${edge}`

/** The service, and so the group, of its consumers. */
export const consumersOf = (prefix: string, edge: number): string => `${prefix}-${edge}-consumers`

/** The event of a queue edge. `topic` is its own in this run. */
export function messageEvent(edge: QueueEdge, topic: string): MessageEvent {
  const partitions = edge.kind === 'stream' ? edge.partitions : partitionsOfQueue
  return event({ type: 'lab.message', topic: defineTopic(topic, { partitions }), key: 'key', schema: asItIs })
}
