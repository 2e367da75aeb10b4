import { type Partition, partitionId } from '../../contracts/log.ts'
import type { Assigned, Assignment } from '../group/membership.ts'
import { commitRound, type Holding, type HoldingEvent, isInView, nextHolding, type Start } from './holding.ts'

/** The holdings of one cursor by `partitionId`. */
export class Holdings {
  readonly #all = new Map<string, Holding>()

  /** What the caller knows to hold. */
  view(): readonly Partition[] {
    return this.#where(isInView)
  }

  /** What nobody else may get; what is assigned and was not followed yet is among it. */
  claimed(assignment: Assignment): readonly Partition[] {
    const claimed = this.#where(({ state }) => state !== 'fenced')
    const assigned = [...assignment.values()].map(({ partition }) => partition)
    return [...new Map([...claimed, ...assigned].map((one) => [partitionId(one), one])).values()]
  }

  /** The round under which a commit of the partition is taken; undefined where it is refused. */
  commitRound(id: string): number | undefined {
    return commitRound(this.#all.get(id))
  }

  /** Brings the holdings in line with the assignment. **Shape** what is new, by `partitionId`: it must be placed. */
  follow(assignment: Assignment, nowMs: number): Assignment {
    for (const id of this.#all.keys()) if (!assignment.has(id)) this.#apply(id, { kind: 'revoked', atMs: nowMs })
    const fresh = new Map<string, Assigned>()
    for (const [id, given] of assignment)
      if (this.#apply(id, { kind: 'assigned', ...given }) && this.#all.get(id)?.state === 'given') fresh.set(id, given)
    return fresh
  }

  /** The group has moved on without this member. */
  lose(): void {
    this.#applyAll({ kind: 'lost' })
  }

  place(id: string, round: number, start: Start): void {
    this.#apply(id, { kind: 'placed', round, start })
  }

  /** Where to start was not found: what is still assigned is new to the next `follow`. */
  unplace(id: string, round: number): void {
    this.#apply(id, { kind: 'unplaced', round })
  }

  /** Takes what can be read, into the view. */
  take(): readonly { readonly partition: Partition; readonly start: Start }[] {
    const placed = [...this.#all.values()].flatMap((one) => (one.state === 'placed' ? [one] : []))
    this.#applyAll({ kind: 'taken' })
    return placed
  }

  /** Takes what is lost out of the view. **Shape** its ids. */
  show(): readonly string[] {
    return this.#applyAll({ kind: 'shown' })
  }

  /** What a poll has shown as lost is drained. Whether there was something. */
  drained(): boolean {
    return this.#applyAll({ kind: 'drained' }).length > 0
  }

  /** Gives up what has not been drained for `timeoutMs`. Whether there was something. */
  expire(nowMs: number, timeoutMs: number): boolean {
    let isLate = false
    for (const [id, one] of this.#all)
      if ('sinceMs' in one && one.sinceMs + timeoutMs <= nowMs) isLate = this.#apply(id, { kind: 'expired' }) || isLate
    return isLate
  }

  /** Since when the group waits for the partition that it waits for longest; undefined when it waits for none. */
  get drainingSinceMs(): number | undefined {
    const since = [...this.#all.values()].flatMap((one) => ('sinceMs' in one ? [one.sinceMs] : []))
    return since.length === 0 ? undefined : Math.min(...since)
  }

  clear(): void {
    this.#all.clear()
  }

  #where(isMeant: (holding: Holding) => boolean): readonly Partition[] {
    return [...this.#all.values()].filter(isMeant).map(({ partition }) => partition)
  }

  /** **Shape** the ids of those that it changed. */
  #applyAll(event: HoldingEvent): readonly string[] {
    return [...this.#all.keys()].filter((id) => this.#apply(id, event))
  }

  #apply(id: string, event: HoldingEvent): boolean {
    const before = this.#all.get(id)
    const after = nextHolding(before, event)
    if (after === before) return false
    if (after === undefined) this.#all.delete(id)
    else this.#all.set(id, after)
    return true
  }
}
