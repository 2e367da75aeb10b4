import type { Clock, Timer } from '../../contracts/clock.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import { type NumberOption, valueProblems } from '../../contracts/option.ts'
import { untilQuiet, wholeTurn } from '../../node/quiet.ts'
import { warnOfStall } from '../../node/stall-warning.ts'

/** Time that moves only when a test says so. */
export interface VirtualClock extends Clock {
  /** Sets the wall clock `ms` forward, or back below 0, as an administrator or a time server does; no time passes. */
  jump(ms: number): void
  /** Lets `ms` pass: what becomes due runs in time order, and what each callback sets off ends before the next one. */
  advance(ms: number): Promise<void>
  /** Resolves when everything is done or asleep on this clock; no time passes. */
  settle(): Promise<void>
  /** Callbacks that wait. */
  readonly pending: number
  /** When the next one is due, as `now()` counts; undefined when none waits. */
  readonly nextAtMs: number | undefined
}

interface Alarm {
  readonly atMs: number
  readonly order: number
  run: (() => void) | undefined
}

const stallMs = 5000

export const startOption: NumberOption = {
  kind: 'number',
  unit: 'ms',
  least: -8.64e15,
  most: 8.64e15,
  hasFractions: true,
  default: 1_780_000_000_000,
  meaning: 'the date at which virtual time starts, since the epoch',
}

/**
 * A clock for tests, starting at `startMs` (default: an ordinary day in 2026).
 *
 * **Errors** `FB_INVARIANT` when time is advanced while it is being advanced, and when work goes round forever.
 * A test that waits for virtual time without advancing it gets a warning of the process after 5 s.
 */
export function virtualClock(startMs: number = 1_780_000_000_000): VirtualClock {
  const problems = valueProblems('startMs', startOption, startMs)
  if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
  return new Virtual(startMs)
}

/**
 * I1 Time never goes back, and never beyond the alarm that runs. `now()` differs from it by what the test has set.
 * I2 Alarms run in the order of their dates; those of one date in the order in which they were made.
 * I3 `#heap` is a binary heap over (date, order); cancelled alarms stay in it without a callback until they surface, or
 *    until they outnumber the others.
 */
class Virtual implements VirtualClock {
  #passedMs = 0
  /** What the wall clock shows at the beginning of time. */
  #originMs: number
  #order = 0
  #live = 0
  #heap: Alarm[] = []
  #advancing = false
  #moves = 0

  constructor(startMs: number) {
    this.#originMs = startMs
    watch(new WeakRef(this))
  }

  now(): number {
    return this.#originMs + this.#passedMs
  }

  // Not the figure of the wall clock: arithmetic that mixes the two is wrong in tests as well.
  monotonic(): number {
    return this.#passedMs
  }

  jump(ms: number): void {
    if (!Number.isFinite(ms)) throw stuck(`a wall clock does not jump by ${ms} ms`)
    this.#originMs += ms
  }

  schedule(delayMs: number, run: () => void): Timer {
    // A fraction would make dates that no wall clock has; rounding up keeps "never before".
    const atMs = this.#passedMs + Math.max(0, Math.ceil(delayMs))
    const alarm: Alarm = { atMs, order: this.#order++, run }
    this.#live++
    this.#push(alarm)
    return { cancel: () => this.#cancel(alarm) }
  }

  get pending(): number {
    return this.#live
  }

  get nextAtMs(): number | undefined {
    this.#dropCancelled()
    const first = this.#heap[0]
    return first === undefined ? undefined : this.#originMs + first.atMs
  }

  /** Changes whenever the test has driven the clock. */
  get moves(): number {
    return this.#moves
  }

  async settle(): Promise<void> {
    this.#moves++
    if (!(await untilQuiet())) throw stuck('work goes round forever without waiting on the clock')
  }

  async advance(ms: number): Promise<void> {
    if (!(ms >= 0)) throw stuck(`time does not advance by ${ms} ms`)
    if (this.#advancing) throw stuck('advance() is under way: await it before the next one')
    this.#advancing = true
    try {
      const untilMs = this.#passedMs + ms
      await this.settle()
      for (let count = 1; ; count++) {
        const alarm = this.#due(untilMs)
        if (alarm === undefined) break
        this.#passedMs = Math.max(this.#passedMs, alarm.atMs)
        alarm.run?.()
        await this.settle()
        if (count % 500 === 0) await wholeTurn()
      }
      this.#passedMs = untilMs
    } finally {
      this.#advancing = false
    }
  }

  #cancel(alarm: Alarm): void {
    if (alarm.run === undefined) return
    alarm.run = undefined
    this.#live--
    if (this.#heap.length < 1000 || this.#heap.length < this.#live * 3) return
    const alarms = this.#heap.filter((one) => one.run !== undefined)
    this.#heap = []
    for (const one of alarms) this.#push(one)
  }

  #due(untilMs: number): { atMs: number; run: (() => void) | undefined } | undefined {
    this.#dropCancelled()
    const first = this.#heap[0]
    if (first === undefined || first.atMs > untilMs) return undefined
    this.#shift()
    this.#live--
    const { atMs, run } = first
    first.run = undefined
    return { atMs, run }
  }

  #dropCancelled(): void {
    while (this.#heap.length > 0 && this.#heap[0]?.run === undefined) this.#shift()
  }

  #push(alarm: Alarm): void {
    const heap = this.#heap
    let at = heap.length
    while (at > 0) {
      const parent = (at - 1) >>> 1
      const above = heap[parent] as Alarm
      if (!before(alarm, above)) break
      heap[at] = above
      at = parent
    }
    heap[at] = alarm
  }

  #shift(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1] as Alarm, heap[child] as Alarm)) child++
      if (!before(heap[child] as Alarm, last)) break
      heap[at] = heap[child] as Alarm
      at = child
    }
    heap[at] = last
  }
}

const before = (a: Alarm, b: Alarm): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)

const stuck = (claim: string): FirebreakError =>
  new FirebreakError('FB_INVARIANT', { claim: `virtual clock: ${claim}` })

// The reference is weak, so that the watch ends with the test's last use of its clock.
function watch(ref: WeakRef<Virtual>): void {
  let moves = -1
  let told = -1
  const warning = warnOfStall(stallMs, () => {
    const clock = ref.deref()
    if (clock === undefined) return void warning.cancel()
    const isStalled = clock.pending > 0 && clock.moves === moves
    const isTold = told === clock.moves
    moves = clock.moves
    if (!isStalled || isTold) return undefined
    told = moves
    const inMs = (clock.nextAtMs ?? 0) - clock.now()
    return `Nothing has moved for ${stallMs} ms of real time: ${clock.pending} callbacks wait on a virtual clock, the next in ${inMs} virtual ms. Let time pass with advance(${inMs}).`
  })
}
