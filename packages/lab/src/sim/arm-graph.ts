import type { Arm, Edge, SyncEdge } from '../model/scenario.ts'

/** Calls and deliveries that one request at `entry` sets off if nothing fails. An edge that leads back does not count. */
export function attemptsNeeded(arm: Arm, entry: string): number {
  const visits = visitsOf(arm, entry, () => true)
  return [...visits.values()].reduce((sum, count) => sum + count, 0) - 1
}

/** How often one request at `entry` visits each service over the edges that `counts`, if nothing fails; callers first. */
export function visitsOf(arm: Arm, entry: string, counts: (edge: Edge) => boolean): ReadonlyMap<string, number> {
  const { order, forward } = sorted(arm, entry, counts)
  const visits = new Map(order.map((name) => [name, name === entry ? 1 : 0]))
  for (const name of order) {
    const times = visits.get(name) ?? 0
    for (const edge of forward.get(name) ?? []) {
      const calls = edge.kind === 'sync' ? edge.calls : 1
      visits.set(edge.to, (visits.get(edge.to) ?? 0) + times * calls)
    }
  }
  return visits
}

/** Services that can be reached, each behind all that lead to it, and the edges that do not lead back. */
function sorted(
  arm: Arm,
  entry: string,
  counts: (edge: Edge) => boolean,
): { readonly order: readonly string[]; readonly forward: ReadonlyMap<string, readonly Edge[]> } {
  const order: string[] = []
  const forward = new Map<string, Edge[]>()
  const way = new Set<string>()
  const visit = (name: string): void => {
    if (forward.has(name)) return
    const leaving: Edge[] = []
    forward.set(name, leaving)
    way.add(name)
    for (const edge of arm.edges) {
      if (edge.from !== name || way.has(edge.to) || !counts(edge)) continue
      leaving.push(edge)
      visit(edge.to)
    }
    way.delete(name)
    order.unshift(name)
  }
  visit(entry)
  return { order, forward }
}

/** Calls that go out together, and the groups in their order. */
export interface LinkGroup<Link> {
  readonly isParallel: boolean
  readonly links: readonly Link[]
}

/** The groups of the links of one service. A group is parallel when all of its links say so. */
export function groupsOf<Link extends { readonly edge: SyncEdge }>(links: readonly Link[]): readonly LinkGroup<Link>[] {
  const ordered = links.toSorted((a, b) => a.edge.group - b.edge.group)
  const groups = Map.groupBy(ordered, ({ edge }) => edge.group)
  return [...groups.values()].map((members) => {
    return { isParallel: members.every(({ edge }) => edge.parallel), links: members }
  })
}
