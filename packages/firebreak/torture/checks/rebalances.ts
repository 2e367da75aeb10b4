import type { Op } from '../history/history.ts'

/**
 * How often the members of each group were given other partitions than before; the first assignment of a group moves none. A
 * lower bound: a change of one member and the changes of others after it count as one rebalance, until a member changes that
 * has changed since then.
 */
export function countRebalances(ops: readonly Op[]): number {
  const changed = new Map<string, Set<string>>()
  let rounds = 0
  for (const op of ops) {
    if (op.f !== 'assign') continue
    const member = `${op.process} ${op.cursor}`
    const round = changed.get(op.group)
    if (round !== undefined && !round.has(member)) round.add(member)
    else {
      if (round !== undefined) rounds++
      changed.set(op.group, new Set([member]))
    }
  }
  return rounds
}
