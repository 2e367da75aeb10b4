import type { CallCounts } from './http.ts'
import type { LiveTime } from './time.ts'

/** Calls and deliveries that one process has started, and how its calls ended. */
export class AttemptStats {
  /** Per window. */
  readonly perWindow: number[] = []
  /** By the service called. */
  readonly calls: Record<string, CallCounts> = {}
  readonly #time: LiveTime
  readonly #windowMs: number

  constructor(time: LiveTime, windowMs: number) {
    this.#time = time
    this.#windowMs = windowMs
  }

  attempted(): void {
    const window = Math.max(0, Math.floor(this.#time.clock.monotonic() / this.#windowMs))
    while (this.perWindow.length <= window) this.perWindow.push(0)
    this.perWindow[window] = (this.perWindow[window] as number) + 1
  }

  callsTo(service: string): CallCounts {
    const counts = this.calls[service] ?? { sent: 0, answered: 0, broken: 0, givenUp: 0 }
    this.calls[service] = counts
    return counts
  }
}
