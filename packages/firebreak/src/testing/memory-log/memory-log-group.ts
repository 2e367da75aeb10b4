/**
 * One consumer group: who should hold which partition, who holds it now, and what has been committed.
 *
 * I1  A partition has one owner at most. It becomes free only when its owner polls again after losing it, or closes.
 * I2  `target` says who should hold a partition; an owner that is not the target gives it up at its next poll.
 * I3  Only the owner commits.
 */
import { FirebreakError } from '../../contracts/errors.ts'
import { refuseStranger } from '../../contracts/group-ledger.ts'
import { type GroupMember, type Partition, type Position, partitionId } from '../../contracts/log.ts'
import type { Reader, StoredPartition } from './memory-log-topic.ts'

/** A member as its group sees it. Partitions are compared by identity: the store has one object for each. */
export interface Member extends Reader {
  readonly ledger: string | null
  readonly partitions: readonly StoredPartition[]
}

export class Group {
  readonly name: string
  readonly committed: Map<string, Position> = new Map()
  readonly #members = new Set<Member>()
  readonly #owners = new Map<StoredPartition, Member>()
  #target: ReadonlyMap<StoredPartition, Member> = new Map()

  constructor(name: string) {
    this.name = name
  }

  /** **Errors** `FB_CONFIG` beside members of another ledger. */
  join(member: Member): void {
    refuseStranger(this.name, this.members(), member.ledger)
    this.#members.add(member)
    this.#rebalance()
  }

  leave(member: Member): void {
    if (!this.#members.delete(member)) return
    for (const [partition, owner] of this.#owners) if (owner === member) this.#free(partition, member)
    this.#rebalance()
  }

  members(): readonly GroupMember[] {
    return [...this.#members].map(({ ledger }, i) => ({ id: `${this.name}-${i + 1}`, ledger }))
  }

  shouldHold(member: Member, partition: StoredPartition): boolean {
    return this.#target.get(partition) === member
  }

  /** What `member` should hold, does not hold, and nobody else holds any more: it is the owner from here on. */
  take(member: Member): readonly StoredPartition[] {
    const taken: StoredPartition[] = []
    for (const partition of member.partitions) {
      if (this.#target.get(partition) !== member || this.#owners.has(partition)) continue
      this.#owners.set(partition, member)
      partition.readers.add(member)
      taken.push(partition)
    }
    return taken
  }

  release(member: Member, partition: StoredPartition): void {
    this.#free(partition, member)
    this.#target.get(partition)?.wake()
  }

  /** All or none. */
  commit(member: Member, next: readonly Position[]): void {
    for (const position of next) {
      const partition = member.partitions.find((p) => samePartition(p, position))
      if (partition === undefined || this.#owners.get(partition) !== member) {
        throw new FirebreakError('FB_FENCED', {
          partition: partitionId(position),
        })
      }
    }
    for (const { topic, partition, offset } of next) {
      const id = partitionId({ topic, partition })
      this.committed.set(id, { topic, partition, offset })
    }
  }

  #free(partition: StoredPartition, member: Member): void {
    this.#owners.delete(partition)
    partition.readers.delete(member)
  }

  #rebalance(): void {
    this.#target = assign([...this.#members], this.#target)
    for (const member of this.#members) member.wake()
  }
}

/**
 * Spreads partitions evenly per topic and moves as few as possible. Members may read different topics; what does not
 * divide evenly goes to those who have least over all topics, and among them to those who hold it already.
 */
function assign(
  members: readonly Member[],
  before: ReadonlyMap<StoredPartition, Member>,
): ReadonlyMap<StoredPartition, Member> {
  const target = new Map<StoredPartition, Member>()
  const load = new Map<Member, number>(members.map((member) => [member, 0]))
  for (const partitions of byTopic(members).values()) {
    const kept = (member: Member): number => partitions.filter((p) => before.get(p) === member).length
    const eligible = members
      .filter((member) => member.partitions.includes(partitions[0] as StoredPartition))
      .sort((a, b) => (load.get(a) ?? 0) - (load.get(b) ?? 0) || kept(b) - kept(a))
    const quota = new Map<Member, number>()
    eligible.forEach((member, index) => {
      const share = Math.floor((partitions.length + eligible.length - 1 - index) / eligible.length)
      quota.set(member, share)
      load.set(member, (load.get(member) ?? 0) + share)
    })
    const give = (partition: StoredPartition, member: Member): void => {
      target.set(partition, member)
      quota.set(member, (quota.get(member) ?? 0) - 1)
    }
    for (const partition of partitions) {
      const holder = before.get(partition)
      if (holder !== undefined && (quota.get(holder) ?? 0) > 0) give(partition, holder)
    }
    for (const partition of partitions) {
      const member = target.has(partition) ? undefined : eligible.find((m) => (quota.get(m) ?? 0) > 0)
      if (member !== undefined) give(partition, member)
    }
  }
  return target
}

function byTopic(members: readonly Member[]): Map<string, StoredPartition[]> {
  const topics = new Map<string, StoredPartition[]>()
  for (const partition of new Set(members.flatMap((member) => member.partitions))) {
    const list = topics.get(partition.topic)
    if (list === undefined) topics.set(partition.topic, [partition])
    else list.push(partition)
  }
  return topics
}

function samePartition(a: Partition, b: Partition): boolean {
  return a.partition === b.partition && a.topic === b.topic
}
