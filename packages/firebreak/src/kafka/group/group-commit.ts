import { offsetCommitV8 } from '@platformatic/kafka'
import { isFirebreakError } from '../../contracts/errors.ts'
import type { Cluster } from '../cluster/kafka-cluster.ts'
import { ask } from '../cluster/kafka-connections.ts'
import { code, nameOf, ProtocolAnswer } from '../cluster/kafka-errors.ts'
import { byTopic, type CommittedPosition } from '../cluster/kafka-positions.ts'

const lane = 'offsets'
const fencing: ReadonlySet<number> = new Set([code.illegalGeneration, code.unknownMemberId, code.fencedInstanceId])

/** The group does not take the commit, or not now. */
export class CommitTrouble extends Error {
  readonly answer: number

  constructor(answer: number) {
    super(nameOf(answer))
    this.name = 'CommitTrouble'
    this.answer = answer
  }

  /** By the generation it was sent with, this member is out. */
  get isFenced(): boolean {
    return fencing.has(this.answer)
  }
}

/**
 * One `OffsetCommit` under the member's name. `verify` is called right before it goes out, and stops it by throwing.
 *
 * **Errors** `CommitTrouble`, `ProtocolAnswer`, those of the connection and of `verify`.
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
    const connection = await cluster.connections.get(await cluster.coordinator(group), lane)
    verify()
    const answer = await ask(connection, offsetCommitV8.api, group, generation, memberId, instanceId, topics)
    for (const { partitions } of answer.topics) {
      for (const { errorCode } of partitions) {
        if (errorCode === code.rebalanceInProgress || fencing.has(errorCode)) throw new CommitTrouble(errorCode)
        if (errorCode !== 0) throw new ProtocolAnswer(errorCode)
      }
    }
  } catch (error) {
    if (!(error instanceof CommitTrouble || isFirebreakError(error))) cluster.forgetCoordinator(group)
    throw error
  }
}
