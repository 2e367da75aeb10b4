import type { Clock, Timer } from 'firebreak'
import { toUs, VirtualTime } from '../../sim/virtual-time.ts'

export interface LiveTimeOptions {
  /** The machine's clock. */
  readonly system: Clock
  /** When the run begins, on `system.now()`. */
  readonly startsAtMs: number
  /** Real ms per ms of the scenario. */
  readonly dilation: number
}

// The machine's timers are no finer.
const tickMs = 1

/**
 * The time of a scenario as the machine's clock has it: 0 when the run begins.
 *
 * What the simulation keeps on its calendar stays there, with its exact instants, and fires when the clock has reached them:
 * a timer of the machine that is late makes an answer late, and does not take capacity from a service.
 *
 * I1 Code that touches what lives on the calendar does so within `enter`: it finds everything that was due before it done.
 * I2 Until `stop`, nothing is later than the machine's timers are.
 */
export class LiveTime {
  /** Of the scenario; for executors and for what happens outside of the calendar. */
  readonly clock: Clock
  readonly calendar: VirtualTime = new VirtualTime()
  readonly #system: Clock
  #isInside = false
  #ticker: Timer | undefined

  constructor({ system, startsAtMs, dilation }: LiveTimeOptions) {
    const originMs = untilNextMs(system) + (startsAtMs - system.now())
    const monotonic = (): number => (system.monotonic() - originMs) / dilation
    this.#system = system
    this.clock = {
      now: monotonic,
      monotonic,
      schedule: (delayMs, run) => system.schedule(delayMs * dilation, run),
    }
  }

  start(): void {
    this.#tick()
  }

  stop(): void {
    this.#ticker?.cancel()
  }

  /** Runs `run` after all that is due, and what it made due after it. */
  enter(run: () => void): void {
    if (this.#isInside) {
      run()
      return
    }
    this.#isInside = true
    try {
      this.#catchUp()
      run()
      this.#catchUp()
    } finally {
      this.#isInside = false
    }
  }

  /** Runs `run` within `enter`, after a time of the scenario. */
  after(delayMs: number, run: () => void): void {
    this.enter(() => this.calendar.after(toUs(delayMs), { ticket: 0, fire: run }))
  }

  #catchUp(): void {
    const nowUs = Math.max(this.calendar.nowUs, Math.floor(this.clock.monotonic() * 1000))
    this.calendar.advance(nowUs, Number.POSITIVE_INFINITY)
  }

  readonly #tick = (): void => {
    this.enter(() => undefined)
    this.#ticker = this.#system.schedule(tickMs, this.#tick)
  }
}

/** Waits for the wall clock to move on, so that the processes of a run agree to less than its ms. */
function untilNextMs(system: Clock): number {
  const before = system.now()
  for (;;) {
    const monotonicMs = system.monotonic()
    if (system.now() !== before) return monotonicMs
  }
}
