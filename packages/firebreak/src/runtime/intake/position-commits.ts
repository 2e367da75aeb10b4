import type { Timer } from '../../contracts/clock.ts'
import { type Position, partitionId } from '../../contracts/log.ts'
import type { Backpressure } from '../instance/backpressure.ts'
import type { Instance } from '../instance/instance.ts'
import type { ClaimedPartition } from '../partition/partition.ts'
import type { Membership } from './membership.ts'

const commitEveryMs = 1000

/** Commits to the log what the database has committed, never more: about once a second while something happens. */
export class PositionCommits {
  readonly #instance: Instance
  readonly #membership: Membership
  readonly #claims: ReadonlyMap<string, ClaimedPartition>
  readonly #backpressure: Backpressure
  readonly #stop: AbortSignal
  readonly #committed = new Map<string, number>()
  #timer: Timer | undefined

  constructor(deps: {
    instance: Instance
    membership: Membership
    claims: ReadonlyMap<string, ClaimedPartition>
    backpressure: Backpressure
    stop: AbortSignal
  }) {
    this.#instance = deps.instance
    this.#membership = deps.membership
    this.#claims = deps.claims
    this.#backpressure = deps.backpressure
    this.#stop = deps.stop
  }

  commitSoon(): void {
    if (this.#stop.aborted) return
    this.#timer ??= this.#instance.clock.schedule(commitEveryMs, () => {
      this.#timer = undefined
      this.commit().catch((error) => {
        this.#instance.emit({ kind: 'infrastructure-error', where: 'log', error })
        this.commitSoon()
      })
    })
  }

  async commit(): Promise<void> {
    const positions = this.#uncommitted()
    if (positions.length > 0) await this.#membership.cursor?.commit(positions)
    for (const position of positions) this.#committed.set(partitionId(position), position.offset)
    // Asked again: the log may have taken its time, and nothing else would commit what finished meanwhile.
    if (this.#backpressure.heldRecords > 0 || this.#uncommitted().length > 0) this.commitSoon()
  }

  forget(id: string): void {
    this.#committed.delete(id)
  }

  cancel(): void {
    this.#timer?.cancel()
  }

  /** Where the database is ahead of what the log knows. */
  #uncommitted(): readonly Position[] {
    return [...this.#claims.values()].flatMap((claimed) => {
      const { committedNext } = claimed.offsets
      if (claimed.fenced || committedNext === null || this.#committed.get(claimed.id) === committedNext) return []
      return [{ topic: claimed.topic, partition: claimed.partition, offset: committedNext }]
    })
  }
}
