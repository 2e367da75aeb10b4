import type { ArmBooks } from './arm-books.ts'
import type { VirtualTime } from './virtual-time.ts'
import type { Origin, Outcome, VisitCaller } from './visit.ts'

/** What a request is made of. */
export interface RequestDraw {
  readonly n: number
  readonly salt: number
  readonly key: number
  readonly critical: boolean
  /** Attempts that it takes if nothing fails. */
  readonly needs: number
}

/** What all requests of a run share. */
export interface RequestDesk {
  readonly time: VirtualTime
  readonly books: ArmBooks
  readonly services: number
  /** Whether a request has succeeded only when all that it set off is done. */
  readonly needsProcessing: boolean
}

/**
 * A request from outside: settled once, when its entry has answered and, if the arm says so, its messages are done.
 *
 * I1 It is settled once: well, or with the first failure.
 */
export class Request implements Origin, VisitCaller {
  readonly n: number
  readonly salt: number
  readonly key: number
  readonly critical: boolean
  readonly arrivedUs: number
  readonly visits: number[]
  isSettled = false
  readonly #desk: RequestDesk
  readonly #onAnswer: (() => void) | undefined
  #isAnswered = false
  #messages = 0

  /** `onAnswer` is told when the entry has answered, well or not. */
  constructor(desk: RequestDesk, draw: RequestDraw, onAnswer: (() => void) | undefined) {
    this.#desk = desk
    this.#onAnswer = onAnswer
    this.n = draw.n
    this.salt = draw.salt
    this.key = draw.key
    this.critical = draw.critical
    this.arrivedUs = desk.time.nowUs
    this.visits = new Array(desk.services).fill(0)
    desk.books.arrived(this, draw.needs)
  }

  answered(outcome: Outcome): void {
    if (outcome === undefined) {
      this.#isAnswered = true
      this.#desk.books.answered(this, this.#desk.time.nowUs)
      if (this.#messages === 0 || !this.#desk.needsProcessing) this.#settle(undefined)
    } else this.#settle(outcome)
    this.#onAnswer?.()
  }

  published(): void {
    this.#messages++
  }

  processed(outcome: Outcome): void {
    this.#messages--
    if (!this.#desk.needsProcessing) return
    if (outcome !== undefined) this.#settle(outcome)
    else if (this.#messages === 0 && this.#isAnswered) this.#settle(undefined)
  }

  #settle(outcome: Outcome): void {
    if (this.isSettled) return
    this.isSettled = true
    this.#desk.books.settled(this, outcome, this.#desk.time.nowUs)
  }
}
