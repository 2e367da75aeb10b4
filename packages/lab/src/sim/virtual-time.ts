/**
 * Virtual time: a calendar of events in integer microseconds, run at callback level without promises.
 *
 * I1 Events fire in the order of (instant, ticket); tickets rise, so equal instants keep the order in which they were set.
 * I2 An item that is due has at most one live entry, the one with its ticket; any other entry of it in the heap is dead.
 * I3 Time never goes back, and never beyond the event that fires.
 */
import type { Clock, Timer } from 'firebreak'

/** Something that waits for an instant. `ticket` belongs to the calendar: 0 while it does not wait. */
export interface Due {
  ticket: number
  fire(): void
}

const usPerMs = 1000

/** ms as whole µs, to the nearest. */
export const toUs = (ms: number): number => Math.round(ms * usPerMs)

export class VirtualTime implements Clock {
  /** The instant, in µs since the start. */
  nowUs = 0
  /** Events that have fired. */
  fired = 0
  #tickets = 0
  #size = 0
  #waiting = 0
  // A 4-ary heap as three columns: comparing touches numbers only.
  #instants = new Float64Array(1024)
  #entries = new Float64Array(1024)
  #dues: Due[] = []

  now(): number {
    return this.nowUs / usPerMs
  }

  monotonic(): number {
    return this.nowUs / usPerMs
  }

  /** Rounds up to whole µs, so that nothing comes before its time. */
  schedule(delayMs: number, run: () => void): Timer {
    const alarm = new Alarm(this, run)
    // A wait forever is a timer that never fires.
    if (delayMs !== Number.POSITIVE_INFINITY) this.after(Math.ceil(Math.max(0, delayMs) * usPerMs), alarm)
    return alarm
  }

  /** Events that wait, without those that were cancelled. */
  get waiting(): number {
    return this.#waiting
  }

  after(delayUs: number, due: Due): void {
    this.at(this.nowUs + delayUs, due)
  }

  /** Sets or moves the instant of `due`. */
  at(instantUs: number, due: Due): void {
    if (due.ticket === 0) this.#waiting++
    due.ticket = ++this.#tickets
    this.#push(instantUs, due.ticket, due)
  }

  cancel(due: Due): void {
    if (due.ticket === 0) return
    due.ticket = 0
    this.#waiting--
    if (this.#size > 4096 && this.#size > this.#waiting * 4) this.#dropDead()
  }

  /** Fires what is due up to and including `untilUs`, at most `eventsMax` events; true when it got there. */
  advance(untilUs: number, eventsMax: number): boolean {
    const last = this.fired + eventsMax
    while (this.#size > 0) {
      const instant = this.#instants[0] as number
      if (instant > untilUs) break
      const due = this.#dues[0] as Due
      const ticket = this.#entries[0] as number
      if (due.ticket === ticket && this.fired >= last) return false
      this.#shift()
      if (due.ticket !== ticket) continue
      due.ticket = 0
      this.#waiting--
      this.nowUs = instant
      this.fired++
      due.fire()
    }
    this.nowUs = untilUs
    return true
  }

  #push(instant: number, ticket: number, due: Due): void {
    if (this.#size === this.#instants.length) this.#grow()
    const instants = this.#instants
    const entries = this.#entries
    const dues = this.#dues
    let at = this.#size++
    // The ticket is the newest, so that only a later instant makes way.
    while (at > 0) {
      const parent = (at - 1) >> 2
      const above = instants[parent] as number
      if (above <= instant) break
      instants[at] = above
      entries[at] = entries[parent] as number
      dues[at] = dues[parent] as Due
      at = parent
    }
    instants[at] = instant
    entries[at] = ticket
    dues[at] = due
  }

  #shift(): void {
    const size = --this.#size
    const dues = this.#dues
    const last = dues.pop() as Due
    if (size > 0) this.#sink(0, this.#instants[size] as number, this.#entries[size] as number, last)
  }

  /** Puts an entry at `at` or below, where the heap is in order again. */
  #sink(from: number, instant: number, ticket: number, due: Due): void {
    const instants = this.#instants
    const entries = this.#entries
    const dues = this.#dues
    const size = this.#size
    let at = from
    for (;;) {
      const first = at * 4 + 1
      if (first >= size) break
      const end = Math.min(first + 4, size)
      let least = first
      let leastInstant = instants[first] as number
      for (let child = first + 1; child < end; child++) {
        const other = instants[child] as number
        if (other > leastInstant) continue
        if (other === leastInstant && (entries[child] as number) > (entries[least] as number)) continue
        least = child
        leastInstant = other
      }
      if (leastInstant > instant || (leastInstant === instant && (entries[least] as number) > ticket)) break
      instants[at] = leastInstant
      entries[at] = entries[least] as number
      dues[at] = dues[least] as Due
      at = least
    }
    instants[at] = instant
    entries[at] = ticket
    dues[at] = due
  }

  #dropDead(): void {
    const dues = this.#dues
    let live = 0
    for (let at = 0; at < this.#size; at++) {
      const due = dues[at] as Due
      if (due.ticket !== this.#entries[at]) continue
      this.#instants[live] = this.#instants[at] as number
      this.#entries[live] = this.#entries[at] as number
      dues[live++] = due
    }
    this.#size = live
    dues.length = live
    for (let at = (live - 2) >> 2; at >= 0; at--)
      this.#sink(at, this.#instants[at] as number, this.#entries[at] as number, dues[at] as Due)
  }

  #grow(): void {
    const wider = (column: Float64Array): Float64Array<ArrayBuffer> => {
      const wide = new Float64Array(column.length * 2)
      wide.set(column)
      return wide
    }
    this.#instants = wider(this.#instants)
    this.#entries = wider(this.#entries)
  }
}

/** A callback that waits. */
class Alarm implements Due, Timer {
  ticket = 0
  readonly #time: VirtualTime
  readonly #run: () => void

  constructor(time: VirtualTime, run: () => void) {
    this.#time = time
    this.#run = run
  }

  fire(): void {
    this.#run()
  }

  cancel(): void {
    this.#time.cancel(this)
  }
}
