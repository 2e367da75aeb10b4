import type { Database } from 'firebreak'

/** A database pool as client libraries ship it: ten connections, and a caller that finds none waits for as long as it takes. */
export class Pool {
  readonly #database: Database
  readonly #waiting: (() => void)[] = []
  #free: number

  constructor(database: Database, connectionsMax = 10) {
    this.#database = database
    this.#free = connectionsMax
  }

  /** Holds a connection while `work` runs, whatever it waits for. */
  async use<T>(work: (database: Database) => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((proceed) => this.#waiting.push(proceed))
    try {
      return await work(this.#database)
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free++
      else next()
    }
  }
}
