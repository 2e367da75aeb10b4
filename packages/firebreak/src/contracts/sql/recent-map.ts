/**
 * What was used lately, by its text; at most twice `keepMax` are held.
 *
 * Two generations instead of a linked list: a hit on what is hot costs one look-up and no bookkeeping.
 */
export class RecentMap<Value> {
  readonly #keepMax: number
  #young = new Map<string, Value>()
  #old = new Map<string, Value>()

  constructor(keepMax: number) {
    this.#keepMax = keepMax
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }

  get(key: string): Value | undefined {
    const hot = this.#young.get(key)
    if (hot !== undefined) return hot
    const kept = this.#old.get(key)
    if (kept !== undefined) this.set(key, kept)
    return kept
  }

  set(key: string, value: Value): void {
    if (this.#young.size >= this.#keepMax) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#old.delete(key)
    this.#young.set(key, value)
  }
}
