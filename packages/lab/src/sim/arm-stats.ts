/**
 * What is written down about the requests and messages of an arm.
 *
 * I1 offered = succeeded + failures + open, over all requests and within every span.
 * I2 The windows of a run add up to its totals.
 */
import type { FailureReason } from '../model/result.ts'
import { Samples } from './samples.ts'
import type { Origin, Outcome } from './visit.ts'

/** Part of the run by the instant of arrival. **Units** µs; `toUs` excluded */
export interface Span {
  readonly fromUs: number
  readonly toUs: number
}

/** What became of the requests that arrived within a span. What is in neither count is still open. */
export class Tally {
  readonly span: Span
  offered = 0
  answered = 0
  succeeded = 0
  readonly failed: Partial<Record<FailureReason, number>> = {}
  failures = 0
  readonly latencies: Samples = new Samples()
  readonly answers: Samples = new Samples()

  constructor(span: Span) {
    this.span = span
  }

  holds(request: Origin): boolean {
    return request.arrivedUs >= this.span.fromUs && request.arrivedUs < this.span.toUs
  }

  settled(outcome: Outcome, us: number): void {
    if (outcome === undefined) {
      this.succeeded++
      this.latencies.add(us)
    } else {
      this.failures++
      this.failed[outcome] = (this.failed[outcome] ?? 0) + 1
    }
  }
}

/** What happened in the window that is open. */
export interface WindowCounts {
  offered: number
  succeeded: number
  failed: number
  attempts: number
}

const noCounts = (): WindowCounts => ({ offered: 0, succeeded: 0, failed: 0, attempts: 0 })

export class ArmStats {
  /** Every request, from the start. */
  readonly all: Tally = new Tally({ fromUs: 0, toUs: Number.POSITIVE_INFINITY })
  readonly measured: Tally
  /** Of the measured time, and of parts of the run that are asked for. */
  readonly tallies: readonly Tally[]
  /** Calls over sync edges and deliveries of queue edges. */
  attempts = 0
  /** As many as that would be if nothing failed. */
  needed = 0
  /** Requests that are open: arrived, and not settled. */
  open = 0
  /** Messages that are not settled; and the most, and the greatest age of any, within the measured time. */
  messages = 0
  messagesMax = 0
  messageAgeMaxUs = 0
  #window: WindowCounts = noCounts()

  constructor(measuredFromUs: number, spans: readonly Span[]) {
    this.measured = new Tally({ fromUs: measuredFromUs, toUs: Number.POSITIVE_INFINITY })
    this.tallies = [this.measured, ...spans.map((span) => new Tally(span))]
  }

  /** `needs`: the attempts that it takes if nothing fails. */
  arrived(request: Origin, needs: number): void {
    this.needed += needs
    this.open++
    this.all.offered++
    this.#window.offered++
    for (const tally of this.tallies) if (tally.holds(request)) tally.offered++
  }

  answered(request: Origin, nowUs: number): void {
    this.all.answered++
    for (const tally of this.tallies) {
      if (!tally.holds(request)) continue
      tally.answered++
      tally.answers.add(nowUs - request.arrivedUs)
    }
  }

  settled(request: Origin, outcome: Outcome, nowUs: number): void {
    this.open--
    if (outcome === undefined) this.all.succeeded++
    else this.all.failures++
    if (outcome === undefined) this.#window.succeeded++
    else this.#window.failed++
    for (const tally of this.tallies) if (tally.holds(request)) tally.settled(outcome, nowUs - request.arrivedUs)
  }

  attempted(): void {
    this.attempts++
    this.#window.attempts++
  }

  published(nowUs: number): void {
    this.messages++
    if (nowUs >= this.measured.span.fromUs) this.messagesMax = Math.max(this.messagesMax, this.messages)
  }

  messageSettled(): void {
    this.messages--
  }

  messageAge(nowUs: number, ageUs: number): void {
    if (nowUs >= this.measured.span.fromUs) this.messageAgeMaxUs = Math.max(this.messageAgeMaxUs, ageUs)
  }

  /** Closes the window that is open. */
  closeWindow(): WindowCounts {
    const closed = this.#window
    this.#window = noCounts()
    return closed
  }
}
