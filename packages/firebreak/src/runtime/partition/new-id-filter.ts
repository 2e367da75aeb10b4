const stretch = 1000

/**
 * Tells which event ids of a partition are new by their order alone. Ids grow with time, and a partition is read in order, so
 * that what is above everything of the last stretch of records, and above everything marked when the partition was claimed,
 * needs no look into the inbox. A hint: the commit asks again.
 */
export class NewIdFilter {
  /** Ids up to it are looked up. */
  #floor: string
  /** The highest id of the stretch before this one, and of all so far. */
  #previous: string
  #highest: string
  #count = 0

  constructor(highestMarked: string) {
    this.#floor = highestMarked
    this.#previous = highestMarked
    this.#highest = highestMarked
  }

  isNew(id: string): boolean {
    const isNew = id > this.#floor
    if (id > this.#highest) this.#highest = id
    if (++this.#count === stretch) {
      this.#count = 0
      this.#floor = this.#previous
      this.#previous = this.#highest
    }
    return isNew
  }
}
