/**
 * One arm, one replication: requests arrive, visit services, call others and set off messages, in virtual time.
 *
 * The way of a request: `Source.send` -> `Station.arrive` -> `Station.worked` -> `OutgoingCalls` -> `SyncLink.call` (the
 * policy's executor, the same as in production) or `Channel.publish` -> `Station.arrive` of the next service, and back by
 * `answered`. All of it are callbacks of one calendar, `VirtualTime`.
 */

import type { Arm, Scenario } from '../model/scenario.ts'
import { ArmStats, type Span, type WindowCounts } from './arm-stats.ts'
import type { Channel } from './channel.ts'
import type { Station } from './station.ts'
import type { SyncLink } from './sync-link.ts'
import { toUs, VirtualTime } from './virtual-time.ts'
import { wire } from './wiring.ts'

export interface SimulationOptions {
  readonly scenario: Scenario
  readonly arm: Arm
  readonly replication: number
  /** Parts of the run to tally by themselves, beside the measured time. */
  readonly spans: readonly Span[]
}

/** A window that is closed, and what there was at its end. */
export interface ClosedWindow {
  readonly fromUs: number
  readonly toUs: number
  readonly counts: WindowCounts
  readonly backlog: number
  readonly oldestAgeUs: number
  readonly open: number
  /** In the order of the services. */
  readonly services: readonly { readonly busy: number; readonly queued: number }[]
}

/** Areas under the number of busy workers at two instants: what the utilization is computed from. */
export interface BusyMarks {
  readonly warmup: readonly number[]
  readonly end: readonly number[]
}

export class Simulation {
  readonly scenario: Scenario
  readonly arm: Arm
  readonly time: VirtualTime = new VirtualTime()
  readonly stats: ArmStats
  readonly stations: readonly Station[]
  readonly links: readonly SyncLink[]
  readonly channels: readonly Channel[]
  readonly windows: ClosedWindow[] = []
  readonly busyMarks: BusyMarks
  readonly #windowUs: number
  readonly #endUs: number
  readonly #stopUs: number
  #windowFromUs = 0

  constructor({ scenario, arm, replication, spans }: SimulationOptions) {
    this.scenario = scenario
    this.arm = arm
    this.#windowUs = Math.max(1, toUs(scenario.windowMs))
    this.#endUs = toUs(scenario.durationMs)
    this.#stopUs = this.#endUs + toUs(scenario.drainMaxMs)
    const measuredFromUs = toUs(scenario.warmupMs)
    this.stats = new ArmStats(measuredFromUs, spans)
    const marks = { warmup: [] as number[], end: [] as number[] }
    this.busyMarks = marks
    // Marks come before whatever else happens at their instant.
    this.#markAt(measuredFromUs, marks.warmup)
    this.#markAt(this.#endUs, marks.end)
    const wired = wire({ scenario, arm, replication, time: this.time, stats: this.stats })
    this.stations = wired.stations
    this.links = wired.links
    this.channels = wired.channels
  }

  /** Events so far; the end of a window is one too. */
  get events(): number {
    return this.time.fired + this.windows.length
  }

  /** Goes on for at most `eventsMax` events; true when the run is over. */
  advance(eventsMax: number): boolean {
    const last = this.events + eventsMax
    while (!this.#isOver) {
      const untilUs = Math.min(this.#windowFromUs + this.#windowUs, this.#stopUs)
      if (this.events >= last || !this.time.advance(untilUs, last - this.events)) return false
      this.#closeWindow(untilUs)
    }
    return true
  }

  /** Whether anything is still to be done for anybody. */
  get #isOver(): boolean {
    const { nowUs } = this.time
    if (nowUs >= this.#stopUs) return this.windows.length > 0
    if (nowUs < this.#endUs) return false
    // What is open now, and waits for nothing that could happen, stays open.
    if (this.time.waiting === 0) return true
    if (this.stats.open > 0) return false
    return this.stats.messages === 0 && this.stations.every(({ live }) => live.length === 0)
  }

  #closeWindow(untilUs: number): void {
    const oldestAgeUs = this.channels.reduce((oldest, { oldestAgeUs }) => Math.max(oldest, oldestAgeUs), 0)
    this.stats.messageAge(untilUs, oldestAgeUs)
    this.windows.push({
      fromUs: this.#windowFromUs,
      toUs: untilUs,
      counts: this.stats.closeWindow(),
      backlog: this.stats.messages,
      oldestAgeUs,
      open: this.links.reduce((sum, { openBreakers }) => sum + openBreakers, 0),
      services: this.stations.map(({ busy, queued }) => ({ busy, queued })),
    })
    this.#windowFromUs = untilUs
  }

  #markAt(instantUs: number, areas: number[]): void {
    const fire = (): void => {
      for (const station of this.stations) station.integrate()
      areas.push(...this.stations.map(({ stats }) => stats.busyArea))
    }
    this.time.at(instantUs, { ticket: 0, fire })
  }
}
