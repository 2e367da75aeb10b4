import type { LogRecord } from '../../contracts/log.ts'

/**
 * The events of one unit of work. Its body may run again from the start, and then publishes again.
 *
 * I1 They are taken once for each run of the body, after it; one that comes later could not leave any more.
 * I2 Of runs of a body only the last adds events: the code of one before may still go on.
 */
export class OutgoingEvents {
  #made: (LogRecord | Promise<LogRecord>)[] = none
  #isTaken = false
  #run = 0

  get isTaken(): boolean {
    return this.#isTaken
  }

  get count(): number {
    return this.#made.length
  }

  /** Of a schema that is still validating: what the events come to is known later. */
  get hasPending(): boolean {
    return this.#made.some((record) => record instanceof Promise)
  }

  add(made: LogRecord | Promise<LogRecord>): void {
    // What it comes to is asked for at the commit, which may never be reached.
    if (made instanceof Promise) made.catch(() => undefined)
    if (this.#made === none) this.#made = [made]
    else this.#made.push(made)
  }

  take(): readonly LogRecord[] | Promise<readonly LogRecord[]> {
    this.#isTaken = true
    return this.hasPending ? Promise.all(this.#made) : (this.#made as readonly LogRecord[])
  }

  /** Begins a run of the body behind the first `count` events. Returns whether that run is still the last. */
  begin(count: number): () => boolean {
    this.#isTaken = false
    if (this.#made.length > count) this.#made.length = count
    const run = ++this.#run
    return () => run === this.#run
  }
}

const none: never[] = []
