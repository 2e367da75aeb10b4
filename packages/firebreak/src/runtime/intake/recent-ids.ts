const none: ReadonlySet<string> = new Set()

/** The event ids of the last records, two to four times `recordsMax`: notices copies that come close together. */
export class RecentIds {
  readonly #recordsMax: number
  #recent = new Set<string>()
  #older: ReadonlySet<string> = none

  constructor(recordsMax: number) {
    this.#recordsMax = recordsMax
  }

  /** Whether an id is among them; one that is not is from now on. */
  sees(id: string): boolean {
    if (this.#recent.has(id) || this.#older.has(id)) return true
    // Two generations: forgetting ids one by one costs more than a look into both.
    if (this.#recent.size >= this.#recordsMax * 2) {
      this.#older = this.#recent
      this.#recent = new Set()
    }
    this.#recent.add(id)
    return false
  }
}
