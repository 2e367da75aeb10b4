import type { Engine } from '../instance/engine.ts'
import { type Delivery, unread } from '../message/message.ts'
import { type ClaimedPartition, type Lane, laneOf, type Waiting } from '../partition/partition.ts'
import type { DeliveryEnd } from './deliver.ts'
import { settleParked } from './outcomes.ts'
import type { Parking } from './parking.ts'

/**
 * The lanes of live records: one after the other per key, as many keys at once as there are records.
 *
 * I1 A lane has one runner: it is in its partition's `lanes` from its first record until its runner has ended.
 * I2 Records are started in the order of their positions; a stop starts no more and drops what waits, because nothing
 *    of it is finished and the log still has it.
 */
export class Lanes {
  readonly #engine: Engine
  readonly #parking: Parking
  readonly #deliver: (delivery: Delivery) => Promise<DeliveryEnd>
  readonly #onRoom: () => void
  #stopped = false
  /** Records in memory, over all partitions. */
  held = 0

  constructor(deps: {
    engine: Engine
    parking: Parking
    deliver: (d: Delivery) => Promise<DeliveryEnd>
    onRoom: () => void
  }) {
    this.#engine = deps.engine
    this.#parking = deps.parking
    this.#deliver = deps.deliver
    this.#onRoom = deps.onRoom
  }

  push(partition: ClaimedPartition, record: Waiting): void {
    const id = laneOf(record.entry)
    const running = partition.lanes.get(id)
    partition.held++
    this.held++
    if (running !== undefined) {
      running.waiting.push(record)
      return
    }
    const lane = { id, waiting: [record] }
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
        const { entry, inboxId, handled } = lane.waiting.shift() as Waiting
        const delivery = { partition, entry, lane: lane.id, inboxId, handled, parked: null }
        if (partition.parked.has(lane.id)) await this.#parkBehind(delivery)
        else {
          partition.busy.add(lane.id)
          this.#ended(partition, lane.id, await this.#deliver(delivery))
        }
        this.#dropped(partition, 1)
      }
    } catch (error) {
      this.#engine.halt(error as Error)
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
      await settleParked(this.#engine, unread(delivery), null, { attempts: [], failingSinceMs: null })
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
    this.held -= count
    this.#onRoom()
  }
}
