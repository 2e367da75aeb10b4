import { FirebreakError } from './errors.ts'
import type { GroupMember } from './log.ts'

/** Those of a group that work on another ledger; one that has not said so may be anybody. */
export function strangersIn(members: readonly GroupMember[], ledger: string | null): readonly GroupMember[] {
  return members.filter((member) => member.ledger !== null && ledger !== null && member.ledger !== ledger)
}

/** Says of a group who is in it, and what to do. */
export function strangersInWords(group: string, count: number): string {
  const works = count === 1 ? '1 member that works' : `${count} members that work`
  return `${group} has ${works} on another ledger: a service has one database and one schema for all its instances, and a name of its own`
}

/**
 * A log that decides alone who is in a group takes nobody beside members of another ledger: of two that come at the same
 * time, one is first. **Errors** `FB_CONFIG`.
 */
export function refuseStranger(group: string, members: readonly GroupMember[], ledger: string | null): void {
  const { length } = strangersIn(members, ledger)
  if (length > 0) throw new FirebreakError('FB_CONFIG', { problems: strangersInWords(group, length) })
}
