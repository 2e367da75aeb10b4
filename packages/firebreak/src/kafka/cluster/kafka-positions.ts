import { listOffsetsV7, offsetFetchV8 } from '@platformatic/kafka'
import { type Partition, type Position, partitionId } from '../../contracts/log.ts'
import type { Cluster } from './kafka-cluster.ts'
import { ask, type Broker } from './kafka-connections.ts'
import { code, ProtocolError } from './kafka-errors.ts'
import { retryTransient } from './retry.ts'

/** What `ListOffsets` is asked for: an end of the partition, or the first record of a time or later. */
export type At = 'first' | 'next' | { readonly atMs: number }

export interface CommittedPosition extends Position {
  /** -1 when unknown. */
  readonly leaderEpoch: number
}

const channel = 'offsets'

/**
 * Offsets by `partitionId`; partitions whose leader does not answer are tried again. With `leavesOutGone`, those of topics that
 * have been deleted meanwhile are left out.
 */
export async function offsetsAt(
  cluster: Cluster,
  partitions: readonly Partition[],
  at: At,
  leavesOutGone = false,
): Promise<ReadonlyMap<string, number>> {
  const gone = new Set<string>()
  const found = new Map<string, number>()
  await retryTransient(cluster.retry, async () => {
    const left = partitions.filter((one) => !found.has(partitionId(one)) && !gone.has(one.topic))
    if (left.length === 0) return
    let failure: number | undefined
    for (const [broker, group] of byLeader(cluster, left)) {
      if (broker === undefined) failure = code.leaderNotAvailable
      else
        for (const one of await listOffsets(cluster, broker, group, at)) {
          if (one.errorCode === 0) found.set(partitionId(one), one.offset)
          else failure = one.errorCode
        }
    }
    if (failure === undefined) return
    const topics = [...new Set(left.map(({ topic }) => topic))]
    const known = await cluster.refresh(topics)
    if (leavesOutGone) for (const topic of topics) if (!known.has(topic)) gone.add(topic)
    throw new ProtocolError(failure)
  })
  // No record is as young as that: what comes next is.
  const later = typeof at === 'object' ? partitions.filter((one) => (found.get(partitionId(one)) ?? -1) < 0) : []
  if (later.length > 0) for (const [id, offset] of await offsetsAt(cluster, later, 'next')) found.set(id, offset)
  return found
}

async function listOffsets(
  cluster: Cluster,
  broker: Broker,
  partitions: readonly Partition[],
  at: At,
): Promise<readonly (Position & { errorCode: number })[]> {
  const timestamp = at === 'first' ? -2n : at === 'next' ? -1n : BigInt(Math.max(0, Math.floor(at.atMs)))
  const topics = byTopic(partitions).map(([name, list]) => ({
    name,
    partitions: list.map(({ partition }) => ({ partitionIndex: partition, currentLeaderEpoch: -1, timestamp })),
  }))
  const connection = await cluster.connections.get(broker, channel)
  const answer = await ask(connection, listOffsetsV7.api, -1, 0, topics)
  return answer.topics.flatMap(({ name, partitions: list }) =>
    list.map(({ partitionIndex, errorCode, offset }) => ({
      topic: name,
      partition: partitionIndex,
      offset: Number(offset),
      errorCode,
    })),
  )
}

/** Committed positions of a group; `partitions` absent: all it has. Unstable ones, under a transaction, are waited for. */
export function committedPositions(
  cluster: Cluster,
  group: string,
  partitions?: readonly Partition[],
): Promise<readonly CommittedPosition[]> {
  const topics =
    partitions === undefined
      ? null
      : byTopic(partitions).map(([name, list]) => ({ name, partitionIndexes: list.map(({ partition }) => partition) }))
  return retryTransient(cluster.retry, async () => {
    try {
      const connection = await cluster.connections.get(await cluster.coordinator(group), channel)
      const request = [{ groupId: group, memberEpoch: -1, topics }]
      const answer = await ask(connection, offsetFetchV8.api, request, true)
      const found = answer.groups[0]
      if (found === undefined || found.errorCode === code.groupIdNotFound) return []
      if (found.errorCode !== 0) throw new ProtocolError(found.errorCode)
      return found.topics.flatMap(({ name, partitions: list }) =>
        list.flatMap(({ partitionIndex, committedOffset, committedLeaderEpoch, errorCode }) => {
          if (errorCode !== 0 && errorCode !== code.unknownTopicOrPartition) throw new ProtocolError(errorCode)
          if (errorCode !== 0 || committedOffset < 0n) return []
          return [
            {
              topic: name,
              partition: partitionIndex,
              offset: Number(committedOffset),
              leaderEpoch: committedLeaderEpoch,
            },
          ]
        }),
      )
    } catch (error) {
      cluster.forgetCoordinator(group)
      throw error
    }
  })
}

export function byTopic<P extends Partition>(partitions: readonly P[]): [string, P[]][] {
  const topics = new Map<string, P[]>()
  for (const one of partitions) {
    const list = topics.get(one.topic)
    if (list === undefined) topics.set(one.topic, [one])
    else list.push(one)
  }
  return [...topics]
}

function byLeader(cluster: Cluster, partitions: readonly Partition[]): Map<Broker | undefined, Partition[]> {
  const brokers = new Map<Broker | undefined, Partition[]>()
  for (const one of partitions) {
    const leader = cluster.leader(one.topic, one.partition)
    const broker = leader === undefined ? undefined : cluster.broker(leader.node)
    const list = brokers.get(broker)
    if (list === undefined) brokers.set(broker, [one])
    else list.push(one)
  }
  return brokers
}
