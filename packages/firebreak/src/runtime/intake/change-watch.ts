import type { Timer } from '../../contracts/clock.ts'
import { isFirebreakError } from '../../contracts/errors.ts'
import { readChangeCounters } from '../../ledger/change-counters.ts'
import { behind, readEpochs } from '../../ledger/partitions.ts'
import type { Parking } from '../delivery/parking.ts'
import type { Instance } from '../instance/instance.ts'
import type { Relay } from '../outbox/relay.ts'
import type { ClaimedPartition } from '../partition/partition.ts'

const busyMs = 20
const sharingMs = 50
const seldomMs = 1000
const compareEveryMs = 1000

/** The parts of the instance that learn of a change. */
export interface ChangeTargets {
  readonly consumer: { readonly claims: readonly ClaimedPartition[] }
  readonly relay: Pick<Relay, 'seen' | 'sharing' | 'refill' | 'decided'>
  readonly parking: Pick<Parking, 'reload'>
}

/**
 * Looks at what others do to the ledger: other instances, and people with the command line. They have no other way to say
 * so. Often while there is something to see, seldom when nobody waits for it; a look is one read of two rows.
 *
 * I1 The numbers only grow. A database that knows less than it has committed was put back, or is another that had not got
 *    everything: what memory holds does not follow from it any more, so the instance halts, and starts from what is there.
 */
export class ChangeWatch {
  readonly #instance: Instance
  readonly #targets: ChangeTargets
  #timer: Timer | undefined
  #decisions = 0
  #compareAtMs = Number.NEGATIVE_INFINITY
  #waitMs = seldomMs
  #stopped = false

  constructor(instance: Instance, targets: ChangeTargets) {
    this.#instance = instance
    this.#targets = targets
  }

  async start(): Promise<void> {
    this.#decisions = (await readChangeCounters(this.#instance.database)).decisions
    this.#again()
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  #again(): void {
    if (!this.#stopped) this.#timer = this.#instance.clock.schedule(this.#waitMs, () => void this.#look())
  }

  async #look(): Promise<void> {
    try {
      // Before the database is asked: what was committed up to here must be there.
      const { relay, parking } = this.#targets
      const { seen } = relay
      const { outbox, decisions } = await readChangeCounters(this.#instance.database)
      if (outbox < seen) throw behind('outbox', seen, outbox)
      if (decisions < this.#decisions) throw behind('decisions', this.#decisions, decisions)
      await this.#compareClaims()
      const isNew = outbox > relay.seen
      this.#waitMs = isNew ? busyMs : Math.min(relay.sharing ? sharingMs : seldomMs, this.#waitMs * 2)
      if (isNew && !this.#stopped) relay.refill()
      if (decisions !== this.#decisions && !this.#stopped) {
        await parking.reload()
        await relay.decided()
        this.#decisions = decisions
      }
    } catch (error) {
      if (isFirebreakError(error, 'FB_DATABASE_BEHIND') && !this.#stopped) return this.#instance.halt(error)
      this.#waitMs = seldomMs
      if (!this.#stopped) this.#instance.emit({ kind: 'infrastructure-error', where: 'database', error })
    }
    this.#again()
  }

  /** A partition in which nothing happens would not notice by itself. A file is not replaced under a process. */
  async #compareClaims(): Promise<void> {
    const { database, clock } = this.#instance
    if (!database.capabilities.shared || clock.monotonic() < this.#compareAtMs) return
    this.#compareAtMs = clock.monotonic() + compareEveryMs
    const known = this.#targets.consumer.claims.map((claimed) => ({ id: claimed.id, epoch: claimed.epoch }))
    if (known.length === 0) return
    const found = await readEpochs(database)
    for (const { id, epoch } of known) if ((found.get(id) ?? 0) < epoch) throw behind(id, epoch, found.get(id) ?? 0)
  }
}
