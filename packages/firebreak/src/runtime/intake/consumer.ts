import type { StartFrom } from '../../contracts/log.ts'
import type { Lanes } from '../delivery/lanes.ts'
import type { Parking } from '../delivery/parking.ts'
import type { Backpressure } from '../instance/backpressure.ts'
import type { Instance } from '../instance/instance.ts'
import type { ShutdownBudget } from '../instance/shutdown-budget.ts'
import type { ClaimedPartition } from '../partition/partition.ts'
import { Acceptance } from './acceptance.ts'
import { Assignment } from './assignment.ts'
import { IntakeLimits } from './intake-limits.ts'
import { Membership } from './membership.ts'
import { PollLoop } from './poll-loop.ts'
import { PositionCommits } from './position-commits.ts'

export interface ConsumerDeps {
  readonly instance: Instance
  readonly lanes: Lanes
  readonly parking: Parking
  readonly relay: { refill(): void }
  readonly backpressure: Backpressure
  readonly startFrom: StartFrom
}

/**
 * The intake of one instance: polls, keeps the claims of partitions, and feeds the lanes.
 *
 * I1 The claims equal the cursor's assignment at every poll; a lost partition is drained, committed and released before
 *    the next poll, which is what hands it to somebody else.
 * I2 What is committed to the log is never beyond what the database has committed.
 * I3 A record that the cursor has handed out is accepted, or the cursor is opened anew from what is committed.
 * I4 A full memory, too much parked, a full outbox, or a topic of which nothing could start pauses partitions; the group is
 *    never left.
 */
export class Consumer {
  readonly #instance: Instance
  readonly #membership: Membership
  readonly #assignment: Assignment
  readonly #positions: PositionCommits
  readonly #poll: PollLoop
  #polling: Promise<void> = Promise.resolve()
  readonly #stop = new AbortController()

  constructor({ instance, lanes, parking, relay, backpressure, startFrom }: ConsumerDeps) {
    const stop = this.#stop.signal
    const claims = new Map<string, ClaimedPartition>()
    const membership = new Membership(instance, startFrom, stop)
    const positions = new PositionCommits({ instance, membership, claims, backpressure, stop })
    const assignment = new Assignment({ instance, lanes, parking, relay, membership, positions, claims, stop })
    const acceptance = new Acceptance({ instance, lanes, claims, stop })
    const limits = new IntakeLimits(instance, parking, backpressure)
    this.#instance = instance
    this.#membership = membership
    this.#positions = positions
    this.#assignment = assignment
    this.#poll = new PollLoop({ instance, membership, assignment, acceptance, positions, limits, backpressure, stop })
  }

  get claims(): readonly ClaimedPartition[] {
    return this.#assignment.claims
  }

  async start(): Promise<void> {
    if (this.#instance.service.topics.length === 0) return
    await this.#membership.join()
    this.#polling = this.#poll.run()
  }

  /** Stops intake, waits for what runs, and leaves the group with everything committed, as far as `time` allows. */
  async stop(time: ShutdownBudget): Promise<boolean> {
    this.#stop.abort()
    await time.waitFor(this.#polling)
    const drained = await this.#assignment.release(this.claims, time.drainMs, time)
    this.#positions.cancel()
    await time.waitFor(this.#membership.leave())
    return drained
  }
}
