import type { Clock } from '../../contracts/clock.ts'
import type { Entropy } from '../../contracts/entropy.ts'

const perMs = 4096

/**
 * Ids of jobs: UUIDs of version 7 that rise with each one made, also within a millisecond, so that the order of ids is the order in
 * which one instance enqueued. A clock that is set back does not change that.
 *
 * **Source** RFC 9562, section 6.2, method 1: a counter of 12 bits behind the time
 */
export class JobIds {
  readonly #clock: Pick<Clock, 'now'>
  readonly #entropy: Pick<Entropy, 'uuid'>
  #ms = 0
  #count = 0

  constructor(clock: Pick<Clock, 'now'>, entropy: Pick<Entropy, 'uuid'>) {
    this.#clock = clock
    this.#entropy = entropy
  }

  next(): string {
    const now = this.#clock.now()
    if (now > this.#ms) {
      this.#ms = now
      this.#count = 0
    } else if (++this.#count === perMs) {
      this.#ms++
      this.#count = 0
    }
    const time = this.#ms.toString(16).padStart(12, '0')
    const count = this.#count.toString(16).padStart(3, '0')
    return `${time.slice(0, 8)}-${time.slice(8)}-7${count}-${this.#entropy.uuid().slice(19)}`
  }
}
