import { type LogEntry, type Partition, partitionId, placeOf } from '../../contracts/log.ts'
import type { Lanes } from '../delivery/lanes.ts'
import type { Instance } from '../instance/instance.ts'
import { retryUntilDone } from '../instance/retry-until-done.ts'
import { inboxIdOf } from '../message/envelope-codec.ts'
import { type ClaimedPartition, deliveryOf, laneOf } from '../partition/partition.ts'
import { RecentIds } from './recent-ids.ts'

const none: ReadonlySet<string> = new Set()

/** Takes the records of a poll into the lanes: each once, and with what is known of its event already. */
export class Acceptance {
  readonly #instance: Instance
  readonly #lanes: Lanes
  readonly #claims: ReadonlyMap<string, ClaimedPartition>
  readonly #stop: AbortSignal
  readonly #recent: RecentIds

  constructor(deps: {
    instance: Instance
    lanes: Lanes
    claims: ReadonlyMap<string, ClaimedPartition>
    stop: AbortSignal
  }) {
    this.#instance = deps.instance
    this.#lanes = deps.lanes
    this.#claims = deps.claims
    this.#stop = deps.stop
    this.#recent = new RecentIds(deps.instance.limits.recordsMax)
  }

  async accept(entries: readonly LogEntry[]): Promise<void> {
    const ids: (string | null)[] = []
    const old: string[] = []
    const claimOf = this.#cachedClaimLookup()
    for (const entry of entries) {
      const id = inboxIdOf(entry)
      ids.push(id)
      if (id !== null && claimOf(entry)?.newIds.isNew(id) === false) old.push(id)
    }
    const handled = await this.#handledOf(old)
    if (handled !== undefined) this.#push(entries, ids, handled)
  }

  /** Undefined when the instance stopped before the database could tell. */
  async #handledOf(ids: readonly string[]): Promise<ReadonlySet<string> | undefined> {
    if (ids.length === 0) return none
    return retryUntilDone(this.#instance, this.#stop, () => this.#instance.committer.inbox.find(ids))
  }

  #push(entries: readonly LogEntry[], ids: readonly (string | null)[], handled: ReadonlySet<string>): void {
    const claimOf = this.#cachedClaimLookup()
    let at = 0
    for (const entry of entries) {
      const id = ids[at++] ?? null
      const claimed = claimOf(entry)
      if (claimed === undefined || claimed.fenced) continue
      const from = claimed.offsets.expected
      if (from !== null && from < entry.offset)
        this.#instance.emit({ kind: 'offset-gap', partition: placeOf(claimed), from, to: entry.offset })
      if (!claimed.offsets.accept(entry.offset)) continue
      const isHandled = id !== null && this.#isHandled(id, handled)
      const known = { lane: laneOf(entry), inboxId: id, handled: isHandled, parked: null }
      this.#lanes.push(deliveryOf(claimed, entry, known))
    }
  }

  // Copies of one event can sit in memory together, on different partitions even: the later one asks again on its turn.
  #isHandled(id: string, handled: ReadonlySet<string>): boolean | 'ask' {
    if (handled.has(id)) return true
    return this.#recent.sees(id) ? 'ask' : false
  }

  /** Records come partition by partition: the last claim found is mostly the next one asked for. */
  #cachedClaimLookup(): (partition: Partition) => ClaimedPartition | undefined {
    let last: ClaimedPartition | undefined
    return (entry) => {
      if (last?.topic !== entry.topic || last.partition !== entry.partition) last = this.#claims.get(partitionId(entry))
      return last
    }
  }
}
