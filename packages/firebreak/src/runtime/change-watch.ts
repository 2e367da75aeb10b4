import type { Timer } from '../contracts/clock.ts'
import { readMoves } from '../ledger/moves.ts'
import type { Engine } from './engine.ts'

const busyMs = 20
const sharingMs = 50
const seldomMs = 1000

export interface ChangeEvents {
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
 */
export class ChangeWatch {
  readonly #engine: Engine
  readonly #events: ChangeEvents
  #timer: Timer | undefined
  #desk = 0
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
      const { outbox, desk } = await readMoves(this.#engine.database)
      const isNew = outbox > this.#events.seen()
      this.#waitMs = isNew ? busyMs : Math.min(this.#events.sharing() ? sharingMs : seldomMs, this.#waitMs * 2)
      if (isNew && !this.#stopped) this.#events.onOutbox()
      if (desk !== this.#desk && !this.#stopped) {
        await this.#events.onDesk()
        this.#desk = desk
      }
    } catch (error) {
      this.#waitMs = seldomMs
      if (!this.#stopped) this.#engine.tell?.({ kind: 'trouble', where: 'database', error })
    }
    this.#again()
  }
}
