import { FirebreakError } from '../../contracts/errors.ts'
import type { Cursor, StartFrom } from '../../contracts/log.ts'
import type { Instance } from '../instance/instance.ts'

/**
 * The membership of an instance in its group: its cursor, if it has one, and where that stands.
 *
 *     open -> handed-out -> open     it has moved past records, and they have been accepted
 *     handed-out -> (left)           they could not be accepted
 *     any -> ahead -> (left)         it stands beyond what the database has finished
 */
export class Membership {
  readonly #instance: Instance
  readonly #startFrom: StartFrom
  readonly #stop: AbortSignal
  #cursor: Cursor | undefined
  #state: 'open' | 'handed-out' | 'ahead' = 'open'

  constructor(instance: Instance, startFrom: StartFrom, stop: AbortSignal) {
    this.#instance = instance
    this.#startFrom = startFrom
    this.#stop = stop
  }

  get cursor(): Cursor | undefined {
    return this.#cursor
  }

  async join(): Promise<Cursor> {
    const { log, service, ledger } = this.#instance
    const own = ledger.id === null ? {} : { ledger: ledger.id }
    const cursor = await log.open(service.name, service.topics, { from: this.#startFrom, ...own })
    if (this.#stop.aborted) {
      // The stop has not waited for it, and nobody else would leave the group again.
      await cursor.close()
      throw new FirebreakError('FB_CLOSED', { what: `the runtime of ${service.name}` })
    }
    this.#cursor = cursor
    this.#state = 'open'
    return cursor
  }

  /** The cursor goes even if closing it fails, because it may be ahead of what is committed. */
  async leave(): Promise<void> {
    const cursor = this.#cursor
    this.#cursor = undefined
    this.#state = 'open'
    await cursor?.close()
  }

  get isAhead(): boolean {
    return this.#state === 'ahead'
  }

  get hasHandedOut(): boolean {
    return this.#state === 'handed-out'
  }

  /** From here on the records are ours to keep until they are accepted. */
  handedOut(): void {
    this.#state = 'handed-out'
  }

  accepted(): void {
    this.#state = 'open'
  }

  /** The positions that were committed to the log are before those of the cursor now. */
  rewound(): void {
    this.#state = 'ahead'
  }
}
