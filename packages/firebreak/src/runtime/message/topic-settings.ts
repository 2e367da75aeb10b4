import type { Log } from '../../contracts/log.ts'

interface Setting {
  readonly partitions: number
  readonly recordBytesMax: number
}

/** What the log says of the topics that a service writes to. What is not known yet limits nothing. */
export class TopicSettings {
  readonly #log: Log
  #known: ReadonlyMap<string, Setting> = new Map()
  #names: readonly string[] = []
  #isAsking = false

  constructor(log: Log) {
    this.#log = log
  }

  /** **Errors** those of the log's inspection; what was known before stays. */
  async learn(names: readonly string[]): Promise<void> {
    this.#names = names
    const found = await this.#log.inspect().topics(names)
    this.#known = new Map(found.map((topic) => [topic.name, topic]))
  }

  /** Somebody may have changed them. For those who cannot wait: what is found counts from then on. */
  askAgain(): void {
    if (this.#isAsking || this.#names.length === 0) return
    this.#isAsking = true
    this.learn(this.#names)
      .catch(() => undefined)
      .finally(() => (this.#isAsking = false))
  }

  /** Key + value + headers of one record, in bytes. */
  recordBytesMax(topic: string): number {
    return Math.min(this.#known.get(topic)?.recordBytesMax ?? Number.POSITIVE_INFINITY, this.#logMax)
  }

  /** Undefined while it is not known. */
  partitions(topic: string): number | undefined {
    return this.#known.get(topic)?.partitions
  }

  get #logMax(): number {
    return this.#log.capabilities.recordBytesMax
  }
}
