import { type Cursor, type Partition, partitionId, placeOf } from '../../contracts/log.ts'
import type { Lanes } from '../delivery/lanes.ts'
import type { Parking } from '../delivery/parking.ts'
import { assertMembers } from '../instance/boot-checks.ts'
import type { Instance } from '../instance/instance.ts'
import { retryUntilDone } from '../instance/retry-until-done.ts'
import type { ShutdownBudget } from '../instance/shutdown-budget.ts'
import { positionsToRewind } from '../partition/log-rewind.ts'
import type { ClaimedPartition } from '../partition/partition.ts'
import { claim } from './claim.ts'
import type { Membership } from './membership.ts'
import type { PositionCommits } from './position-commits.ts'
import { hasDrained, releaseInLedger } from './release.ts'

/** What one instance has claimed, and how partitions come and go. */
export class Assignment {
  readonly #deps: AssignmentDeps
  readonly #claims: Map<string, ClaimedPartition>
  /** Claims that have not been compared with the log. */
  readonly #unchecked = new Set<ClaimedPartition>()

  constructor(deps: AssignmentDeps) {
    this.#deps = deps
    this.#claims = deps.claims
  }

  get claims(): readonly ClaimedPartition[] {
    return [...this.#claims.values()]
  }

  /** Claims what the cursor has been given, and releases what it has lost. */
  async follow(cursor: Cursor): Promise<void> {
    const { instance, relay, stop } = this.#deps
    const assigned = new Map(cursor.assignment().map((p) => [partitionId(p), p]))
    const lost = this.claims.filter((claimed) => !assigned.has(claimed.id))
    const gained = [...assigned].filter(([id]) => !this.#claims.has(id))
    // First, so that it is asked again when the log does not answer. Gaining is a reason too: members that start at once
    // share the first assignment, and none of them loses anything.
    if (lost.length > 0 || gained.length > 0) await assertMembers(instance)
    await this.release(lost, instance.limits.drainMs)
    for (const [id, partition] of gained) await retryUntilDone(instance, stop, () => this.#claim(id, partition))
    await this.#agreeWithLog(cursor)
    // The holder before us may have died between a commit and the relay: what it left in the outbox is ours to send.
    if (gained.length > 0) relay.refill()
  }

  async #claim(id: string, partition: Partition): Promise<void> {
    const { instance, parking, stop } = this.#deps
    const claimed = await claim(instance, partition)
    this.#claims.set(id, claimed)
    this.#unchecked.add(claimed)
    // Tried on its own: claiming once more would make us suspicious of ourselves, and without what is parked in it a
    // partition would let later records of a key run ahead.
    await retryUntilDone(instance, stop, () => parking.adopt(claimed))
  }

  /** After a restored database the cursor is ahead of the ledger: it is opened anew where the ledger stands. */
  async #agreeWithLog(cursor: Cursor): Promise<void> {
    if (this.#unchecked.size === 0) return
    const { instance, membership } = this.#deps
    const unchecked = this.claims.filter((claimed) => this.#unchecked.has(claimed))
    const back = await positionsToRewind(instance.log, instance.service.name, unchecked)
    if (back.length > 0) await cursor.commit(back)
    this.#unchecked.clear()
    for (const { topic, partition, offset } of back)
      instance.emit({ kind: 'rewound', partition: { topic, partition }, to: offset })
    if (back.length > 0) membership.rewound()
  }

  /**
   * Waits for what runs in these partitions, commits where they stand to the log, and lets them go. The next poll, or the end
   * of the cursor, hands them over. Resolves to whether everything in them had ended by itself.
   *
   * Until then each is idle or fenced. Idle: nothing of it is under way. Fenced: what waits for a commit is refused, and a
   * commit that the database has begun either ends before the next member's claim, or finds the epoch raised and changes
   * nothing. So a stop may leave a silent database behind, and what the log learns is what has been committed in both
   * cases. A rebalance has no `time`: it waits for the database.
   */
  async release(claims: readonly ClaimedPartition[], drainMs: number, time?: ShutdownBudget): Promise<boolean> {
    if (claims.length === 0) return true
    const { instance, lanes, parking, positions } = this.#deps
    for (const claimed of claims) {
      for (const lane of claimed.lanes.values()) lanes.forget(claimed, lane)
      parking.drop(claimed)
    }
    const drained = await hasDrained(instance.clock, claims, drainMs)
    for (const claimed of claims) if (claimed.busy.size > 0) claimed.fence()
    const waitFor = async (work: Promise<unknown>): Promise<boolean> =>
      time === undefined ? work.then(() => true) : time.waitFor(work)
    if (!(await waitFor(instance.committer.idle()))) for (const claimed of claims) claimed.fence()
    const clean = new Set(claims.filter((claimed) => !claimed.fenced))
    const committed = positions
      .commit()
      .catch((error) => instance.emit({ kind: 'infrastructure-error', where: 'log', error }))
    await waitFor(Promise.all([committed, releaseInLedger(instance, claims, time !== undefined)]))
    for (const claimed of claims) this.#forget(claimed, clean.has(claimed))
    return drained
  }

  #forget(claimed: ClaimedPartition, drained: boolean): void {
    // A stop that did not wait for this has let it go.
    if (!this.#claims.delete(claimed.id)) return
    this.#deps.positions.forget(claimed.id)
    claimed.fence()
    this.#deps.instance.emit({ kind: 'released', partition: placeOf(claimed), drained })
  }
}

export interface AssignmentDeps {
  readonly instance: Instance
  readonly lanes: Lanes
  readonly parking: Parking
  readonly relay: { refill(): void }
  readonly membership: Membership
  readonly positions: PositionCommits
  /** Written here alone. */
  readonly claims: Map<string, ClaimedPartition>
  readonly stop: AbortSignal
}
