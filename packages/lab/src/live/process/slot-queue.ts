/**
 * Who may go next: so many at a time per owner, in the order of asking.
 *
 * I1 An owner has at most `each` turns that are taken, and each is given back once.
 * I2 While the gate is shut, no turn begins; those that are taken go on.
 */
import { Fifo } from '../../sim/fifo.ts'

export class SlotQueue {
  readonly #each: number
  readonly #lines: readonly { taken: number; readonly waiting: Fifo<() => void> }[]
  #isShut = false

  constructor({ owners, each }: { readonly owners: number; readonly each: number }) {
    this.#each = each
    this.#lines = Array.from({ length: owners }, () => ({ taken: 0, waiting: new Fifo<() => void>() }))
  }

  /** Resolves when the turn is there. */
  take(owner: number): Promise<void> {
    return new Promise((resolve) => {
      this.#lines[owner]?.waiting.push(resolve)
      this.#begin(owner)
    })
  }

  giveBack(owner: number): void {
    const line = this.#lines[owner]
    if (line !== undefined) line.taken--
    this.#begin(owner)
  }

  setShut(isShut: boolean): void {
    this.#isShut = isShut
    for (const owner of this.#lines.keys()) this.#begin(owner)
  }

  #begin(owner: number): void {
    const line = this.#lines[owner]
    if (line === undefined) return
    while (!this.#isShut && line.taken < this.#each && line.waiting.size > 0) {
      line.taken++
      line.waiting.shift()?.()
    }
  }
}
