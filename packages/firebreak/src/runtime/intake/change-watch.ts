import type { Timer } from '../../contracts/clock.ts'
import { isFirebreakError } from '../../contracts/errors.ts'
import { readMoves } from '../../ledger/moves.ts'
import { behind, readEpochs } from '../../ledger/partitions.ts'
import type { Engine } from '../instance/engine.ts'
import type { ClaimedPartition } from '../partition/partition.ts'

const busyMs = 20
const sharingMs = 50
const seldomMs = 1000
const compareEveryMs = 1000

export interface ChangeEvents {
  claims(): readonly ClaimedPartition[]
  /** The number of the newest event that this instance knows of. */
  seen(): number
  /** Other instances put events into shards that this one holds: they wait for it alone. */
  sharing(): boolean
  /** Somebody else has put events into the outbox. */
  onOutbox(): void
  /** Somebody has decided on dead letters. */
  onDesk(): Promise<void>
}

/**
 * Looks at what others do to the ledger: other instances, and people with the command line. They have no other way to say
 * so. Often while there is something to see, seldom when nobody waits for it; a look is one read of two rows.
 *
 * I1 The numbers only grow. A database that knows less than it has committed was put back, or is another that had not got
 *    everything: what memory holds does not follow from it any more, so the instance halts, and starts from what is there.
 */
export class ChangeWatch {
  readonly #engine: Engine
  readonly #events: ChangeEvents
  #timer: Timer | undefined
  #desk = 0
  #compareAtMs = Number.NEGATIVE_INFINITY
  #waitMs = seldomMs
  #stopped = false

  constructor(engine: Engine, events: ChangeEvents) {
    this.#engine = engine
    this.#events = events
  }

  async start(): Promise<void> {
    this.#desk = (await readMoves(this.#engine.database)).desk
    this.#again()
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  #again(): void {
    if (!this.#stopped) this.#timer = this.#engine.clock.schedule(this.#waitMs, () => void this.#look())
  }

  async #look(): Promise<void> {
    try {
      // Before the database is asked: what was committed up to here must be there.
      const seen = this.#events.seen()
      const { outbox, desk } = await readMoves(this.#engine.database)
      if (outbox < seen) throw behind('outbox', seen, outbox)
      if (desk < this.#desk) throw behind('decisions', this.#desk, desk)
      await this.#compareClaims()
      const isNew = outbox > this.#events.seen()
      this.#waitMs = isNew ? busyMs : Math.min(this.#events.sharing() ? sharingMs : seldomMs, this.#waitMs * 2)
      if (isNew && !this.#stopped) this.#events.onOutbox()
      if (desk !== this.#desk && !this.#stopped) {
        await this.#events.onDesk()
        this.#desk = desk
      }
    } catch (error) {
      if (isFirebreakError(error, 'FB_DATABASE_BEHIND') && !this.#stopped) return this.#engine.halt(error)
      this.#waitMs = seldomMs
      if (!this.#stopped) this.#engine.tell?.({ kind: 'trouble', where: 'database', error })
    }
    this.#again()
  }

  /** A partition in which nothing happens would not notice by itself. A file is not replaced under a process. */
  async #compareClaims(): Promise<void> {
    const { database, clock } = this.#engine
    if (!database.capabilities.shared || clock.monotonic() < this.#compareAtMs) return
    this.#compareAtMs = clock.monotonic() + compareEveryMs
    const known = this.#events.claims().map((claimed) => ({ id: claimed.id, epoch: claimed.epoch }))
    if (known.length === 0) return
    const found = await readEpochs(database)
    for (const { id, epoch } of known) if ((found.get(id) ?? 0) < epoch) throw behind(id, epoch, found.get(id) ?? 0)
  }
}
