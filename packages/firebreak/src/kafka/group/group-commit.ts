import { offsetCommitV8 } from '@platformatic/kafka'
import { isFirebreakError } from '../../contracts/errors.ts'
import type { Cluster } from '../cluster/kafka-cluster.ts'
import { ask } from '../cluster/kafka-connections.ts'
import { code, nameOf, ProtocolError } from '../cluster/kafka-errors.ts'
import { byTopic, type CommittedPosition } from '../cluster/kafka-positions.ts'

const channel = 'offsets'
const fencing: ReadonlySet<number> = new Set([code.illegalGeneration, code.unknownMemberId, code.fencedInstanceId])

/** The group does not take the commit, or not now. */
export class CommitRejected extends Error {
  readonly errorCode: number

  constructor(errorCode: number) {
    super(nameOf(errorCode))
    this.name = 'CommitRejected'
    this.errorCode = errorCode
  }

  /** By the generation it was sent with, this member is out. */
  get isFenced(): boolean {
    return fencing.has(this.errorCode)
  }
}

/**
 * One `OffsetCommit` under the member's name. `verify` is called right before it goes out, and stops it by throwing.
 *
 * **Errors** `CommitRejected`, `ProtocolError`, those of the connection and of `verify`.
 */
export async function sendCommit(
  cluster: Cluster,
  member: { group: string; generation: number; memberId: string; instanceId: string | null },
  positions: readonly CommittedPosition[],
  verify: () => void,
): Promise<void> {
  const { group, generation, memberId, instanceId } = member
  const topics = byTopic(positions).map(([name, list]) => ({
    name,
    partitions: list.map(({ partition, offset, leaderEpoch }) => ({
      partitionIndex: partition,
      committedOffset: BigInt(offset),
      committedLeaderEpoch: leaderEpoch,
      committedMetadata: null,
    })),
  }))
  try {
    const connection = await cluster.connections.get(await cluster.coordinator(group), channel)
    verify()
    const answer = await ask(connection, offsetCommitV8.api, group, generation, memberId, instanceId, topics)
    for (const { partitions } of answer.topics) {
      for (const { errorCode } of partitions) {
        if (errorCode === code.rebalanceInProgress || fencing.has(errorCode)) throw new CommitRejected(errorCode)
        if (errorCode !== 0) throw new ProtocolError(errorCode)
      }
    }
  } catch (error) {
    if (!(error instanceof CommitRejected || isFirebreakError(error))) cluster.forgetCoordinator(group)
    throw error
  }
}
