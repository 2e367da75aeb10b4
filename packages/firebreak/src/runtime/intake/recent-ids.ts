const none: ReadonlySet<string> = new Set()

/** The event ids of the last records, one to two times `generationMax`: notices copies that come close together. */
export class RecentIds {
  readonly #generationMax: number
  #recent = new Set<string>()
  #older: ReadonlySet<string> = none

  constructor(generationMax: number) {
    this.#generationMax = generationMax
  }

  /** Whether an id is among them; one that is not is from now on. */
  sees(id: string): boolean {
    if (this.#recent.has(id) || this.#older.has(id)) return true
    // Two generations: forgetting ids one by one costs more than a look into both.
    if (this.#recent.size >= this.#generationMax) {
      this.#older = this.#recent
      this.#recent = new Set()
    }
    this.#recent.add(id)
    return false
  }
}
