import { invariant } from '../../contracts/errors.ts'
import { formatAbove, parseAbove, type Range } from '../../ledger/verify/above.ts'

/**
 * Which positions of a partition are finished, when they finish out of order.
 *
 * I1 `next` is the smallest position that is not finished; everything below it is.
 * I2 `above` holds the finished positions beyond `next` as sorted, disjoint, non-touching ranges.
 * I3 A position is accepted once; positions jumped over (compaction, control records) count as finished gaps.
 */
export class Offsets {
  #next: number | null
  #accepted: number | null = null
  #ranges: Range[]
  #gaps = 0
  #committedNext: number | null
  /** Gaps met since the last snapshot. */
  #jumped: number[] | undefined

  constructor(next: number | null, above: string) {
    this.#next = next
    this.#committedNext = next
    this.#ranges = next === null ? [] : parseAbove(next, above)
  }

  /** The smallest unfinished position; null before the first record. */
  get next(): number | null {
    return this.#next
  }

  /** `next` as of the last commit that succeeded; null before the first. */
  get committedNext(): number | null {
    return this.#committedNext
  }

  /** What has been finished so far is durable. */
  committed(): void {
    this.#committedNext = this.#next
    this.#jumped = undefined
  }

  /** Positions between the smallest unfinished and the highest accepted one: what a restart may see again. */
  get span(): number {
    return this.#next === null || this.#accepted === null ? 0 : Math.max(0, this.#accepted + 1 - this.#next)
  }

  /** The position that should come next; null before the first record. */
  get expected(): number | null {
    return this.#accepted === null ? this.#next : this.#accepted + 1
  }

  /** False when the position is finished already: a redelivery after a restart. */
  accept(position: number): boolean {
    if (this.#next === null) this.#next = position
    for (let gap = this.expected ?? position; gap < position; gap++) {
      if (this.#has(gap)) continue
      this.#jump(gap)
    }
    this.#accepted = Math.max(position, this.#accepted ?? position)
    return !this.#has(position)
  }

  finish(position: number): void {
    invariant(this.#next !== null && position >= this.#next, `position ${position} finishes once`)
    if (position === this.#next) {
      const first = this.#ranges[0]
      if (first !== undefined && first[0] === position + 1) {
        this.#next = first[1] + 1
        this.#ranges.shift()
      } else this.#next = position + 1
      return
    }
    this.#insert(position)
  }

  /** Gaps finished since the last call. */
  takeGaps(): number {
    const gaps = this.#gaps
    this.#gaps = 0
    return gaps
  }

  above(): string {
    return this.#ranges.length === 0 ? '' : formatAbove(this.#next ?? 0, this.#ranges)
  }

  /** To undo what a commit that failed had finished; gaps met while it was under way stay gaps. */
  snapshot(): () => void {
    const { next, gaps } = { next: this.#next, gaps: this.#gaps }
    const jumped: number[] = []
    this.#jumped = jumped
    const ranges = this.#ranges.map(([from, to]): Range => [from, to])
    return () => {
      this.#next = next
      this.#gaps = gaps
      this.#ranges = ranges
      this.#jumped = undefined
      for (const gap of jumped) this.#jump(gap)
    }
  }

  #jump(gap: number): void {
    this.#gaps++
    this.#jumped?.push(gap)
    this.finish(gap)
  }

  #has(position: number): boolean {
    if (this.#next !== null && position < this.#next) return true
    const index = this.#indexAfter(position) - 1
    const range = this.#ranges[index]
    return range !== undefined && position <= range[1]
  }

  // Index of the first range that starts beyond `position`.
  #indexAfter(position: number): number {
    let low = 0
    let high = this.#ranges.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#ranges[middle] as Range)[0] <= position) low = middle + 1
      else high = middle
    }
    return low
  }

  #insert(position: number): void {
    const at = this.#indexAfter(position)
    const left = this.#ranges[at - 1]
    const right = this.#ranges[at]
    invariant(left === undefined || position > left[1], `position ${position} finishes once`)
    const joinsLeft = left !== undefined && left[1] === position - 1
    const joinsRight = right !== undefined && right[0] === position + 1
    if (joinsLeft && joinsRight) {
      left[1] = right[1]
      this.#ranges.splice(at, 1)
    } else if (joinsLeft) left[1] = position
    else if (joinsRight) right[0] = position
    else this.#ranges.splice(at, 0, [position, position])
  }
}
