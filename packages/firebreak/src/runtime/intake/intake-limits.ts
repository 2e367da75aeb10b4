import type { Parking } from '../delivery/parking.ts'
import type { Backpressure } from '../instance/backpressure.ts'
import type { Instance } from '../instance/instance.ts'
import type { ClaimedPartition } from '../partition/partition.ts'

const pollRecordsMax = 1000
// A thousand records take the event loop for 10 ms. While many handlers wait, their timers and answers are due in between;
// for a few it is not worth the smaller groups of commits.
const stepRecords = 100
const manyShare = 0.1
// A window of offsets much wider than the records in memory means that one slow key holds the others' progress open.
const spanFactor = 5

/** How much a poll may bring, and of which partitions nothing. */
export class IntakeLimits {
  readonly #instance: Instance
  readonly #parking: Pick<Parking, 'count'>
  readonly #backpressure: Backpressure

  constructor(instance: Instance, parking: Pick<Parking, 'count'>, backpressure: Backpressure) {
    this.#instance = instance
    this.#parking = parking
    this.#backpressure = backpressure
  }

  get recordsMax(): number {
    return Math.min(this.manyHandlersRun ? stepRecords : pollRecordsMax, Math.max(1, this.#backpressure.room))
  }

  get manyHandlersRun(): boolean {
    const { slots, limits } = this.#instance
    return slots.running >= limits.handlersMax * manyShare
  }

  /** The partitions of which nothing is to come at the moment. */
  paused(claims: readonly ClaimedPartition[]): readonly ClaimedPartition[] {
    const { limits, gate } = this.#instance
    if (this.#backpressure.isFull) return claims
    const tooMuchParked = this.#parking.count >= limits.parkedMax
    const count = Math.max(1, claims.length)
    const share = Math.max(100, (limits.recordsMax * 2) / count)
    // Of those that hold parked records only those that hold many: a key that failed must not stop a whole topic.
    const parkedShare = limits.parkedMax / count
    return claims.filter(
      (claimed) =>
        claimed.held >= share ||
        claimed.offsets.span >= limits.recordsMax * spanFactor ||
        (tooMuchParked && claimed.parkedCount >= parkedShare) ||
        gate.isShut(claimed.topic),
    )
  }
}
