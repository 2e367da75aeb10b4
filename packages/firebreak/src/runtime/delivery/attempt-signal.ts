/** What ends the work of a handler: it fires with the deadline of its attempt, and when its partition is no longer ours. */
export class AttemptSignal {
  readonly #controller = new AbortController()
  readonly #partition: AbortSignal | undefined

  constructor(partition: AbortSignal | undefined, hasEnded: boolean) {
    this.#partition = partition
    if (hasEnded) this.#controller.abort()
    else if (partition?.aborted) this.handleEvent()
    else partition?.addEventListener('abort', this, { once: true })
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** The partition has gone. The object is its own listener, which spares a closure. */
  handleEvent(): void {
    this.#controller.abort(this.#partition?.reason)
  }

  /** The attempt is over; without a reason nothing fires, and what goes on with the signal may. */
  end(reason: unknown): void {
    if (reason !== undefined) this.#controller.abort(reason)
    this.#partition?.removeEventListener('abort', this)
  }
}
