import type { Backpressure } from '../instance/backpressure.ts'
import type { Instance } from '../instance/instance.ts'
import type { ClaimedPartition, Delivery, Lane } from '../partition/partition.ts'
import { untried } from './attempt-state.ts'
import type { DeliveryEnd } from './deliver.ts'
import type { Parking } from './parking.ts'
import { settleParked } from './settlements.ts'

/**
 * The lanes of live records: one after the other per key, as many keys at once as there are records.
 *
 * I1 A lane has one runner: it is in its partition's `lanes` from its first record until its runner has ended.
 * I2 Records are started in the order of their positions; a stop starts no more and drops what waits, because nothing
 *    of it is finished and the log still has it.
 */
export class Lanes {
  readonly #instance: Instance
  readonly #parking: Parking
  readonly #deliver: (delivery: Delivery) => Promise<DeliveryEnd>
  readonly #backpressure: Backpressure
  #stopped = false

  constructor(deps: {
    instance: Instance
    parking: Parking
    deliver: (d: Delivery) => Promise<DeliveryEnd>
    backpressure: Backpressure
  }) {
    this.#instance = deps.instance
    this.#parking = deps.parking
    this.#deliver = deps.deliver
    this.#backpressure = deps.backpressure
  }

  push(delivery: Delivery): void {
    const { partition, lane: id } = delivery
    const running = partition.lanes.get(id)
    partition.held++
    this.#backpressure.added()
    if (running !== undefined) {
      running.waiting.push(delivery)
      return
    }
    const lane = { id, waiting: [delivery] }
    partition.lanes.set(id, lane)
    void this.#run(partition, lane)
  }

  /** Starts nothing more. */
  stop(): void {
    this.#stopped = true
  }

  /** Drops what waits in a lane of a partition that goes away. */
  forget(partition: ClaimedPartition, lane: Lane): void {
    this.#dropped(partition, lane.waiting.splice(0).length)
  }

  async #run(partition: ClaimedPartition, lane: Lane): Promise<void> {
    try {
      while (lane.waiting.length > 0 && !this.#stopped && !partition.fenced) {
        const delivery = lane.waiting.shift() as Delivery
        if (partition.parked.has(lane.id)) await this.#parkBehind(delivery)
        else {
          partition.busy.add(lane.id)
          this.#ended(partition, lane.id, await this.#deliver(delivery))
        }
        this.#dropped(partition, 1)
      }
    } catch (error) {
      this.#instance.halt(error as Error)
    }
    this.#dropped(partition, lane.waiting.length)
    partition.lanes.delete(lane.id)
  }

  #ended(partition: ClaimedPartition, lane: string, end: DeliveryEnd): void {
    partition.busy.delete(lane)
    if (typeof end === 'object') this.#parking.parkedUntil(partition, lane, end)
    else if (end === 'held') this.#parking.hold(partition, lane)
    else if (partition.parked.has(lane)) this.#parking.kick()
  }

  /** Something of this key waits in the database: what comes later waits behind it, in order. */
  async #parkBehind(delivery: Delivery): Promise<void> {
    const state = this.#parking.stateOf(delivery.partition, delivery.lane)
    state.count++
    state.pending++
    try {
      await settleParked(this.#instance, delivery, null, untried)
    } catch (error) {
      state.count--
      if (!delivery.partition.fenced) throw error
    } finally {
      state.pending--
      state.landed++
      this.#parking.touch(delivery.partition, delivery.lane)
    }
    this.#parking.kick()
  }

  #dropped(partition: ClaimedPartition, count: number): void {
    partition.held -= count
    this.#backpressure.removed(count)
  }
}
