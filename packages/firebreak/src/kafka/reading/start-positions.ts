import { partitionId, type StartFrom } from '../../contracts/log.ts'
import type { Cluster } from '../cluster/kafka-cluster.ts'
import { type CommittedPosition, committedPositions, offsetsAt } from '../cluster/kafka-positions.ts'
import type { Assignment } from '../group/membership.ts'
import type { Start } from './holding.ts'

/** Finds out where a member starts in partitions that it was given. */
export class StartPositions {
  readonly #cluster: Cluster
  readonly #group: string
  readonly #commit: (positions: readonly CommittedPosition[], given: Assignment) => Promise<void>
  /** Where a group without a committed position starts; empty for `earliest`. */
  #origins: ReadonlyMap<string, number> = new Map()

  constructor(
    cluster: Cluster,
    group: string,
    commit: (positions: readonly CommittedPosition[], given: Assignment) => Promise<void>,
  ) {
    this.#cluster = cluster
    this.#group = group
    this.#commit = commit
  }

  /** `latest` and a time mean those of now, not those when a partition is given. */
  async resolve(from: StartFrom, topics: readonly string[]): Promise<void> {
    if (from === 'earliest') return
    const all = topics.flatMap((topic) =>
      (this.#cluster.topic(topic)?.leaders ?? []).map((_, partition) => ({ topic, partition })),
    )
    this.#origins = await offsetsAt(this.#cluster, all, from === 'latest' ? 'next' : from)
  }

  async find(given: Assignment): Promise<ReadonlyMap<string, Start>> {
    const partitions = [...given.values()].map(({ partition }) => partition)
    const starts = new Map<string, Start>()
    for (const one of await committedPositions(this.#cluster, this.#group, partitions))
      starts.set(partitionId(one), { offset: one.offset, leaderEpoch: one.leaderEpoch })
    const fresh = partitions.filter((one) => !starts.has(partitionId(one)))
    if (fresh.length === 0) return starts
    const unknown = fresh.filter((one) => !this.#origins.has(partitionId(one)))
    const firsts = unknown.length === 0 ? new Map<string, number>() : await offsetsAt(this.#cluster, unknown, 'first')
    const positions = fresh.map((one) => {
      const id = partitionId(one)
      return { ...one, offset: this.#origins.get(id) ?? firsts.get(id) ?? 0, leaderEpoch: -1 }
    })
    // Committed at once: the next owner must not skip what came in between.
    if (this.#origins.size > 0) await this.#commit(positions, given)
    for (const one of positions) starts.set(partitionId(one), { offset: one.offset, leaderEpoch: -1 })
    return starts
  }
}
