import { Samples } from './samples.ts'
import type { Visit } from './visit.ts'

/** What can become of a visit. */
export type VisitEnd = 'completed' | 'failed' | 'rejected' | 'abandoned'

type Counts = { arrivals: number; started: number; waited: number; wasted: number } & Record<VisitEnd, number>

const noCounts = (): Counts => ({
  arrivals: 0,
  started: 0,
  waited: 0,
  wasted: 0,
  completed: 0,
  failed: 0,
  rejected: 0,
  abandoned: 0,
})

/**
 * What is written down about one service.
 *
 * I1 arrivals = completed + failed + rejected + abandoned + those that are there.
 * I2 The area under the number of visits that are there is the sum of their times there, to the µs (Little's law).
 */
export class StationStats {
  /** From the start. */
  readonly all: Counts = noCounts()
  /** Of the visits that arrived within the measured time. */
  readonly measured: Counts = noCounts()
  readonly waits: Samples = new Samples()
  readonly sojourns: Samples = new Samples()
  serviceUs = 0
  /** Sum of the times of the visits that have left. */
  sojournUs = 0
  /** Areas under the number of visits that are there, and of those in service. **Units** µs */
  presentArea = 0
  busyArea = 0
  queueMax = 0
  readonly #measuredFromUs: number
  #sinceUs = 0

  constructor(measuredFromUs: number) {
    this.#measuredFromUs = measuredFromUs
  }

  /** Called before either number changes. */
  integrate(nowUs: number, present: number, busy: number): void {
    const passed = nowUs - this.#sinceUs
    if (passed === 0) return
    this.presentArea += passed * present
    this.busyArea += passed * busy
    this.#sinceUs = nowUs
  }

  arrived(visit: Visit): void {
    this.all.arrivals++
    if (this.#isMeasured(visit)) this.measured.arrivals++
  }

  queued(nowUs: number, waiting: number): void {
    if (nowUs >= this.#measuredFromUs && waiting > this.queueMax) this.queueMax = waiting
  }

  started(visit: Visit, hadToWait: boolean): void {
    this.all.started++
    if (hadToWait) this.all.waited++
    if (!this.#isMeasured(visit)) return
    this.measured.started++
    if (hadToWait) this.measured.waited++
    this.waits.add(visit.startedUs - visit.arrivedUs)
  }

  /** `didStart`: it had a worker. */
  left(visit: Visit, end: VisitEnd, nowUs: number, didStart: boolean): void {
    this.all[end]++
    this.sojournUs += nowUs - visit.arrivedUs
    const isWasted = visit.isGivenUp && (end === 'completed' || end === 'failed')
    if (isWasted) this.all.wasted++
    if (!this.#isMeasured(visit)) return
    this.measured[end]++
    if (isWasted) this.measured.wasted++
    if (!didStart) return
    this.serviceUs += nowUs - visit.startedUs
    this.sojourns.add(nowUs - visit.arrivedUs)
  }

  #isMeasured(visit: Visit): boolean {
    return visit.arrivedUs >= this.#measuredFromUs
  }
}
