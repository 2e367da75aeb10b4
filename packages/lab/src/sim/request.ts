import type { ArmStats } from './arm-stats.ts'
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
export interface RequestContext {
  readonly time: VirtualTime
  readonly stats: ArmStats
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
  readonly #context: RequestContext
  readonly #onAnswer: (() => void) | undefined
  #isAnswered = false
  #messages = 0

  /** `onAnswer` is called when the entry has answered, well or not. */
  constructor(context: RequestContext, draw: RequestDraw, onAnswer: (() => void) | undefined) {
    this.#context = context
    this.#onAnswer = onAnswer
    this.n = draw.n
    this.salt = draw.salt
    this.key = draw.key
    this.critical = draw.critical
    this.arrivedUs = context.time.nowUs
    this.visits = new Array(context.services).fill(0)
    context.stats.arrived(this, draw.needs)
  }

  answered(outcome: Outcome): void {
    if (outcome === undefined) {
      this.#isAnswered = true
      this.#context.stats.answered(this, this.#context.time.nowUs)
      if (this.#messages === 0 || !this.#context.needsProcessing) this.#settle(undefined)
    } else this.#settle(outcome)
    this.#onAnswer?.()
  }

  published(): void {
    this.#messages++
  }

  processed(outcome: Outcome): void {
    this.#messages--
    if (!this.#context.needsProcessing) return
    if (outcome !== undefined) this.#settle(outcome)
    else if (this.#messages === 0 && this.#isAnswered) this.#settle(undefined)
  }

  #settle(outcome: Outcome): void {
    if (this.isSettled) return
    this.isSettled = true
    this.#context.stats.settled(this, outcome, this.#context.time.nowUs)
  }
}
