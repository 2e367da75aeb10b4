/** What members of a group say of themselves, and what the leader gives them, as bytes of Kafka's consumer protocol. */
import {
  decodeConsumerProtocolAssignment,
  decodeConsumerProtocolSubscription,
  encodeConsumerProtocolAssignment,
  encodeConsumerProtocolSubscription,
} from '@platformatic/kafka'
import type { Partition } from '../../contracts/log.ts'
import { byTopic } from '../cluster/kafka-positions.ts'
import type { Subscriber } from './group-assign.ts'

const version = 3

export interface Subscription extends Omit<Subscriber, 'memberId'> {
  readonly ledger?: string | null
}

/** **Source** the consumer protocol of Kafka, `ConsumerProtocolSubscription` */
export function encodeSubscription({ topics, owned, generation, ledger }: Subscription): Buffer {
  // Where assignors of older clients look for the generation; what stands behind it they do not read.
  const name = Buffer.from(ledger ?? '')
  const userData = Buffer.concat([Buffer.alloc(4), name])
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
  const ledger = decoded.userData?.subarray(4).toString() || null
  return { topics, owned: partitionsOf(ownedPartitions ?? []), generation: generationId ?? -1, ledger }
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
