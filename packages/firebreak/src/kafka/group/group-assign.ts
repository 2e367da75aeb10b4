import type { Partition } from '../../contracts/log.ts'
import { partitionId } from '../../contracts/log.ts'

/** A member as the one that assigns sees it. */
export interface Subscriber {
  readonly memberId: string
  readonly topics: readonly string[]
  /** What it held in `generation`; -1 when it never was a member. */
  readonly owned: readonly Partition[]
  readonly generation: number
}

/** Partitions by member id; every member has an entry. */
export type Assignments = ReadonlyMap<string, readonly Partition[]>

/**
 * Who gets which partition: even per topic and in all, moving as few as possible, by the rules of the cooperative
 * protocol: what one member still holds and another should have is given to nobody in this round. The owner lets go and
 * joins again, and then it moves.
 *
 * **Guarantee** Pure: the same members give the same answer in any order.
 *
 * **Source** KIP-429, KAFKA-14639
 */
export function assignPartitions(members: readonly Subscriber[], counts: ReadonlyMap<string, number>): Assignments {
  const sorted = members.toSorted((a, b) => (a.memberId < b.memberId ? -1 : 1))
  const { owners, claimed } = ownersOf(sorted)
  const given = new Map<string, Partition[]>(sorted.map(({ memberId }) => [memberId, []]))
  const load = new Map<string, number>(sorted.map(({ memberId }) => [memberId, 0]))
  for (const topic of [...counts.keys()].sort()) {
    const partitions = Array.from({ length: counts.get(topic) ?? 0 }, (_, partition) => ({ topic, partition }))
    const readers = sorted.filter((member) => member.topics.includes(topic)).map(({ memberId }) => memberId)
    for (const [partition, memberId] of spread(partitions, readers, { owners, load })) {
      load.set(memberId, (load.get(memberId) ?? 0) + 1)
      const others = claimed.get(partitionId(partition))
      const isFree = others === undefined || (others.size === 1 && others.has(memberId))
      if (isFree) given.get(memberId)?.push(partition)
    }
  }
  return given
}

/**
 * Who holds what; `claimed` has everybody who may still be working on it. Of claims to one partition the newest count: it was
 * given away after the older ones were made. One that nobody has overtaken counts however old it is, because a member that has
 * missed a round works on.
 */
function ownersOf(members: readonly Subscriber[]): {
  owners: ReadonlyMap<string, string>
  claimed: ReadonlyMap<string, ReadonlySet<string>>
} {
  const newest = new Map<string, number>()
  const claimed = new Map<string, Set<string>>()
  for (const { memberId, owned, generation } of members) {
    for (const id of owned.map(partitionId)) {
      const since = newest.get(id) ?? -1
      if (generation < since) continue
      const claims = generation === since ? claimed.get(id) : undefined
      claimed.set(id, (claims ?? new Set()).add(memberId))
      newest.set(id, generation)
    }
  }
  const owners = new Map<string, string>()
  for (const [id, [first]] of claimed) if (first !== undefined) owners.set(id, first)
  return { owners, claimed }
}

function spread(
  partitions: readonly Partition[],
  readers: readonly string[],
  known: { owners: ReadonlyMap<string, string>; load: ReadonlyMap<string, number> },
): [Partition, string][] {
  if (readers.length === 0) return []
  const kept = new Map<string, number>()
  for (const partition of partitions) {
    const owner = known.owners.get(partitionId(partition))
    if (owner !== undefined) kept.set(owner, (kept.get(owner) ?? 0) + 1)
  }
  // What does not divide evenly goes to those who have least over all topics, and among them to those who hold most here.
  const order = readers.toSorted(
    (a, b) => (known.load.get(a) ?? 0) - (known.load.get(b) ?? 0) || (kept.get(b) ?? 0) - (kept.get(a) ?? 0),
  )
  const quota = new Map<string, number>()
  order.forEach((reader, i) => {
    quota.set(reader, Math.floor((partitions.length + order.length - 1 - i) / order.length))
  })
  const chosen = new Map<Partition, string>()
  const give = (partition: Partition, reader: string): void => {
    chosen.set(partition, reader)
    quota.set(reader, (quota.get(reader) ?? 0) - 1)
  }
  for (const partition of partitions) {
    const owner = known.owners.get(partitionId(partition))
    if (owner !== undefined && (quota.get(owner) ?? 0) > 0) give(partition, owner)
  }
  for (const partition of partitions) {
    const reader = chosen.has(partition) ? undefined : order.find((one) => (quota.get(one) ?? 0) > 0)
    if (reader !== undefined) give(partition, reader)
  }
  return [...chosen]
}
