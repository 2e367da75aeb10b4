import type { Clock } from '../../contracts/clock.ts'

/**
 * How long the leases of this instance last, counted from before they were asked for.
 *
 * I1 They are over as soon as one of the two clocks says so. The monotonic one may stand still while the machine sleeps; the
 *    wall clock may be set back. One that is set forward costs a renewal, and nothing else.
 */
export class LeaseTime {
  readonly #clock: Pick<Clock, 'now' | 'monotonic'>
  readonly #forMs: number
  #since: Instant | undefined

  constructor(clock: Pick<Clock, 'now' | 'monotonic'>, forMs: number) {
    this.#clock = clock
    this.#forMs = forMs
  }

  /** Called before they are asked for. **Shape** to be called when they have been got. */
  ask(): () => void {
    const now = { atMs: this.#clock.monotonic(), wallMs: this.#clock.now() }
    return () => {
      this.#since = now
    }
  }

  end(): void {
    this.#since = undefined
  }

  /** 0 or less: over. */
  get leftMs(): number {
    if (this.#since === undefined) return 0
    const { atMs, wallMs } = this.#since
    return this.#forMs - Math.max(this.#clock.monotonic() - atMs, this.#clock.now() - wallMs)
  }
}

interface Instant {
  readonly atMs: number
  readonly wallMs: number
}
