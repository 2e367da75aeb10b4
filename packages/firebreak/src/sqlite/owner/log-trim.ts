import { trimChunk } from '../file/log-retention.ts'
import type { LogStore, StoredPartition } from '../file/log-store.ts'

/** Deletes what is past its retention, one chunk of one partition in a turn of the event loop. */
export class LogTrim {
  readonly #store: LogStore
  /** Partitions to trim, and below which offset all is past its age. */
  readonly #due = new Map<StoredPartition, number>()
  #closed = false

  constructor(store: LogStore) {
    this.#store = store
  }

  add(partition: StoredPartition, agedBelow: number): void {
    if (this.#due.size === 0) this.#schedule()
    this.#due.set(partition, Math.max(agedBelow, this.#due.get(partition) ?? 0))
  }

  close(): void {
    this.#closed = true
  }

  #schedule(): void {
    setImmediate(() => this.#trimOne())
  }

  #trimOne(): void {
    const [next] = this.#due
    if (this.#closed || next === undefined) return
    try {
      if (!trimChunk(this.#store, ...next)) this.#due.delete(next[0])
    } catch {
      // A full disk, say: a later sweep tries again.
      this.#due.delete(next[0])
    }
    if (this.#due.size > 0) this.#schedule()
  }
}
