/**
 * The coordinator of consumer groups: who holds which partition. It lives in the owner's memory and forgets nothing that
 * matters when the owner dies, because members come back with what they hold.
 *
 * I1 A partition has one holder at most. It is granted only after its last holder released it, left or died.
 * I2 A member drops a partition in two steps: it gets an assignment without it, and it lets go when its caller polls again
 *    (release).
 * I3 A release counts only if the member had seen that very drop: a drop that was taken back in between stays taken back.
 * I4 After a takeover nothing is granted, only claimed, until every partition is claimed or the settling time is over.
 */
import type { GroupMember as MemberInfo } from '../../contracts/log.ts'
import { assignPartitions } from './log-assign.ts'

export interface GroupMember {
  readonly group: string
  readonly name: string
  readonly ledger: string | null
  readonly topics: ReadonlySet<string>
  /** Partitions it may read and commit. */
  readonly holds: Set<number>
  /** The generation of the assignment that took a partition away. */
  readonly dropped: Map<number, number>
  /** The partitions of the last assignment it was sent. */
  lastAssigned: string
  assign(assignment: Assignment): void
}

export interface Assignment {
  readonly group: string
  readonly member: string
  readonly generation: number
  /** Partition and the committed next offset, -1 without one. */
  readonly partitions: readonly (readonly [number, number])[]
}

export interface Claim {
  readonly generation: number
  readonly partitions: readonly number[]
}

export interface Groups {
  join(member: GroupMember, claim: Claim): void
  /** The member has acted on every assignment up to `generation`. */
  release(member: GroupMember, generation: number): void
  leave(member: GroupMember): void
  holds(member: GroupMember, partition: number): boolean
  committed(group: string): Map<number, number>
  members(group: string): readonly MemberInfo[]
  /** Ends the settling time after a takeover. */
  settle(): void
}

export interface GroupsStore {
  topicPartitions(topic: string): readonly number[]
  committed(group: string): Map<number, number>
}

interface Group {
  generation: number
  readonly members: Set<GroupMember>
  readonly holders: Map<number, GroupMember>
  /** The generation under which a claim was made; a younger claim of the same partition wins. */
  readonly claimedIn: Map<number, number>
  readonly committed: Map<number, number>
}

export function createGroups(store: GroupsStore, startsSettled: boolean): Groups {
  return new Coordinator(store, startsSettled)
}

class Coordinator implements Groups {
  readonly #store: GroupsStore
  readonly #groups = new Map<string, Group>()
  #settled: boolean

  constructor(store: GroupsStore, startsSettled: boolean) {
    this.#store = store
    this.#settled = startsSettled
  }

  #groupOf(name: string): Group {
    let group = this.#groups.get(name)
    if (group === undefined) {
      const committed = this.#store.committed(name)
      group = { generation: 0, members: new Set(), holders: new Map(), claimedIn: new Map(), committed }
      this.#groups.set(name, group)
    }
    return group
  }

  #balance(group: Group): void {
    const partitions = partitionsOf(group, this.#store)
    if (!this.#settled && partitions.some((partition) => !group.holders.has(partition))) {
      for (const member of group.members) assignTo(group, member)
      return
    }
    const claimants = [...group.members].map((member) => {
      const wanted = new Set([...member.topics].flatMap((topic) => this.#store.topicPartitions(topic)))
      return { member, wants: (partition: number) => wanted.has(partition) }
    })
    group.generation++
    for (const [member, share] of assignPartitions(partitions, claimants, group.holders)) {
      for (const partition of share) {
        if (!group.holders.has(partition)) {
          group.holders.set(partition, member)
          member.holds.add(partition)
        }
        if (member.holds.has(partition)) member.dropped.delete(partition)
      }
      for (const held of member.holds) {
        if (!share.has(held) && !member.dropped.has(held)) member.dropped.set(held, group.generation)
      }
    }
    for (const member of group.members) assignTo(group, member)
  }

  #letGo(group: Group, member: GroupMember, partition: number): void {
    member.holds.delete(partition)
    member.dropped.delete(partition)
    if (group.holders.get(partition) === member) group.holders.delete(partition)
  }

  join(member: GroupMember, claim: Claim): void {
    const group = this.#groupOf(member.group)
    group.members.add(member)
    group.generation = Math.max(group.generation, claim.generation)
    for (const partition of claim.partitions) {
      const holder = group.holders.get(partition)
      if (holder !== undefined && (this.#settled || (group.claimedIn.get(partition) ?? 0) >= claim.generation)) continue
      if (holder !== undefined) this.#letGo(group, holder, partition)
      group.holders.set(partition, member)
      group.claimedIn.set(partition, claim.generation)
      member.holds.add(partition)
    }
    this.#balance(group)
  }

  release(member: GroupMember, generation: number): void {
    const group = this.#groupOf(member.group)
    const done = [...member.dropped].filter(([, droppedIn]) => droppedIn <= generation)
    for (const [partition] of done) this.#letGo(group, member, partition)
    if (done.length > 0) this.#balance(group)
  }

  leave(member: GroupMember): void {
    const group = this.#groupOf(member.group)
    if (!group.members.delete(member)) return
    for (const partition of [...member.holds]) this.#letGo(group, member, partition)
    this.#balance(group)
  }

  holds(member: GroupMember, partition: number): boolean {
    return this.#groupOf(member.group).holders.get(partition) === member
  }

  committed(group: string): Map<number, number> {
    return this.#groupOf(group).committed
  }

  members(group: string): readonly MemberInfo[] {
    return [...(this.#groups.get(group)?.members ?? [])].map(({ name: id, ledger }) => ({ id, ledger }))
  }

  settle(): void {
    if (this.#settled) return
    this.#settled = true
    for (const group of this.#groups.values()) this.#balance(group)
  }
}

function partitionsOf(group: Group, store: GroupsStore): number[] {
  const topics = new Set([...group.members].flatMap((member) => [...member.topics]))
  return [...topics].flatMap((topic) => store.topicPartitions(topic))
}

function assignTo(group: Group, member: GroupMember): void {
  const partitions = [...member.holds]
    .filter((partition) => !member.dropped.has(partition))
    .map((partition) => [partition, group.committed.get(partition) ?? -1] as const)
  const assigned = partitions.map(([partition]) => partition).join()
  if (assigned === member.lastAssigned) return
  member.lastAssigned = assigned
  member.assign({ group: member.group, member: member.name, generation: group.generation, partitions })
}
