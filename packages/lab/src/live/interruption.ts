const interrupts = ['SIGINT', 'SIGTERM'] as const

/**
 * What can end a run before its time, and what is cleaned up then.
 *
 * I1 `remove` is called when the run ends, and when this process exits before that.
 * I2 An interrupt of this process ends the run first. Afterwards it has its usual effect, unless somebody else handles it.
 */
export class Interruption {
  readonly signal: AbortSignal
  readonly #own = new AbortController()
  readonly #remove: () => void
  #interrupt: NodeJS.Signals | undefined
  readonly #interrupted = (name: NodeJS.Signals): void => {
    this.#interrupt = name
    this.#own.abort()
  }

  constructor(given: AbortSignal | undefined, remove: () => void) {
    this.signal = given === undefined ? this.#own.signal : AbortSignal.any([given, this.#own.signal])
    this.#remove = remove
    process.on('exit', remove)
    for (const name of interrupts) process.on(name, this.#interrupted)
  }

  end(): void {
    process.off('exit', this.#remove)
    for (const name of interrupts) process.off(name, this.#interrupted)
    this.#remove()
    if (this.#interrupt !== undefined && process.listenerCount(this.#interrupt) === 0)
      process.kill(process.pid, this.#interrupt)
  }
}
