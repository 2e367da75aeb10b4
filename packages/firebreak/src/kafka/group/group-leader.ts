import type { Cluster } from '../cluster/kafka-cluster.ts'
import { type Assignments, assignPartitions, type Subscriber } from './group-assign.ts'

const lookForPartitionsMs = 30_000

/** What the leader of a group does besides being a member: it assigns, and looks whether there is more to assign. */
export class GroupLeader {
  readonly #cluster: Cluster
  /** Partitions per topic as of the last assignment of ours; undefined while another member leads. */
  #counted: ReadonlyMap<string, number> | undefined
  #countedAtMs = 0

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  async assign(members: readonly Subscriber[]): Promise<Assignments> {
    this.#counted = await this.#count(new Set(members.flatMap((member) => member.topics)))
    this.#countedAtMs = this.#cluster.clock.monotonic()
    return assignPartitions(members, this.#counted)
  }

  /** Another member leads. */
  resign(): void {
    this.#counted = undefined
  }

  /** Looks now and then whether a topic has grown, or is known by now. */
  async hasNewPartitions(): Promise<boolean> {
    const before = this.#counted
    const { clock } = this.#cluster
    if (before === undefined || clock.monotonic() - this.#countedAtMs < lookForPartitionsMs) return false
    this.#countedAtMs = clock.monotonic()
    const now = await this.#count(before.keys())
    return [...now].some(([topic, count]) => count > (before.get(topic) ?? 0))
  }

  /** A topic that the brokers do not know, or not yet, has none; so it is among those that are looked for again. */
  async #count(topics: Iterable<string>): Promise<ReadonlyMap<string, number>> {
    const names = [...topics]
    await this.#cluster.refresh(names)
    return new Map(names.map((name) => [name, this.#cluster.topic(name)?.leaders.length ?? 0]))
  }
}
