/** What members of a group say of themselves, and what the leader gives them, as bytes of Kafka's consumer protocol. */
import {
  decodeConsumerProtocolAssignment,
  decodeConsumerProtocolSubscription,
  encodeConsumerProtocolAssignment,
  encodeConsumerProtocolSubscription,
} from '@platformatic/kafka'
import type { Partition } from '../contracts/log.ts'
import type { Subscriber } from './group-assign.ts'
import { byTopic } from './kafka-positions.ts'

const version = 3

export type Subscription = Omit<Subscriber, 'memberId'>

/** **Source** the consumer protocol of Kafka, `ConsumerProtocolSubscription` */
export function encodeSubscription({ topics, owned, generation }: Subscription): Buffer {
  // Where assignors of older clients look for the generation.
  const userData = Buffer.alloc(4)
  userData.writeInt32BE(generation)
  return encodeConsumerProtocolSubscription({
    version,
    topics: [...topics],
    userData,
    ownedPartitions: indexesByTopic(owned),
    generationId: generation,
  })
}

export function decodeSubscription(metadata: Buffer | null | undefined): Subscription {
  const decoded = decodeConsumerProtocolSubscription(metadata ?? Buffer.alloc(0))
  const { topics, ownedPartitions, generationId } = decoded
  return { topics, owned: partitionsOf(ownedPartitions ?? []), generation: generationId ?? -1 }
}

export function encodeAssignment(partitions: readonly Partition[]): Buffer {
  return encodeConsumerProtocolAssignment({ version, assignedPartitions: indexesByTopic(partitions) })
}

export function decodeAssignment(assignment: Buffer): readonly Partition[] {
  return partitionsOf(decodeConsumerProtocolAssignment(assignment).assignedPartitions)
}

interface Indexes {
  topic: string
  partitions: number[]
}

const indexesByTopic = (partitions: readonly Partition[]): Indexes[] =>
  byTopic(partitions).map(([topic, list]) => ({ topic, partitions: list.map(({ partition }) => partition) }))

const partitionsOf = (all: readonly Indexes[]): readonly Partition[] =>
  all.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })))
