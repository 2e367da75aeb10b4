/**
 * The prepared statements of one connection.
 *
 * I1  At most `keepMax` statements are kept; the one that was used longest ago goes, and the server is told to close it.
 * I2  A name is never given twice: what the server still holds under an old name is never run by mistake.
 */
import type { Field } from './values.ts'

/** A statement on its way to being prepared, or prepared. Written by the round trip that carries it. */
export interface Prepared {
  readonly name: string
  readonly text: string
  /** `new` has to be parsed; `sent` is being parsed in the round trip under way. */
  state: 'new' | 'sent' | 'ready'
  /** What its rows look like; null when it has none. */
  fields: readonly Field[] | null
}

export class StatementCache {
  readonly #keepMax: number
  readonly #byText = new Map<string, Prepared>()
  #named = 0
  #closing: string[] = []

  constructor(keepMax: number) {
    this.#keepMax = keepMax
  }

  get size(): number {
    return this.#byText.size
  }

  get(text: string): Prepared {
    let prepared = this.#byText.get(text)
    if (prepared === undefined) {
      if (this.#byText.size >= this.#keepMax) this.#dropOldest()
      prepared = { name: `fb_${++this.#named}`, text, state: 'new', fields: null }
    } else {
      this.#byText.delete(text)
    }
    // A map keeps the order of insertion: the first is the one used longest ago.
    this.#byText.set(text, prepared)
    return prepared
  }

  /** It may or may not be prepared over there: it is closed, and prepared again when it is next asked for. */
  forget(prepared: Prepared): void {
    if (this.#byText.get(prepared.text) === prepared) this.#byText.delete(prepared.text)
    this.#closing.push(prepared.name)
  }

  /** Some or all of them may be gone over there. */
  forgetAll(): void {
    for (const { name } of this.#byText.values()) this.#closing.push(name)
    this.#byText.clear()
  }

  /** The names that the server may forget, each once; the caller tells the server. */
  takeClosing(): readonly string[] {
    if (this.#closing.length === 0) return none
    const names = this.#closing
    this.#closing = []
    return names
  }

  #dropOldest(): void {
    const oldest = this.#byText.values().next().value
    if (oldest !== undefined) this.forget(oldest)
  }
}

const none: readonly string[] = Object.freeze([])
