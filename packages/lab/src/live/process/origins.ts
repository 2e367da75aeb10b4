import type { Origin } from '../../sim/visit.ts'
import type { RequestIdentity } from './http.ts'

/** A request as a process knows it that it only passes through. */
class RemoteOrigin implements Origin {
  readonly n: number
  readonly salt: number
  readonly key: number
  readonly critical: boolean
  readonly arrivedUs = 0
  /** To the service of this process; the passages over its edges follow. */
  readonly visits: number[] = [0]
  readonly isSettled = false

  constructor({ n, salt, key, critical }: RequestIdentity) {
    this.n = n
    this.salt = salt
    this.key = key
    this.critical = critical
  }

  // Both are counted where the records of all processes come together.
  published(): void {}
  processed(): void {}
}

/** The requests that have come through a process: what a visit is drawn with is tied to how many came before it. */
export class Origins {
  readonly #bySource = new Map<number, Map<number, Origin>>()

  of(identity: RequestIdentity): Origin {
    const known = this.#bySource.get(identity.salt) ?? new Map<number, Origin>()
    if (known.size === 0) this.#bySource.set(identity.salt, known)
    const found = known.get(identity.n) ?? new RemoteOrigin(identity)
    known.set(identity.n, found)
    return found
  }
}
