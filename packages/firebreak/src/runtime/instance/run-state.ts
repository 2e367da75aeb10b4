/**
 * Whether an instance goes on. Every part may halt it, and looks here whether it is to stop.
 *
 * I1 A halt stops the instance at once, whatever else is under way; what has stopped does not go on again.
 */
export class RunState {
  readonly #stopping = new AbortController()
  #onHalt: ((error: Error) => void) | undefined

  /** Aborts when the runtime is to stop, or halts: what fails from then on is nobody's failure. */
  get stopping(): AbortSignal {
    return this.#stopping.signal
  }

  stop(): void {
    this.#stopping.abort()
  }

  /** The set-up or the program is wrong, and going on would make it worse. */
  halt(error: Error): void {
    this.#stopping.abort()
    this.#onHalt?.(error)
  }

  /** Called at each halt, once the parts can be stopped. */
  onHalt(listener: (error: Error) => void): void {
    this.#onHalt = listener
  }
}
