/**
 * How many handlers run at once. A place is held while a handler runs, never while a record waits.
 *
 * I1 `running` never exceeds `max`; in exclusive use it is exactly 1.
 * I2 An exclusive request is served before later shared ones, so it cannot starve.
 */
export class Slots {
  readonly #max: number
  readonly #waiting: { exclusive: boolean; go: () => void }[] = []
  #head = 0
  #running = 0
  #exclusive = false

  constructor(max: number) {
    this.#max = max
  }

  get running(): number {
    return this.#running
  }

  /** Undefined when a place was free: the hot path awaits nothing. */
  acquire(exclusive = false): Promise<void> | undefined {
    if (this.#waitingCount() === 0 && this.#free(exclusive)) {
      this.#take(exclusive)
      return undefined
    }
    return new Promise((go) => this.#waiting.push({ exclusive, go }))
  }

  release(): void {
    this.#running--
    this.#exclusive = false
    while (this.#waitingCount() > 0) {
      const first = this.#waiting[this.#head] as {
        exclusive: boolean
        go: () => void
      }
      if (!this.#free(first.exclusive)) return
      this.#dropFirst()
      this.#take(first.exclusive)
      first.go()
    }
  }

  // Array.shift moves every element; a moving head moves them once per thousand.
  #dropFirst(): void {
    this.#head++
    if (this.#head < 1024) return
    this.#waiting.splice(0, this.#head)
    this.#head = 0
  }

  #waitingCount(): number {
    return this.#waiting.length - this.#head
  }

  #free(exclusive: boolean): boolean {
    return exclusive ? this.#running === 0 : !this.#exclusive && this.#running < this.#max
  }

  #take(exclusive: boolean): void {
    this.#running++
    this.#exclusive = exclusive
  }
}
