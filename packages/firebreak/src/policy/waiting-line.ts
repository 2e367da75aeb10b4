import { invariant } from '../contracts/errors.ts'

/** An item's place in a line; only valid until the item leaves. */
export interface Place<T> {
  item: T | undefined
  arrivedMs: number
  /** When the item has waited too long. */
  endsMs: number
  older: Place<T> | undefined
  newer: Place<T> | undefined
}

/**
 * Items in the order of their arrival, any of which can leave at once: a linked list whose places are used again.
 *
 * I1 An item is in the line once, and `size` counts exactly those that are in it.
 * I2 A place that is free holds no item. There are as many places as there ever were items at the same time.
 */
export class WaitingLine<T> {
  readonly #places = new Map<T, Place<T>>()
  #oldest: Place<T> | undefined
  #newest: Place<T> | undefined
  // Free places hang on each other by `older`.
  #free: Place<T> | undefined

  get size(): number {
    return this.#places.size
  }

  get oldest(): Place<T> | undefined {
    return this.#oldest
  }

  get newest(): Place<T> | undefined {
    return this.#newest
  }

  /** False when the item is not in the line. */
  remove(item: T): boolean {
    const place = this.#places.get(item)
    if (place === undefined) return false
    this.take(place)
    return true
  }

  /** Puts the item behind all others. The caller fills in the times. */
  push(item: T): Place<T> {
    const place = this.#free ?? { item, arrivedMs: 0, endsMs: 0, older: undefined, newer: undefined }
    this.#free = this.#free?.older
    place.item = item
    place.older = this.#newest
    if (this.#newest === undefined) this.#oldest = place
    else this.#newest.newer = place
    this.#newest = place
    const before = this.#places.size
    this.#places.set(item, place)
    invariant(this.#places.size > before, 'an item waits in one place of a line')
    return place
  }

  /** Takes out the waiter at the place. */
  take(place: Place<T>): T {
    const { older, newer } = place
    const item = place.item as T
    if (older === undefined) this.#oldest = newer
    else older.newer = newer
    if (newer === undefined) this.#newest = older
    else newer.older = older
    this.#places.delete(item)
    place.item = undefined
    place.newer = undefined
    place.older = this.#free
    this.#free = place
    return item
  }
}
