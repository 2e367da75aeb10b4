export interface Claimant<Member> {
  readonly member: Member
  wants(partition: number): boolean
}

/**
 * Spreads partitions over the members that want them: counts differ by one at most where the subscriptions allow it,
 * and a partition stays with its holder unless balance needs it to move.
 */
export function assignPartitions<Member>(
  partitions: readonly number[],
  claimants: readonly Claimant<Member>[],
  holders: ReadonlyMap<number, Member>,
): Map<Member, Set<number>> {
  const shares = new Map(claimants.map(({ member }) => [member, new Set<number>()]))
  const size = (c: Claimant<Member>): number => shares.get(c.member)?.size ?? 0
  const lightest = (partition: number): Claimant<Member> | undefined => {
    let found: Claimant<Member> | undefined
    for (const c of claimants) if (c.wants(partition) && (found === undefined || size(c) < size(found))) found = c
    return found
  }
  const free: number[] = []
  for (const partition of partitions) {
    const holder = claimants.find((c) => c.member === holders.get(partition) && c.wants(partition))
    if (holder === undefined) free.push(partition)
    else shares.get(holder.member)?.add(partition)
  }
  for (const partition of free) {
    const to = lightest(partition)
    if (to !== undefined) shares.get(to.member)?.add(partition)
  }
  for (let moved = true; moved; ) {
    moved = false
    for (const from of claimants) {
      for (const partition of [...(shares.get(from.member) ?? [])].reverse()) {
        const to = lightest(partition)
        if (to === undefined || size(from) - size(to) < 2) continue
        shares.get(from.member)?.delete(partition)
        shares.get(to.member)?.add(partition)
        moved = true
      }
    }
  }
  return shares
}
